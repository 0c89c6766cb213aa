-- Targets whose takes lie on a track of their own beside them: instruments, which would play over a take, and folders, whose
-- tracks play on. What is heard of them is rendered.

local memory, tracks, heard = ...
local bounced = {}

-- The track on which takes of `target` were laid before, or nil.
function bounced.track (target)
  local placed = memory.all ().placed
  for i = #placed, 1, -1 do
    local track = placed[i].of == tracks.id (target) and tracks.by_id (placed[i].track)
    if track then return track end
  end
end

-- The target whose takes lie on `track`, or nil.
function bounced.target (track)
  for _, record in ipairs (memory.all ().placed) do
    local target = record.of and record.track == tracks.id (track) and tracks.by_id (record.of)
    if target then return target end
  end
end

-- Whether `target` is such a one between two seconds, or has been.
function bounced.is (target, from, till)
  return bounced.track (target) ~= nil or heard.is_bounced (target, from, till)
end

-- The tracks that play between takes' edges in `target`'s stead, and are silenced there: itself and those within it.
function bounced.sources (target)
  local list = {}
  for _, one in ipairs (heard.within (target)) do
    if not one.muted then list[#list + 1] = one.track end
  end
  return list
end

-- A new track for takes of `target`, right above it: so it lies in the same folder, and is heard as loud. It has neither
-- effects nor sends.
function bounced.new_track (target)
  local index = math.floor (reaper.GetMediaTrackInfo_Value (target, "IP_TRACKNUMBER")) - 1
  reaper.InsertTrackAtIndex (index, false)
  local track = reaper.GetTrack (0, index)
  reaper.GetSetMediaTrackInfo_String (track, "P_NAME", tracks.name (target) .. " (Punchin)", true)
  for _, name in ipairs ({ "B_MAINSEND", "I_CUSTOMCOLOR" }) do
    reaper.SetMediaTrackInfo_Value (track, name, reaper.GetMediaTrackInfo_Value (target, name))
  end
  reaper.TrackList_AdjustWindows (false)
  return track
end

return bounced
