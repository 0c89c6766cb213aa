-- The items of a track, and where they fade.

local tracks = ...
local items = {}

-- The items of a track between two times, in order: { item, start, stop } in seconds. Lanes that do not play are passed
-- over.
function items.between (track, from, till)
  local list, has_lanes = {}, tracks.has_lanes (track)
  for i = 0, reaper.CountTrackMediaItems (track) - 1 do
    local item = reaper.GetTrackMediaItem (track, i)
    local start = reaper.GetMediaItemInfo_Value (item, "D_POSITION")
    local stop = start + reaper.GetMediaItemInfo_Value (item, "D_LENGTH")
    local plays = not has_lanes or reaper.GetMediaItemInfo_Value (item, "C_LANEPLAYS") > 0
    if plays and start < till and stop > from then list[#list + 1] = { item = item, start = start, stop = stop } end
  end
  table.sort (list, function (a, b) return a.start < b.start end)
  return list
end

-- The items that are not muted.
function items.audible (track, from, till)
  local list = {}
  for _, found in ipairs (items.between (track, from, till)) do
    if reaper.GetMediaItemInfo_Value (found.item, "B_MUTE") == 0 then list[#list + 1] = found end
  end
  return list
end

-- Where an item of `items.between` fades: until which second in, and from which second out.
function items.fades (found)
  local take = reaper.GetActiveTake (found.item)
  if take and reaper.TakeIsMIDI (take) then return found.start, found.stop end -- notes do not fade
  local function longer (name)
    return math.max (reaper.GetMediaItemInfo_Value (found.item, name),
      reaper.GetMediaItemInfo_Value (found.item, name .. "_AUTO"))
  end
  return found.start + math.max (0, longer ("D_FADEINLEN")), found.stop - math.max (0, longer ("D_FADEOUTLEN"))
end

function items.id (item)
  local _, id = reaper.GetSetMediaItemInfo_String (item, "GUID", "", false)
  return id
end

function items.take_id (take)
  local _, id = reaper.GetSetMediaItemTakeInfo_String (take, "GUID", "", false)
  return id
end

return items
