-- Lays takes on the time line, all in one undo step.
--
-- Where one item plays through the whole region and does not fade there, it is split at the region's edges and the takes
-- are added to the piece in the middle: what was there before is its first take. Elsewhere the takes are an item of their
-- own, and what lies under it is split at the edges and muted. Either way nothing is deleted.
--
-- A fade cannot be cut. Where an edge lies in one (a crossfade over a bar line), the cut is at the fade's far end, and what
-- was heard from the edge to there is an item of its own, read to the last bit.

local json, memory, project, stems = ...
local takes = {}

local CURRENT = 0
local ALL = -1 -- what an undo step may have changed
local BUILD_PEAKS = 40047 -- Peaks: Build any missing peaks
local CROP = 40131 -- Take: Crop to active take in items
local IS_SET = 0x1000000 -- the bit that makes a colour count
local QUIETEST = 0.001 -- -60 dB: an item that is turned down further makes its takes as quiet, whatever their own volume
local COLOURS = { { 94, 129, 172 }, { 163, 190, 140 }, { 208, 135, 112 }, { 180, 142, 173 } }

-- ---- memory --------------------------------------------------------------------------------------------------

-- What is remembered of a job: { job, track, item, takes = list of take ids }.

-- Ids of all takes that we laid.
function takes.sources ()
  local ours = {}
  for _, record in ipairs (memory.all ().placed) do
    for _, id in ipairs (record.takes) do ours[id] = true end
  end
  return ours
end

-- ---- laying --------------------------------------------------------------------------------------------------

-- Split an item at `time`, without the fades that REAPER adds there: neither half sounds other than before. Returns
-- the right half, or nil where `time` is not inside.
local function split (item, time)
  local right = reaper.SplitMediaItem (item, time)
  if not right then return nil end
  for _, end_ in ipairs ({ { item, "D_FADEOUTLEN" }, { right, "D_FADEINLEN" } }) do
    reaper.SetMediaItemInfo_Value (end_[1], end_[2], 0)
    reaper.SetMediaItemInfo_Value (end_[1], end_[2] .. "_AUTO", -1)
  end
  local start = reaper.GetMediaItemInfo_Value (item, "D_POSITION")
  reaper.SetMediaItemInfo_Value (item, "D_LENGTH", time - start) -- a split may leave an overlap, by preference
  return right
end

-- Cut what plays on `track` at both edges. Returns the pieces inside: { item, start, stop } in seconds.
local function cut (track, from, till, hair)
  for _, edge in ipairs ({ from, till }) do
    for _, found in ipairs (project.audible (track, edge - hair, edge + hair)) do
      if found.start < edge - hair and found.stop > edge + hair then split (found.item, edge) end
    end
  end
  return project.audible (track, from + hair, till - hair)
end

-- Whether `piece` fades: a take has the song's fades in it already, and those of an item would come on top.
local function does_fade (piece, hair)
  local risen, falls = project.fades (piece)
  return risen > piece.start + hair or falls < piece.stop - hair
end

-- Whether takes can join the pieces: there is one, which plays through from `from` to `till` as it is.
local function is_whole (pieces, from, till, hair)
  local piece = pieces[1]
  if #pieces ~= 1 or reaper.GetMediaItemInfo_Value (piece.item, "B_ALLTAKESPLAY") ~= 0 then return false end
  if does_fade (piece, hair) or reaper.GetMediaItemInfo_Value (piece.item, "D_VOL") < QUIETEST then return false end
  local take = reaper.GetActiveTake (piece.item)
  return take and not reaper.TakeIsMIDI (take)
    and math.abs (piece.start - from) <= hair and math.abs (piece.stop - till) <= hair
end

