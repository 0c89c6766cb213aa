-- Reads what tracks play into WAV files, a few milliseconds at a time. Leaves nothing in the session.
--
-- What is read is the playlist before fader and plugins: regions with their gains, envelopes and fades, in layers.
-- `bounce_range` would be as exact, but it stops the screen until it is done and leaves sources and regions behind.

local wav, project, here = ...
local stems = {}

local CHUNK = 4096 -- frames read at once

-- A stem to read: samples `[start, stop)` of `track` with `channels` channels, into `path`. Returns it, or nil and why.
local function open (wanted)
  local frames = wanted.stop - wanted.start
  local file, why = wav.create (wanted.path, Session:nominal_sample_rate (), wanted.channels, frames)
  if not file then return nil, why end
  return {
    file = file,
    playlist = wanted.track:playlist ():to_audioplaylist (),
    channels = wanted.channels,
    at = wanted.start,
    stop = wanted.stop,
  }
end

local function read_chunk (stem, memory)
  local count = math.min (CHUNK, stem.stop - stem.at)
  local mix, gain, channels = memory:to_float (0), memory:to_float (CHUNK), {}
  for c = 1, stem.channels do
    local sound = memory:to_float ((1 + c) * CHUNK)
    stem.playlist:read (sound, mix, gain, Temporal.timepos_t (stem.at), Temporal.timecnt_t (count), c - 1)
    channels[c] = sound:array ()
  end
  stem.at = stem.at + count
  return stem.file.add_channels (channels, count)
end

-- Begin to read all of `wanted` (tables of track, channels, start, stop, path). Returns a reader: `step` reads for so
-- many microseconds and says whether all is done, or nil and why it cannot go on; `fraction` is how far it is.
function stems.reader (wanted)
  local index, stem, most = 1, nil, 0
  local reader, total, done = { fraction = 0 }, 0, 0
  for _, one in ipairs (wanted) do
    total, most = total + (one.stop - one.start) * one.channels, math.max (most, one.channels)
  end
  local memory = ARDOUR.DSP.DspShm ((2 + most) * CHUNK * 4)

  local function next_chunk ()
    if not stem then
      local why
      stem, why = open (wanted[index])
      if not stem then return nil, why end
    end
    local before = stem.at
    if not read_chunk (stem, memory) then return nil, "the disk is full" end
    done = done + (stem.at - before) * stem.channels
    reader.fraction = done / total
    if stem.at >= stem.stop then
      local whole = stem.file.close ()
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
    if stem then stem.file.close () end
    for i = 1, math.min (index, #wanted) do os.remove (wanted[i].path) end
  end

  return reader
end

return stems
