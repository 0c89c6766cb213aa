-- Lays takes on the time line: regions over what was there, stacked in the track's own playlist. One take plays, the others
-- are muted; so what lies under and beside them can still be edited, and pieces of several takes be put together.
--
-- A take is known by the audio source that it plays: pieces that it was split into, and copies, are the same take.

local json, memory, project = ...
local takes = {}

-- ---- memory --------------------------------------------------------------------------------------------------

-- What is remembered of a job: { job, track, undo, start, parts, takes = list of { name, path, channels, sources } }; for
-- `parts` see `parts_of`.

-- Ids of all sources that takes play.
function takes.sources ()
  local ours = {}
  for _, record in ipairs (memory.all ().placed) do
    for _, take in ipairs (record.takes) do
      for _, id in ipairs (take.sources) do ours[id] = true end
    end
  end
  return ours
end

-- ---- laying --------------------------------------------------------------------------------------------------

local function known_regions ()
  local known = {}
  for id in ARDOUR.RegionFactory.regions ():iter () do known[id:to_s ()] = true end
  return known
end

-- The files at `paths` as regions that lie nowhere yet. They are embedded, not imported: they lie in the session's folder
-- of audio files already, and Ardour would only copy them. It numbers what it makes, so the order of ids is theirs.
local function embed (paths)
  local known, files, found = known_regions (), C.StringVector (), {}
  for _, path in ipairs (paths) do files:push_back (path) end
  Editor:do_embed (
    files, Editing.ImportDistinctFiles, Editing.ImportAsRegion, Temporal.timepos_t (0), ARDOUR.PluginInfo (),
    ARDOUR.Track ())
  for id, region in ARDOUR.RegionFactory.regions ():iter () do
    if not known[id:to_s ()] and region:whole_file () then found[#found + 1] = math.tointeger (tonumber (id:to_s ())) end
  end
  if #found ~= #paths then error ("Ardour could not take in the files.", 0) end
  table.sort (found)
  for i, id in ipairs (found) do found[i] = ARDOUR.RegionFactory.region_by_id (PBD.ID (("%d"):format (id))) end
  return found
end

-- The parts of a job's takes that are laid, { skipped, length } in samples of their files: the holes that the job fills,
-- or all.
local function parts_of (view)
  if view.parts then return view.parts end -- of a record
  local list, first = json.array (), view.takes[1].start
  for _, hole in ipairs (view.holes or {}) do
    list[#list + 1] = { skipped = hole.start - first, length = hole["end"] - hole.start }
  end
  if #list == 0 then list[1] = { skipped = 0, length = view.takes[1]["end"] - first } end
  return list
end

-- A region of its own for a part of a take that begins at sample `start`: what was made, and nothing of Ardour's fades on
-- top.
local function take_region (whole, name, start, part)
  local region = ARDOUR.RegionFactory.clone_region (whole, true, false)
  region:set_name (name)
  region:set_position (Temporal.timepos_t (start))
  region:trim_front (Temporal.timepos_t (start + part.skipped))
  region:trim_end (Temporal.timepos_t (start + part.skipped + part.length))
  local audio = region:to_audioregion ()
  audio:set_fade_in_active (false)
  audio:set_fade_out_active (false)
  region:set_opaque (true)
  return region
end

local function sources (region, channels)
  local ids = json.array ()
  for c = 0, channels - 1 do ids[#ids + 1] = project.id (region:source (c)) end
  return ids
end

-- Let `act` change `objects` (a playlist, or regions) in one undo step.
local function in_one_step (name, objects, act)
  Session:begin_reversible_command (name)
  for _, object in ipairs (objects) do object:to_stateful ():clear_changes () end
  act ()
  for _, object in ipairs (objects) do Session:add_stateful_diff_command (object:to_statefuldestructible ()) end
  if not Session:abort_empty_reversible_command () then Session:commit_reversible_command (nil) end
end

-- Lay the takes of job `view` on `track`, from sample `start` on: the first plays. Raises what Ardour cannot do.
function takes.place (view, track, start)
  local paths, regions, playlist, parts = {}, {}, track:playlist (), parts_of (view)
  local record = {
    job = view.job, track = project.id (track), undo = view.undo, start = start, parts = parts, takes = json.array (),
  }
  for i, take in ipairs (view.takes) do paths[i] = take.path end
  for i, whole in ipairs (embed (paths)) do
    local take = view.takes[i]
    for _, part in ipairs (parts) do
      local region = take_region (whole, take.name, start, part)
      region:set_muted (i > 1)
      table.insert (regions, 1, region) -- the first take lies on top
    end
    record.takes[i] =
      { name = take.name, path = take.path, channels = take.channels, sources = sources (whole, take.channels) }
  end
  in_one_step (view.undo, { playlist }, function ()
    for _, region in ipairs (regions) do playlist:add_region (region, region:position (), 1, false, 0, 0, false) end
  end)
  memory.add (record)
end

-- ---- what was never saved -------------------------------------------------------------------------------------

-- Whether the session has the source of a take. Its number may have been given to another one meanwhile.
local function is_known (take)
  local source = Session:source_by_id (PBD.ID (take.sources[1]))
  local file = not source:isnil () and source:to_filesource ()
  return file and not file:isnil () and file:path ():match ("[^/\\]*$") == take.path:match ("[^/\\]*$")
end

local function is_there (path)
  local sound = io.open (path, "rb")
  return sound and sound:close ()
end

-- Forget the jobs whose takes stood in this session, which was closed or died before it was saved; and return them, as
-- far as their files are there, to be laid again. Called when a session is opened: Ardour gives their ids to others.
function takes.unsaved ()
  local all, lost, placed = memory.all (), {}, json.array ()
  for _, record in ipairs (all.placed) do
    local saved, there = false, true
    for _, take in ipairs (record.takes) do
      saved, there = saved or is_known (take), there and is_there (take.path)
    end
    if saved then placed[#placed + 1] = record elseif there then lost[#lost + 1] = record end
  end
  if #placed < #all.placed then
    all.placed = placed
    memory.keep (all)
  end
  return lost
end

-- ---- choosing ------------------------------------------------------------------------------------------------

-- The pieces of a job's takes in the playlist that its track shows: { region, take }, `take` its number; of those, only the
-- ones that lie between two samples, if any do.
local function pieces (record, start, stop)
  local track, number, all, within = project.track (record.track), {}, {}, {}
  if not track then return all end
  for i, take in ipairs (record.takes) do number[take.sources[1]] = i end
  for region in track:playlist ():region_list ():iter () do
    local piece = { region = region, take = number[project.id (region:source (0))] }
    if piece.take then
      local first = region:position ():samples ()
      all[#all + 1] = piece
      if start and first >= start and first + region:length ():samples () <= stop then within[#within + 1] = piece end
    end
  end
  return #within > 0 and within or all, #within > 0
end

-- What the musician means: the record of `job`, or of the last job in what is selected, or of the last on the selected
-- track, or of the last of all; and the pieces of its takes to choose among. Nil and why not where there are none.
local function meant (job)
  local placed, best, rank, chosen = memory.all ().placed, nil, 0, nil
  local start, stop, track = project.selected ()
  for i = #placed, 1, -1 do
    local record = placed[i]
    if not job or record.job == job then
      local found, within = pieces (record, start, stop)
      local closeness = #found == 0 and 0 or within and record.track == track and 3 or record.track == track and 2 or 1
      if closeness > rank then best, rank, chosen = record, closeness, found end
    end
  end
  if not best then return nil, "No takes of ours stand here." end
  return best, chosen
end

-- Raise a region above the other takes of its job, so that it is seen; not where anything else lies above it: that hides it
-- by the musician's will. Nothing sounds different.
local function raise (region, record)
  local first, ours = region:position ():samples (), {}
  for _, take in ipairs (record.takes) do ours[take.sources[1]] = true end
  local there = region:playlist ():regions_touched (
    Temporal.timepos_t (first), Temporal.timepos_t (first + region:length ():samples () - 1))
  for other in there:iter () do
    if other:layer () > region:layer () and not ours[project.id (other:source (0))] then return end
  end
  region:raise_to_top ()
end

-- Let the pieces of take `index` (from 1; 0 is what was there before) play, and mute those of the others.
local function show (record, chosen, index)
  local name = index == 0 and "what was there before" or record.takes[index].name
  local changed = {}
  for _, piece in ipairs (chosen) do
    if piece.region:muted () == (piece.take == index) then changed[#changed + 1] = piece.region end
  end
  in_one_step ("Punchin: " .. name, changed, function ()
    for _, region in ipairs (changed) do
      region:set_muted (not region:muted ())
      if not region:muted () then raise (region, record) end
    end
  end)
  return name
end

-- Show take `index` (from 1; 0 is what was there before) of a job. Returns its name, or nil and why not.
function takes.pick (index, job)
  local record, chosen = meant (job)
  if not record then return nil, chosen end
  if index ~= 0 and not record.takes[index] then return nil, ("There are %d takes."):format (#record.takes) end
  return show (record, chosen, index)
end

-- Show the take `by` after (or before) the one that plays; after the last comes what was there before. Takes that the
-- musician has deleted are passed over.
function takes.step (by)
  local record, chosen = meant ()
  if not record then return nil, chosen end
  local now, there = 0, { [0] = true }
  for _, piece in ipairs (chosen) do
    there[piece.take] = true
    if not piece.region:muted () then now = piece.take end
  end
  repeat now = (now + by) % (#record.takes + 1) until there[now]
  return show (record, chosen, now)
end

-- Keep what plays, and take the muted takes off the track; their files stay. Returns true, or nil and why not.
function takes.commit ()
  local record, chosen = meant ()
  if not record then return nil, chosen end
  local playlist = project.track (record.track):playlist ()
  in_one_step ("Punchin: keep what plays", { playlist }, function ()
    for _, piece in ipairs (chosen) do
      if piece.region:muted () then playlist:remove_region (piece.region) end
    end
  end)
  return true
end

return takes
