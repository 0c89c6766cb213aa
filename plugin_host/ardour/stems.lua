-- Reads what tracks play into WAV files, a few milliseconds at a time. Leaves nothing in the session.
--
-- What is read is the playlist before fader and plugins: regions with their gains, envelopes and fades, in layers.
-- `bounce_range` would be as exact, but it stops the screen until it is done and leaves sources and regions behind.

local wav, reader = ...
local stems = {}

local CHUNK = 4096 -- frames read at once

-- A stem to read: samples `[start, stop)` of `track` with `channels` channels, into `path`. Returns it, or nil and why.
local function open (wanted)
  local frames = wanted.stop - wanted.start
  local file, why = wav.create (wanted.path, wanted.rate, wanted.channels, frames)
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
  local mix, gain, channels, loudest = memory:to_float (0), memory:to_float (CHUNK), {}, 0
  for c = 1, stem.channels do
    local sound = memory:to_float ((1 + c) * CHUNK)
    stem.playlist:read (sound, mix, gain, Temporal.timepos_t (stem.at), Temporal.timecnt_t (count), c - 1)
    channels[c], loudest = sound:array (), ARDOUR.DSP.compute_peak (sound, count, loudest)
  end
  stem.at = stem.at + count
  if loudest == 0 then return stem.file.add_silence (count) end -- Lua fetches samples one by one, 120 ns each
  return stem.file.add_channels (channels, count)
end

-- A reader of all of `wanted` (see `reader`).
function stems.reader (wanted)
  local most = 0
  for _, one in ipairs (wanted) do most = math.max (most, one.channels) end
  local memory = ARDOUR.DSP.DspShm ((2 + most) * CHUNK * 4)
  return reader (
    wanted, open, function (stem) return read_chunk (stem, memory) end, function (stem) return stem.file.close () end)
end

return stems
