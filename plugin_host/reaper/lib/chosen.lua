-- Shows another take of those that were laid, or keeps one, each in one undo step.

local json, memory, tracks, items = ...
local chosen = {}

local CURRENT = 0
local ALL = -1 -- what an undo step may have changed
local CROP = 40131 -- Take: Crop to active take in items
local NONE = "There are no takes of ours."

-- ---- which item ----------------------------------------------------------------------------------------------

-- The item of a record, if it still stands.
local function find (record)
  local track = #record.takes > 0 and tracks.by_id (record.track)
  if not track then return nil end
  for _, found in ipairs (items.between (track, -math.huge, math.huge)) do
    if items.id (found.item) == record.item then return found.item end
  end
end

-- The items that the musician means, each { item, record }: the selected one; else all holes of `job`, or of the last job of
-- ours that stands.
local function meant (job)
  local placed, list = memory.all ().placed, {}
  local selected = not job and reaper.GetSelectedMediaItem (CURRENT, 0)
  local id = selected and items.id (selected)
  for i = #placed, 1, -1 do
    local item = id and placed[i].item == id and find (placed[i])
    if item then return { { item = item, record = placed[i] } } end
  end
  for i = #placed, 1, -1 do
    local item = (not job or placed[i].job == job) and find (placed[i])
    if item then
      job = placed[i].job
      table.insert (list, 1, { item = item, record = placed[i] })
    end
  end
  return list
end

-- ---- showing -------------------------------------------------------------------------------------------------

local function name_of (take)
  local _, name = reaper.GetSetMediaItemTakeInfo_String (take, "P_NAME", "", false)
  return name
end

local function called (name)
  return name ~= "" and name or "what was there before"
end

-- Show takes, each { item, take }. Returns the first one's name.
local function show (list)
  local name = name_of (list[1].take)
  reaper.Undo_BeginBlock2 (CURRENT)
  for _, one in ipairs (list) do
    reaper.SetActiveTake (one.take)
    reaper.UpdateItemInProject (one.item)
  end
  reaper.Undo_EndBlock2 (CURRENT, "Punchin: " .. name, ALL)
  return called (name)
end

-- Show take `index` (from 1) of a job. Returns its name, or nil and why not.
function chosen.pick (index, job)
  local all, list = meant (job), {}
  if #all == 0 then return nil, NONE end
  for _, one in ipairs (all) do
    for i = 0, reaper.CountTakes (one.item) - 1 do
      local take = reaper.GetTake (one.item, i)
      if take and items.take_id (take) == one.record.takes[index] then list[#list + 1] = { item = one.item, take = take } end
    end
  end
  if #list > 0 then return show (list) end
  return nil, ("There are %d takes."):format (#all[1].record.takes)
end

-- The take `by` after (or before) the one that `item` shows, round and round; nil where it shows none.
local function next_of (item, by)
  local count, active = reaper.CountTakes (item), reaper.GetActiveTake (item)
  for i = 0, count - 1 do
    local take = reaper.GetTake (item, i)
    if take and active and items.take_id (take) == items.take_id (active) then
      return reaper.GetTake (item, (i + by) % count) or take
    end
  end
end

-- Show the take `by` after (or before) the one that is shown.
function chosen.step (by)
  local all, list = meant (), {}
  if #all == 0 then return nil, NONE end
  for _, one in ipairs (all) do
    local take = next_of (one.item, by)
    if take then list[#list + 1] = { item = one.item, take = take } end
  end
  if #list > 0 then return show (list) end
  return nil, "This item shows no take."
end

-- ---- keeping one ---------------------------------------------------------------------------------------------

-- Do a command of REAPER's that acts on selected items, to those of `list` alone.
local function command (number, list)
  local selected = {}
  for i = 0, reaper.CountSelectedMediaItems (CURRENT) - 1 do
    selected[i + 1] = reaper.GetSelectedMediaItem (CURRENT, i)
  end
  reaper.SelectAllMediaItems (CURRENT, false)
  for _, one in ipairs (list) do reaper.SetMediaItemSelected (one.item, true) end
  reaper.Main_OnCommandEx (number, 0, CURRENT)
  reaper.SelectAllMediaItems (CURRENT, false)
  for _, other in ipairs (selected) do reaper.SetMediaItemSelected (other, true) end
end

-- What is kept is the musician's own from now on: later jobs are held where it changes under them.
local function disown (list)
  local all, ids = memory.all (), {}
  for _, one in ipairs (list) do ids[items.id (one.item)] = true end
  for _, record in ipairs (all.placed) do
    if ids[record.item] then record.takes = json.array () end
  end
  memory.keep (all)
end

-- Keep the take that is shown, and take the others off its item; their files stay. Returns its name, or nil and why not.
function chosen.commit ()
  local list = meant ()
  local take = list[1] and reaper.GetActiveTake (list[1].item)
  if #list == 0 then return nil, NONE end
  if not take then return nil, "This item shows no take." end
  local name, is_done = name_of (take), true
  reaper.Undo_BeginBlock2 (CURRENT)
  reaper.PreventUIRefresh (1)
  command (CROP, list)
  for _, one in ipairs (list) do is_done = is_done and reaper.CountTakes (one.item) == 1 end
  if is_done then disown (list) end
  reaper.PreventUIRefresh (-1)
  reaper.Undo_EndBlock2 (CURRENT, "Punchin: keep " .. name, ALL)
  reaper.UpdateArrange ()
  if not is_done then return nil, "REAPER keeps the other takes: unlock the item, and ask again." end
  return called (name)
end

return chosen
