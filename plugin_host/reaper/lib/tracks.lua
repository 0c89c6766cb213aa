-- The tracks of the project in front.

local tracks = {}

local CURRENT = 0
local FIXED_LANES = 2

function tracks.id (track)
  local _, id = reaper.GetSetMediaTrackInfo_String (track, "GUID", "", false)
  return id
end

function tracks.name (track)
  local _, name = reaper.GetTrackName (track)
  return name
end

-- All of them, from the top.
function tracks.all ()
  local list = {}
  for i = 0, reaper.CountTracks (CURRENT) - 1 do list[#list + 1] = reaper.GetTrack (CURRENT, i) end
  return list
end

function tracks.by_id (id)
  for _, track in ipairs (tracks.all ()) do
    if tracks.id (track) == id then return track end
  end
end

function tracks.by_name (name)
  if name == "" then return nil end
  for _, track in ipairs (tracks.all ()) do
    if tracks.name (track):lower () == name:lower () then return track end
  end
end

function tracks.has_lanes (track)
  return reaper.GetMediaTrackInfo_Value (track, "I_FREEMODE") == FIXED_LANES
end

return tracks
