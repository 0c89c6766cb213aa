-- Lays takes on the time line, all in one undo step.
--
-- Where one item plays through the whole region and does not fade there, it is split at the region's edges and the takes
-- are added to the piece in the middle: what was there before is its first take. Elsewhere the takes are an item of their
-- own, and what lies under it is split at the edges and muted. Either way nothing is deleted.
--
-- A fade cannot be cut. Where an edge lies in one (a crossfade over a bar line), the cut is at the fade's far end, and what
-- was heard from the edge to there is an item of its own, read to the last bit.
--
-- A job may fill several holes of its region: each gets an item, which plays its part of the same files. Takes of an
-- instrument or a folder lie on a track of their own beside it (see `bounced`), over what is cut and muted there.

local json, memory, project, stems, items, room, bounced, chosen = ...
local takes = {}

local CURRENT = 0
local ALL = -1 -- what an undo step may have changed
local BUILD_PEAKS = 40047 -- Peaks: Build any missing peaks
local IS_SET = 0x1000000 -- the bit that makes a colour count
local QUIETEST = 0.001 -- -60 dB: an item that is turned down further makes its takes as quiet, whatever their own volume
local COLOURS = { { 94, 129, 172 }, { 163, 190, 140 }, { 208, 135, 112 }, { 180, 142, 173 } }

-- ---- memory --------------------------------------------------------------------------------------------------

-- What is remembered of a hole of a job: { job, track, item, takes = list of take ids, of }; `of` is the target, where the
-- track is another.

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
    for _, found in ipairs (items.audible (track, edge - hair, edge + hair)) do
      if found.start < edge - hair and found.stop > edge + hair then split (found.item, edge) end
    end
  end
  return items.audible (track, from + hair, till - hair)
end

-- Whether `piece` fades: a take has the song's fades in it already, and those of an item would come on top.
local function does_fade (piece, hair)
  local risen, falls = items.fades (piece)
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

