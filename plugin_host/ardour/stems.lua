-- Reads what tracks play into WAV files, a few milliseconds at a time. Leaves nothing in the session.
--
-- What is read is the playlist before fader and plugins: regions with their gains, envelopes and fades, in layers. Several
-- tracks that are heard as one (see `tracks`) are summed; of an instrument, what it was bounced to is read.
-- `bounce_range` would be as exact, but it stops the screen until it is done and leaves sources and regions behind.

local wav, reader, tracks = ...
local stems = {}

local CHUNK = 4096 -- frames read at once

-- A function that reads `count` frames of channel `c` (from 0) of `track`, from sample `at` on, into `sound`, with two more
-- buffers to work in. `start` is where a bounce begins.
local function source (track, start)
  if type (track) == "table" and track.bounced then
    local sound = track.bounced:to_audioregion ():to_readable ()
    return function (into, _, _, at, count, c) sound:read (into, at - start, count, c) end
  end
  local playlist, channels = track:playlist ():to_audioplaylist (), tracks.channels (track)
  return function (into, mix, gain, at, count, c)
    playlist:read (into, mix, gain, Temporal.timepos_t (at), Temporal.timecnt_t (count), math.min (c, channels - 1))
  end
end

-- A stem to read: samples `[start, stop)` of `track` with `channels` channels, into `path`. Returns it, or nil and why.
local function open (wanted)
  local frames, parts = wanted.stop - wanted.start, {}
  local file, why = wav.create (wanted.path, wanted.rate, wanted.channels, frames)
  if not file then return nil, why end
  local track = wanted.track
  for i, part in ipairs (type (track) == "table" and track.parts or { { track = track, gain = 1.0 } }) do
    parts[i] = { read = source (part.track, wanted.start), gain = part.gain }
  end
  return { file = file, parts = parts, channels = wanted.channels, at = wanted.start, stop = wanted.stop }
end

local function read_chunk (stem, memory)
  local count = math.min (CHUNK, stem.stop - stem.at)
  local function buffer (number) return memory:to_float (number * CHUNK) end
  local channels, loudest = {}, 0
  for c = 1, stem.channels do
    local sound = buffer (2 + c)
    ARDOUR.DSP.memset (sound, 0, count)
    for _, part in ipairs (stem.parts) do
      part.read (buffer (2), buffer (0), buffer (1), stem.at, count, c - 1)
      ARDOUR.DSP.mix_buffers_with_gain (sound, buffer (2), count, part.gain)
    end
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
  local memory = ARDOUR.DSP.DspShm ((3 + most) * CHUNK * 4)
  return reader (
    wanted, open, function (stem) return read_chunk (stem, memory) end, function (stem) return stem.file.close () end)
end

return stems
