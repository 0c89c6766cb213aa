-- Reads what tracks play into WAV files, a few milliseconds at a time. Leaves nothing in the project.
--
-- REAPER's audio accessors give what a track's items play, with their fades, volumes and take effects, before the
-- track's own effects and fader: that is what a take on the track will stand beside.

local wav, project, here = ...
local stems = {}

local CHUNK = 8192 -- frames read at once

-- A stem to read: samples `[start, stop)` of `track` with `channels` channels, into `path`. Returns it, or nil and why.
local function open (wanted)
  local rate = project.rate ()
  local file, why = wav.create (wanted.path, rate, wanted.channels, wanted.stop - wanted.start)
  if not file then return nil, why end
  local accessor = reaper.CreateTrackAudioAccessor (wanted.track)
  return {
    file = file, accessor = accessor, rate = rate, channels = wanted.channels, at = wanted.start, stop = wanted.stop,
  }
end

local function close (stem)
  reaper.DestroyAudioAccessor (stem.accessor)
  return stem.file.close ()
end

local function read_chunk (stem)
  local frames = math.min (CHUNK, stem.stop - stem.at)
  local count = frames * stem.channels
  local memory = reaper.new_array (count)
  local sounds =
    reaper.GetAudioAccessorSamples (stem.accessor, stem.rate, stem.channels, stem.at / stem.rate, frames, memory)
  if sounds < 0 then return nil, "REAPER cannot read this track" end
  if sounds == 0 then memory.clear () end
  stem.at = stem.at + frames
  if not stem.file.add (memory.table (), count) then return nil, "the disk is full" end
  return true
end

-- Begin to read all of `wanted` (tables of track, channels, start, stop, path). Returns a reader: `step` reads for so
-- many microseconds and says whether all is done, or nil and why it cannot go on; `fraction` is how far it is.
function stems.reader (wanted)
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
    local fine, mistake = read_chunk (stem)
    if not fine then return nil, mistake end
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

  -- Give up: no file is left.
  function reader.stop ()
    if stem then close (stem) end
    for i = 1, math.min (index, #wanted) do os.remove (wanted[i].path) end
  end

  return reader
end

return stems