-- Add take `index` of a job to `item`: its file, from second `skipped` on.
local function add (item, file, source, index, skipped)
  local take = reaper.AddTakeToMediaItem (item)
  reaper.SetMediaItemTake_Source (take, source)
  reaper.SetMediaItemTakeInfo_Value (take, "D_STARTOFFS", skipped)
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
  local first, last = room.around_fades (track, start, stop, rate)
  local kept = {}
  for _, span in ipairs ({ { first, start }, { stop, last } }) do
    if span[1] < span[2] then
      local name = view.takes[1].path:gsub ("%.wav$", "")
      local number = math.floor (reaper.GetMediaTrackInfo_Value (track, "IP_TRACKNUMBER"))
      local path = ("%s-fade-%d-%d.wav"):format (name, number, span[1])
      stems.keep (track, span[1], span[2], rate, path)
      kept[#kept + 1] = { start = span[1], stop = span[2], source = open ({ { path = path } })[1] }
    end
  end
  return kept
end

-- Mute `pieces` of `track`, and put back what was `kept` beside them. Returns the lane that they lie in, or nil.
local function clear (kept, pieces, track, rate)
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
  return lane
end

-- The pieces of `track` between two samples and the far ends of the fades that are `kept` beside, cut there.
local function cut_out (kept, track, start, stop, rate)
  for _, fade in ipairs (kept) do start, stop = math.min (start, fade.start), math.max (stop, fade.stop) end
  return cut (track, project.second_of (start, rate), project.second_of (stop, rate), 0.25 / rate)
end

-- Make room from sample `start` to `stop`: cut and mute what plays there, and put back what was `kept`. Returns the item
-- for the takes.
local function make_room (kept, track, start, stop, rate)
  local from, till = project.second_of (start, rate), project.second_of (stop, rate)
  local pieces = cut_out (kept, track, start, stop, rate)
  if #kept == 0 and is_whole (pieces, from, till, 0.25 / rate) then return pieces[1].item end
  return new_item (track, from, till, clear (kept, pieces, track, rate))
end

-- ---- a job's takes -------------------------------------------------------------------------------------------

-- The holes of a job whose takes begin at sample `start`: { start, stop, skipped }, `skipped` in samples of the files.
local function holes_of (view, start)
  local list, first, last = {}, view.takes[1].start, view.takes[1]["end"]
  for _, hole in ipairs (view.holes or {}) do
    list[#list + 1] = { start = start + hole.start - first, stop = start + hole["end"] - first, skipped = hole.start - first }
  end
  if #list == 0 then list[1] = { start = start, stop = start + last - first, skipped = 0 } end
  return list
end

-- Open all that is needed to fill `hole`: the takes' files, and what fades beside it on the `tracks` that are cut.
local function prepare (view, hole, tracks, rate)
  hole.sources, hole.kept = open (view.takes), {}
  for _, track in ipairs (tracks) do
    hole.kept[project.id (track)] = keep_fades (view, track, hole.start, hole.stop, rate)
  end
end

-- Fill `hole` on `track`. Returns the record.
local function fill (view, hole, track, of, rate)
  local item = make_room (hole.kept[project.id (track)] or {}, track, hole.start, hole.stop, rate)
  local record = {
    job = view.job, track = project.id (track), item = items.id (item), takes = json.array (), of = of,
  }
  local first
  for i, file in ipairs (view.takes) do
    local take = add (item, file, hole.sources[i], i, hole.skipped / rate)
    first = first or take
    record.takes[i] = items.take_id (take)
  end
  reaper.SetActiveTake (first)
  reaper.UpdateItemInProject (item)
  return record
end

-- Lay the takes beside `target`, what plays within it cut and muted; `sources` are its tracks.
local function lay_beside (view, holes, target, sources, rate)
  for _, hole in ipairs (holes) do
    for _, track in ipairs (sources) do
      local kept = hole.kept[project.id (track)]
      clear (kept, cut_out (kept, track, hole.start, hole.stop, rate), track, rate)
    end
  end
  local track = bounced.track (target) or bounced.new_track (target)
  for _, hole in ipairs (holes) do memory.add (fill (view, hole, track, project.id (target), rate)) end
end

local function lay_on (view, holes, track, rate)
  for _, hole in ipairs (holes) do memory.add (fill (view, hole, track, nil, rate)) end
end

-- Lay the takes of job `view` on `track`, from sample `start` on, as `rate` counts them. Raises what REAPER cannot do;
-- nothing is changed then.
function takes.place (view, track, start, rate)
  local holes, before = holes_of (view, start), json.try (view.guard)
  local is_beside = before and before.bounced == true
  local sources = is_beside and bounced.sources (track) or { track }
  local cuts = { table.unpack (sources) }
  if is_beside then cuts[#cuts + 1] = bounced.track (track) end
  for _, hole in ipairs (holes) do prepare (view, hole, cuts, rate) end
  reaper.Undo_BeginBlock2 (CURRENT)
  reaper.PreventUIRefresh (1)
  local fine, mistake
  if is_beside then
    fine, mistake = pcall (lay_beside, view, holes, track, sources, rate)
  else
    fine, mistake = pcall (lay_on, view, holes, track, rate)
  end
  reaper.PreventUIRefresh (-1)
  reaper.Undo_EndBlock2 (CURRENT, view.undo, ALL)
  reaper.UpdateArrange ()
  if not fine then
    -- what was laid halfway; REAPER makes no step where nothing was, and the one before is the musician's
    if reaper.Undo_CanUndo2 (CURRENT) == view.undo then reaper.Undo_DoUndo2 (CURRENT) end
    error (mistake, 0)
  end
  reaper.Main_OnCommandEx (BUILD_PEAKS, 0, CURRENT)
end

takes.pick, takes.step, takes.commit = chosen.pick, chosen.step, chosen.commit

return takes
