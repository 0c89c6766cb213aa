-- Reads stems one after the other, a few milliseconds at a time. Called with `here`, whose `now` counts microseconds;
-- returns the function that makes a reader.

local here = ...

-- A reader of all of `wanted` (tables of track, channels, start, stop, path). How a host reads is its own: `open (one)`
-- begins a stem, { at, stop, channels, … }; `read (stem)` writes the next frames of it and moves `at`; `close (stem)`
-- ends it. Each says nil and why where it cannot; `close` whether the file is whole.
--
-- `step` reads for so many microseconds and says whether all is done, or nil and why it cannot go on; `fraction` is how
-- far it is; `stop` gives up, and leaves no file.
return function (wanted, open, read, close)
  local index, stem = 1, nil
  local reader, total, done = { fraction = 0 }, 0, 0
  for _, one in ipairs (wanted) do total = total + (one.stop - one.start) * one.channels end

  local function next_chunk ()
    if not stem then
      local why
      stem, why = open (wanted[index])
      if not stem then return nil, why end
    end
    local before = stem.at
    local fine, mistake = read (stem)
    if not fine then return nil, mistake or "the disk is full" end
    done = done + (stem.at - before) * stem.channels
    reader.fraction = done / total
    if stem.at >= stem.stop then
      local whole = close (stem)
      stem, index = nil, index + 1
      if not whole then return nil, "the disk is full" end
    end
    return true
  end

  function reader.step (microseconds)
    local till = here.now () + microseconds
    while index <= #wanted do
      local fine, why = next_chunk ()
      if not fine then return nil, why end
      if here.now () >= till then return index > #wanted end
    end
    return true
  end

  function reader.stop ()
    if stem then close (stem) end
    for i = 1, math.min (index, #wanted) do os.remove (wanted[i].path) end
  end

  return reader
end
