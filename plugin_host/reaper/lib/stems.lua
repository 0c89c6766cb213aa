-- Reads what tracks play into WAV files, a few milliseconds at a time. Leaves nothing in the project.
--
-- REAPER's audio accessors give what a track's items play, with their fades, volumes and take effects, before the
-- track's own effects and fader: that is what a take on the track will stand beside. A mono item plays into both
-- channels of its track, so that two are read at least, and the first of them is the sound.
--
-- Instruments, and folders as targets, are rendered by REAPER, with effects and fader, for their takes stand beside the
-- track. Drums in a folder are the sum of its tracks by their faders.

local wav, project, reader, render, heard, bounced, tracks = ...
local stems = {}

local CHUNK = 4096 -- frames read at once

-- ---- what a stem is made of ----------------------------------------------------------------------------------

-- What sounds of `wanted`: a list of { track, gain } whose items are read, and whether it is rendered besides. Nil and why
-- where it cannot be heard.
local function sources (wanted)
  local track, region, rate = wanted.track, wanted.region, wanted.rate
  local is_target = wanted.kind == "target"
  if is_target and not bounced.is (track, region.start / rate, region.stop / rate) then
    return { { track = track, gain = 1 } }, false
  end
  local from, till = wanted.start / rate, wanted.stop / rate
  local how, why = heard.how (track, from, till)
  local ours = bounced.track (track)
  if not how and not ours then return nil, why end
  local is_rendered = how ~= nil and (how.rendered or is_target)
  local parts = how and not is_rendered and how.parts or {}
  if ours and not heard.is_muted (ours) then
    parts = { { track = ours, gain = reaper.GetMediaTrackInfo_Value (ours, "D_VOL") }, table.unpack (parts) }
  end
  return parts, is_rendered
end

-- What REAPER renders of `wanted`, as a file to read; nil and why not.
local function rendered (wanted)
  if project.is_recording () then return nil, "REAPER records, and renders nothing meanwhile" end
  local folder, name = wanted.path:match ("^(.*)[/\\]([^/\\]+)%.wav$")
  local path, why = render (wanted.track, wanted.start, wanted.stop, wanted.rate, folder, name .. "-render")
  if not path then return nil, why end
  local file
  file, why = wav.open (path)
  if file and file.rate == wanted.rate and file.channels == wanted.channels then return { file = file, path = path } end
  if file then file.close () end
  os.remove (path)
  return nil, why or ("REAPER has rendered %d channels of %d samples a second"):format (file.channels, file.rate)
end

local function shut (source)
  source.file.close ()
  os.remove (source.path)
end

-- ---- reading -------------------------------------------------------------------------------------------------

-- A stem to read: samples `[start, stop)` of `track` with `channels` channels, into `path`. Returns it, or nil and why.
local function open_parts (wanted, parts, source)
  local file, why = wav.create (wanted.path, wanted.rate, wanted.channels, wanted.stop - wanted.start, wanted.is_double)
  if not file then
    if source then shut (source) end
    return nil, why
  end
  local stem = {
    file = file, source = source, parts = {}, rate = wanted.rate, channels = wanted.channels,
    at = wanted.start, stop = wanted.stop,
  }
  for i, part in ipairs (parts) do
    stem.parts[i] = { track = part.track, gain = part.gain, accessor = reaper.CreateTrackAudioAccessor (part.track) }
  end
  return stem
end

local function open (wanted)
  if not reaper.ValidatePtr2 (0, wanted.track, "MediaTrack*") then return nil, "a track is gone" end
  local parts, is_rendered = sources (wanted)
  if not parts then return nil, is_rendered end
  local source, why
  if is_rendered then
    source, why = rendered (wanted)
    if not source then return nil, why end
  end
  return open_parts (wanted, parts, source)
end

local function close (stem)
  for _, part in ipairs (stem.parts) do reaper.DestroyAudioAccessor (part.accessor) end
  if stem.source then shut (stem.source) end
  return stem.file.close ()
end

local function first_of_two (samples, frames)
  local mono = {}
  for i = 1, frames do mono[i] = samples[2 * i - 1] end
  return mono
end

-- The next `frames` frames of a part, interleaved; nil where it is silent. Raises where it cannot be read.
local function read_part (stem, part, frames)
  local heard_channels = math.max (2, stem.channels)
  local memory = reaper.new_array (frames * heard_channels)
  local second = project.second_of (stem.at, stem.rate)
  local sounds = reaper.GetAudioAccessorSamples (part.accessor, stem.rate, heard_channels, second, frames, memory)
  if sounds < 0 then error ("REAPER cannot read " .. tracks.name (part.track), 0) end
  return sounds > 0 and memory.table () or nil
end

local function add (sum, samples, gain)
  if not sum and gain == 1 then return samples end
  sum = sum or {}
  for i = 1, #samples do sum[i] = (sum[i] or 0) + gain * samples[i] end
  return sum
end

-- The next `frames` frames of all parts together, interleaved; nil where there is silence.
local function mixed (stem, frames)
  local sum = stem.source and stem.source.file.read (frames)
  for _, part in ipairs (stem.parts) do
    local samples = read_part (stem, part, frames)
    if samples then sum = add (sum, samples, part.gain) end
  end
  return sum
end

local function read_chunk (stem)
  for _, part in ipairs (stem.parts) do
    if not reaper.ValidatePtr2 (0, part.track, "MediaTrack*") then return nil, "a track is gone" end
  end
  local frames = math.min (CHUNK, stem.stop - stem.at)
  local fine, samples = pcall (mixed, stem, frames)
  if not fine then return nil, samples end
  stem.at = stem.at + frames
  if not samples then return stem.file.add_silence (frames) end
  if stem.channels == 1 then samples = first_of_two (samples, frames) end
  return stem.file.add (samples, frames * stem.channels)
end

-- A reader of all of `wanted` (see `reader`).
function stems.reader (wanted)
  return reader (wanted, open, read_chunk, close)
end

-- Write what the items of `track` play between two samples into a file at `path`, with all its channels and to the last bit,
-- at once. Raises where that cannot be.
function stems.keep (track, start, stop, rate, path)
  local part = path .. ".part"
  local channels = math.max (2, math.floor (reaper.GetMediaTrackInfo_Value (track, "I_NCHAN")))
  local wanted = { channels = channels, start = start, stop = stop, rate = rate, path = part, is_double = true }
  local stem, why = open_parts (wanted, { { track = track, gain = 1 } })
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