local function add (item, file, source, index)
  local take = reaper.AddTakeToMediaItem (item)
  reaper.SetMediaItemTake_Source (take, source)
  -- the take is as loud as it was heard; the item's own volume must not come on top
  reaper.SetMediaItemTakeInfo_Value (take, "D_VOL", 1 / reaper.GetMediaItemInfo_Value (item, "D_VOL"))
  reaper.GetSetMediaItemTakeInfo_String (take, "P_NAME", file.name, true)
  local red, green, blue = table.unpack (COLOURS[(index - 1) % #COLOURS + 1])
  reaper.SetMediaItemTakeInfo_Value (take, "I_CUSTOMCOLOR", reaper.ColorToNative (red, green, blue) | IS_SET)
  return take
end

-- The files of the takes, opened. Raises where one cannot be.
local function open (files)
  local sources = {}
  for i, file in ipairs (files) do
    sources[i] = reaper.PCM_Source_CreateFromFile (file.path)
    if not sources[i] then error (file.path .. " cannot be opened", 0) end
  end
  return sources
end

-- An item on `track` that does not fade, in `lane` where that is given.
local function new_item (track, from, till, lane)
  local item = reaper.AddMediaItemToTrack (track)
  if lane then reaper.SetMediaItemInfo_Value (item, "I_FIXEDLANE", lane) end
  reaper.SetMediaItemInfo_Value (item, "D_POSITION", from)
  reaper.SetMediaItemInfo_Value (item, "D_LENGTH", till - from)
  for _, name in ipairs ({ "D_FADEINLEN", "D_FADEOUTLEN" }) do
    reaper.SetMediaItemInfo_Value (item, name, 0)
    reaper.SetMediaItemInfo_Value (item, name .. "_AUTO", -1)
  end
  return item
end

-- What sounds beside samples `[start, stop)` of `track` up to the far ends of fades there, as files beside the first take's:
-- list of { start, stop, source }.
local function keep_fades (view, track, start, stop, rate)
  local first, last = project.around_fades (track, start, stop, rate)
  local kept = {}
  for _, span in ipairs ({ { first, start }, { stop, last } }) do
    if span[1] < span[2] then
      local path = ("%s-fade-%d.wav"):format (view.takes[1].path:gsub ("%.wav$", ""), span[1])
      stems.keep (track, span[1], span[2], rate, path)
      kept[#kept + 1] = { start = span[1], stop = span[2], source = open ({ { path = path } })[1] }
    end
  end
  return kept
end

-- Make room from sample `start` to `stop`: cut and mute what plays there, and put back what was `kept`. Returns the item
-- for the takes.
local function make_room (kept, track, start, stop, rate)
  local hair, first, last = 0.25 / rate, start, stop
  for _, fade in ipairs (kept) do first, last = math.min (first, fade.start), math.max (last, fade.stop) end
  local from, till = project.second_of (start, rate), project.second_of (stop, rate)
  local pieces = cut (track, project.second_of (first, rate), project.second_of (last, rate), hair)
  if #kept == 0 and is_whole (pieces, from, till, hair) then return pieces[1].item end
  for _, piece in ipairs (pieces) do reaper.SetMediaItemInfo_Value (piece.item, "B_MUTE", 1) end
  local lane = pieces[1] and project.has_lanes (track)
    and reaper.GetMediaItemInfo_Value (pieces[1].item, "I_FIXEDLANE") or nil -- the one that plays
  for _, fade in ipairs (kept) do
    local item = new_item (track, project.second_of (fade.start, rate), project.second_of (fade.stop, rate), lane)
    local take = reaper.AddTakeToMediaItem (item)
    reaper.SetMediaItemTake_Source (take, fade.source)
    reaper.GetSetMediaItemTakeInfo_String (take, "P_NAME", "Fade beside Punchin's takes", true)
    reaper.UpdateItemInProject (item)
  end
  return new_item (track, from, till, lane)
end

local function lay (view, sources, kept, track, start, rate)
  local item = make_room (kept, track, start, start + view.takes[1]["end"] - view.takes[1].start, rate)
  local record = {
    job = view.job, track = project.id (track), item = project.item_id (item), takes = json.array (),
  }
  local first
  for i, file in ipairs (view.takes) do
    local take = add (item, file, sources[i], i)
    first = first or take
    record.takes[i] = project.take_id (take)
  end
  reaper.SetActiveTake (first)
  reaper.UpdateItemInProject (item)
  return record
end

-- Lay the takes of job `view` on `track`, from sample `start` on, as `rate` counts them. Raises what REAPER cannot do;
-- nothing is changed then.
function takes.place (view, track, start, rate)
  local sources = open (view.takes)
  local stop = start + view.takes[1]["end"] - view.takes[1].start
  local kept = keep_fades (view, track, start, stop, rate)
  reaper.Undo_BeginBlock2 (CURRENT)
  reaper.PreventUIRefresh (1)
  local fine, record = pcall (lay, view, sources, kept, track, start, rate)
  if fine then memory.add (record) end
  reaper.PreventUIRefresh (-1)
  reaper.Undo_EndBlock2 (CURRENT, view.undo, ALL)
  reaper.UpdateArrange ()
  if not fine then
    -- what was laid halfway; REAPER makes no step where nothing was, and the one before is the musician's
    if reaper.Undo_CanUndo2 (CURRENT) == view.undo then reaper.Undo_DoUndo2 (CURRENT) end
    error (record, 0)
  end
  reaper.Main_OnCommandEx (BUILD_PEAKS, 0, CURRENT)
end

-- ---- choosing ------------------------------------------------------------------------------------------------

-- The item of a job's takes, if they still stand.
local function find (record)
  local track = #record.takes > 0 and project.track (record.track)
  if not track then return nil end
  for _, found in ipairs (project.items (track, -math.huge, math.huge)) do
    if project.item_id (found.item) == record.item then return found.item end
  end
end

-- The item that the musician means: the one of `job`, or the selected one, or the last of ours that stands.
local function meant (job)
  local placed = memory.all ().placed
  local selected = not job and reaper.GetSelectedMediaItem (CURRENT, 0)
  for i = #placed, 1, -1 do
    local record = placed[i]
    local item = (not job or record.job == job) and find (record)
    if item and (not selected or record.item == project.item_id (selected)) then return item, record end
  end
  if selected then
    for i = #placed, 1, -1 do
      local item = find (placed[i])
      if item then return item, placed[i] end
    end
  end
end

local function show (item, take)
  reaper.Undo_BeginBlock2 (CURRENT)
  reaper.SetActiveTake (take)
  reaper.UpdateItemInProject (item)
  local _, name = reaper.GetSetMediaItemTakeInfo_String (take, "P_NAME", "", false)
  reaper.Undo_EndBlock2 (CURRENT, "Punchin: " .. name, ALL)
  return name ~= "" and name or "what was there before"
end

-- Show take `index` (from 1) of a job. Returns its name, or nil and why not.
function takes.pick (index, job)
  local item, record = meant (job)
  if not item then return nil, "There are no takes of ours." end
  for i = 0, reaper.CountTakes (item) - 1 do
    local take = reaper.GetTake (item, i)
    if take and project.take_id (take) == record.takes[index] then return show (item, take) end
  end
  return nil, ("There are %d takes."):format (#record.takes)
end

-- Show the take `by` after (or before) the one that is shown, round and round.
function takes.step (by)
  local item = meant ()
  if not item then return nil, "There are no takes of ours." end
  local count, active = reaper.CountTakes (item), reaper.GetActiveTake (item)
  for i = 0, count - 1 do
    local take = reaper.GetTake (item, i)
    if take and active and project.take_id (take) == project.take_id (active) then
      return show (item, reaper.GetTake (item, (i + by) % count) or take)
    end
  end
  return nil, "This item shows no take."
end

-- ---- keeping one ---------------------------------------------------------------------------------------------

-- Do a command of REAPER's that acts on selected items, to `item` alone.
local function command (number, item)
  local selected = {}
  for i = 0, reaper.CountSelectedMediaItems (CURRENT) - 1 do
    selected[i + 1] = reaper.GetSelectedMediaItem (CURRENT, i)
  end
  reaper.SelectAllMediaItems (CURRENT, false)
  reaper.SetMediaItemSelected (item, true)
  reaper.Main_OnCommandEx (number, 0, CURRENT)
  reaper.SelectAllMediaItems (CURRENT, false)
  for _, other in ipairs (selected) do reaper.SetMediaItemSelected (other, true) end
end

-- What is kept is the musician's own from now on: later jobs are held where it changes under them.
local function disown (id)
  local all = memory.all ()
  for _, record in ipairs (all.placed) do
    if record.item == id then record.takes = json.array () end
  end
  memory.keep (all)
end

-- Keep the take that is shown, and take the others off its item; their files stay. Returns its name, or nil and why not.
function takes.commit ()
  local item = meant ()
  local take = item and reaper.GetActiveTake (item)
  if not item then return nil, "There are no takes of ours." end
  if not take then return nil, "This item shows no take." end
  local _, name = reaper.GetSetMediaItemTakeInfo_String (take, "P_NAME", "", false)
  reaper.Undo_BeginBlock2 (CURRENT)
  reaper.PreventUIRefresh (1)
  command (CROP, item)
  local is_done = reaper.CountTakes (item) == 1
  if is_done then disown (project.item_id (item)) end
  reaper.PreventUIRefresh (-1)
  reaper.Undo_EndBlock2 (CURRENT, "Punchin: keep " .. name, ALL)
  reaper.UpdateArrange ()
  if not is_done then return nil, "REAPER keeps the other takes: unlock the item, and ask again." end
  return name ~= "" and name or "what was there before"
end

return takes
