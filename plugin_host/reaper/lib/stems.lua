-- Reads what tracks play into WAV files, a few milliseconds at a time. Leaves nothing in the project.
--
-- REAPER's audio accessors give what a track's items play, with their fades, volumes and take effects, before the
-- track's own effects and fader: that is what a take on the track will stand beside. A mono item plays into both
-- channels of its track, so that two are read at least, and the first of them is the sound.

local wav, project, here = ...
local stems = {}

local CHUNK = 4096 -- frames read at once

-- A stem to read: samples `[start, stop)` of `track` with `channels` channels, into `path`. Returns it, or nil and why.
local function open (wanted)
  local rate = project.rate ()
  local file, why = wav.create (wanted.path, rate, wanted.channels, wanted.stop - wanted.start)
  if not file then return nil, why end
  local accessor = reaper.CreateTrackAudioAccessor (wanted.track)
  return {
    track = wanted.track, file = file, accessor = accessor, rate = rate, channels = wanted.channels,
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
  local sounds = reaper.GetAudioAccessorSamples (stem.accessor, stem.rate, heard, stem.at / stem.rate, frames, memory)
  if sounds < 0 then return nil, "REAPER cannot read this track" end
  if sounds == 0 then memory.clear () end
  stem.at = stem.at + frames
  local samples = memory.table ()
  if stem.channels == 1 then samples = first_of_two (samples, frames) end
  if not stem.file.add (samples, frames * stem.channels) then return nil, "the disk is full" end
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
