-- Reads the project in front: what is selected, its tracks, what they play, and chords. Changes nothing.

local tracks, selected, items, midi, heard, bounced, line, room, guarded = ...
local project = {}

local CURRENT = 0
local MOST_CHANNELS = 16

-- In all that follows, `rate` is at which samples are counted: the project's, where it is nil.

for name, part in pairs (line) do project[name] = part end
project.refusal, project.unheard, project.remarks = room.refusal, room.unheard, room.remarks
project.heard, project.moved = guarded.heard, guarded.moved

-- Where takes are kept: beside the project's other recordings.
function project.folder ()
  local path = reaper.GetProjectPathEx (CURRENT)
  return path ~= "" and path .. "/Punchin" or ""
end

-- ---- tracks --------------------------------------------------------------------------------------------------

project.id, project.name, project.track, project.named = tracks.id, tracks.name, tracks.by_id, tracks.by_name
project.has_lanes = tracks.has_lanes

-- How many channels a take plays: those of its file, but one of it alone or mixed to mono is one, and two where it is
-- not in the middle.
local function channels_of (take)
  local mode = reaper.GetMediaItemTakeInfo_Value (take, "I_CHANMODE")
  local count = reaper.GetMediaSourceNumChannels (reaper.GetMediaItemTake_Source (take))
  if mode >= 2 then count = 1 end -- 2: mixed to mono; 3, 4: left, right. Beyond: one or two of many channels
  if mode > 66 then count = 2 end
  if count == 1 and reaper.GetMediaItemTakeInfo_Value (take, "D_PAN") ~= 0 then count = 2 end
  return count
end

-- How many channels a take on `track` has between two samples: as many as the widest one there. What is put together of
-- several tracks, or rendered, has two.
function project.channels (track, start, stop)
  local most, rate = 0, line.rate ()
  if bounced.is (track, start / rate, stop / rate) then return 2 end
  for _, found in ipairs (items.between (track, start / rate, stop / rate)) do
    local take = reaper.GetActiveTake (found.item)
    if take and not reaper.TakeIsMIDI (take) then most = math.max (most, channels_of (take)) end
  end
  if most == 0 then return 2 end
  return math.min (MOST_CHANNELS, most, math.floor (reaper.GetMediaTrackInfo_Value (track, "I_NCHAN")))
end

-- Whether `track` is within `folder`, or that itself.
local function is_within (track, folder)
  for _, one in ipairs (heard.within (folder)) do
    if tracks.id (one.track) == tracks.id (track) then return true end
  end
  return false
end

-- The tracks that may be drums: the one that was named, else those that call themselves so, without the target.
local function drum_tracks (name, target)
  if name ~= "" then return { tracks.by_name (name) } end
  local list = {}
  for _, track in ipairs (tracks.all ()) do
    local is_named = tracks.name (track):lower ():find ("drum", 1, true)
    if is_named and not is_within (target, track) and not bounced.target (track) then list[#list + 1] = track end
  end
  return list
end

-- The track to keep time by between two samples: the first that can be heard. Nil where there is none, and why those that
-- there are cannot.
function project.drums (name, target, start, stop)
  local rate, reasons = line.rate (), {}
  for _, track in ipairs (drum_tracks (name, target)) do
    local how, why = heard.how (track, start / rate, stop / rate)
    if how then return track end
    reasons[#reasons + 1] = why
  end
  if #reasons > 0 then return nil, ("Takes follow no drums: %s."):format (table.concat (reasons, "; ")) end
end

-- ---- selection -----------------------------------------------------------------------------------------------

-- What the musician means: samples `start` and `stop`, the track, and a list of { start, stop } of further areas on it. Nil
-- and what to do where that is not clear.
function project.selection (names)
  local areas, track = selected (names)
  if not areas then return nil, track end
  track = bounced.target (track) or track
  local more = {}
  for i = 2, #areas do more[i - 1] = { start = line.sample_of (areas[i][1]), stop = line.sample_of (areas[i][2]) } end
  return line.sample_of (areas[1][1]), line.sample_of (areas[1][2]), track, more
end

-- ---- chords --------------------------------------------------------------------------------------------------

project.notes = midi.notes

-- Regions and markers with their names; a marker ends where it starts. (EnumProjectMarkers3 is old, and there in every
-- version; its successors are not.)
function project.chord_names ()
  local names = {}
  while true do
    local more, is_region, start, stop, name = reaper.EnumProjectMarkers3 (CURRENT, #names)
    if more == 0 then return names end
    names[#names + 1] = {
      start = reaper.TimeMap2_timeToQN (CURRENT, start),
      ["end"] = reaper.TimeMap2_timeToQN (CURRENT, is_region and stop or start),
      name = name,
    }
  end
end

return project
