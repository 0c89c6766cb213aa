-- Reads what tracks play into WAV files, a few milliseconds at a time. Leaves nothing in the project.
--
-- REAPER's audio accessors give what a track's items play, with their fades, volumes and take effects, before the
-- track's own effects and fader: that is what a take on the track will stand beside. A mono item plays into both
-- channels of its track, so that two are read at least, and the first of them is the sound.

local wav, project, reader = ...
local stems = {}

local CHUNK = 4096 -- frames read at once

-- A stem to read: samples `[start, stop)` of `track` with `channels` channels, into `path`. Returns it, or nil and why.
local function open (wanted)
  local file, why = wav.create (wanted.path, wanted.rate, wanted.channels, wanted.stop - wanted.start, wanted.is_double)
  if not file then return nil, why end
  local accessor = reaper.CreateTrackAudioAccessor (wanted.track)
  return {
    track = wanted.track, file = file, accessor = accessor, rate = wanted.rate, channels = wanted.channels,
    at = wanted.start, stop = wanted.stop,
  }
end

local function close (stem)
  reaper.DestroyAudioAccessor (stem.accessor)
  return stem.file.close ()
end

local function first_of_two (samples, frames)
  local mono = {}
  for i = 1, frames do mono[i] = samples[2 * i - 1] end
  return mono
end

local function read_chunk (stem)
  if not reaper.ValidatePtr2 (0, stem.track, "MediaTrack*") then return nil, "a track is gone" end
  local frames, heard = math.min (CHUNK, stem.stop - stem.at), math.max (2, stem.channels)
  local memory = reaper.new_array (frames * heard)
  local second = project.second_of (stem.at, stem.rate)
  local sounds = reaper.GetAudioAccessorSamples (stem.accessor, stem.rate, heard, second, frames, memory)
  if sounds < 0 then return nil, "REAPER cannot read this track" end
  stem.at = stem.at + frames
  if sounds == 0 then return stem.file.add_silence (frames) end
  local samples = memory.table ()
  if stem.channels == 1 then samples = first_of_two (samples, frames) end
  return stem.file.add (samples, frames * stem.channels)
end

-- A reader of all of `wanted` (see `reader`).
function stems.reader (wanted)
  return reader (wanted, open, read_chunk, close)
end

-- Write what `track` plays between two samples into a file at `path`, with all its channels and to the last bit, at once.
-- Raises where that cannot be.
function stems.keep (track, start, stop, rate, path)
  local part = path .. ".part"
  local channels = math.max (2, math.floor (reaper.GetMediaTrackInfo_Value (track, "I_NCHAN")))
  local stem, why = open ({
    track = track, channels = channels, start = start, stop = stop, rate = rate, path = part, is_double = true,
  })
  if not stem then error (why, 0) end
  local fine = true
  while fine and stem.at < stem.stop do fine, why = read_chunk (stem) end
  if not close (stem) or not fine then
    os.remove (part)
    error (why or "the disk is full", 0)
  end
  os.remove (path) -- Windows renames to nothing that is there
  assert (os.rename (part, path))
end

return stems
