-- What the musician has selected. Called with its modules; returns a function that says where, and on which track.

local meant, tracks = ...

local CURRENT = 0

-- One area where several overlap or touch, as on lanes; from the left.
local function joined (areas)
  table.sort (areas, function (a, b) return a[1] < b[1] end)
  local list = {}
  for _, area in ipairs (areas) do
    local last = list[#list]
    if last and area[1] <= last[2] then last[2] = math.max (last[2], area[2]) else list[#list + 1] = area end
  end
  return list
end

-- Razor areas of a track itself (not of its envelopes), in seconds. From REAPER 7 on, areas of lanes are in a list of their
-- own: `0.0 1.0,0.0 1.0 "{ENVELOPE}",1.0 2.0 "" 0.25 0.75`.
local function razor_of (track)
  local areas = {}
  local function add (first, last, envelope)
    first, last = tonumber (first), tonumber (last)
    if first and last and first < last and envelope == "" then areas[#areas + 1] = { first, last } end
  end
  local known, lanes = reaper.GetSetMediaTrackInfo_String (track, "P_RAZOREDITS_EXT", "", false)
  if known and lanes ~= "" then
    for area in lanes:gmatch ("[^,]+") do
      local first, last, rest = area:match ("^%s*(%S+)%s+(%S+)(.*)$")
      add (first, last, rest and rest:match ('"([^"]*)"') or "")
    end
  else
    local _, edits = reaper.GetSetMediaTrackInfo_String (track, "P_RAZOREDITS", "", false)
    for first, last, envelope in edits:gmatch ('(%S+) (%S+) "([^"]*)"') do add (first, last, envelope) end
  end
  return joined (areas)
end

-- Tracks with razor areas; and those areas by the track's id.
local function razor ()
  local list, areas = {}, {}
  for _, track in ipairs (tracks.all ()) do
    local found = razor_of (track)
    if #found > 0 then
      list[#list + 1] = track
      areas[tracks.id (track)] = found
    end
  end
  return list, areas
end

local function items ()
  local start, stop, list, seen = math.huge, -math.huge, {}, {}
  for i = 0, reaper.CountSelectedMediaItems (CURRENT) - 1 do
    local item = reaper.GetSelectedMediaItem (CURRENT, i)
    local first = reaper.GetMediaItemInfo_Value (item, "D_POSITION")
    start = math.min (start, first)
    stop = math.max (stop, first + reaper.GetMediaItemInfo_Value (item, "D_LENGTH"))
    local track = reaper.GetMediaItem_Track (item)
    if not seen[tracks.id (track)] then
      seen[tracks.id (track)] = true
      list[#list + 1] = track
    end
  end
  return start < stop and { start, stop } or nil, list
end

local function range (is_loop)
  local start, stop = reaper.GetSet_LoopTimeRange2 (CURRENT, false, is_loop, 0, 0, false)
  return start < stop and { start, stop } or nil
end

-- The selected tracks, else those of selected items.
local function selected_tracks ()
  local list = {}
  for i = 0, reaper.CountSelectedTracks (CURRENT) - 1 do list[#list + 1] = reaper.GetSelectedTrack (CURRENT, i) end
  if #list > 0 then return list end
  local _, owners = items ()
  return owners
end

-- Areas { start, stop } in seconds, from the left, and the track; nil and what to do where that is not clear. `names` are
-- the settings. The narrower selection wins: razor areas, then the time selection, then items, then the loop.
return function (names)
  local list, areas = razor ()
  if #list > 0 then
    local track = meant (list, names, tracks.name)
    if track then return areas[tracks.id (track)], track end
    return nil, "Razor areas lie on several tracks. Keep those of one track: the one that takes are wanted for."
  end
  local area = range (false)
  list = area and selected_tracks ()
  if not area then area, list = items () end
  if not area then
    area = range (true)
    list = selected_tracks ()
  end
  if not area then return nil, "Select a time range, a razor area, or an item: the bars that you want anew." end
  local track = meant (list, names, tracks.name)
  if not track and #list == 0 then track = tracks.by_name (names.target) end
  if not track then return nil, "Select one track: the one that takes are wanted for." end
  return { area }, track
end
