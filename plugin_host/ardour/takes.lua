-- Lays takes on the time line: each a playlist of its own, all in one undo step.
--
-- Ardour makes playlists without undo. So the undo step holds what lies in them: undoing empties all takes at once, and
-- `follow_undo` then gives the track back the playlist that it had. The emptied copies stay in the track's list.

local json, memory, project = ...
local takes = {}

local AUDIO = ARDOUR.DataType ("audio")

-- ---- memory --------------------------------------------------------------------------------------------------

-- What is remembered of a job: { job, track, original, undo, start, active, takes = list of { name, path, channels,
-- playlist, region, sources } }; `original` is the playlist that was there before, `active` the take that is shown.

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

-- A region of its own for a take: what was made, and nothing of Ardour's fades on top.
local function take_region (whole, name)
  local region = ARDOUR.RegionFactory.clone_region (whole, true, false)
  region:set_name (name)
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

function takes.show (track, playlist_id)
  return track:find_and_use_playlist (AUDIO, PBD.ID (playlist_id))
end

-- Lay the takes of job `view` on `track`, from sample `start` on. Raises what Ardour cannot do.
function takes.place (view, track, start)
  local paths, regions = {}, {}
  for i, take in ipairs (view.takes) do paths[i] = take.path end
  for i, whole in ipairs (embed (paths)) do regions[i] = take_region (whole, view.takes[i].name) end

  local original = project.id (track:playlist ())
  local record = { job = view.job, track = project.id (track), original = original, undo = view.undo, start = start }
  record.takes = json.array ()
  local lists = {}
  for i = #view.takes, 1, -1 do -- each a copy of the one before, in which nothing lies yet; the first take is shown last
    track:use_copy_playlist ()
    lists[i] = track:playlist ()
    lists[i]:set_name (view.takes[i].name)
  end

  Session:begin_reversible_command (view.undo)
  for i, region in ipairs (regions) do
    lists[i]:to_stateful ():clear_changes ()
    lists[i]:add_region (region, Temporal.timepos_t (start), 1, false, 0, 0, false)
    Session:add_stateful_diff_command (lists[i]:to_statefuldestructible ())
    record.takes[i] = {
      name = view.takes[i].name,
      path = view.takes[i].path,
      channels = view.takes[i].channels,
      playlist = project.id (lists[i]),
      region = project.id (region),
      sources = sources (region, view.takes[i].channels),
    }
  end
  if not Session:abort_empty_reversible_command () then Session:commit_reversible_command (nil) end

  record.active = 1
  memory.add (record)
end

-- ---- what was never saved -------------------------------------------------------------------------------------

-- Forget the jobs whose takes stood in this session, which was closed or died before it was saved; and return them, as
-- far as their files are there, to be laid again. Called when a session is opened: Ardour gives their ids to others.
function takes.unsaved (session_file)
  local file = io.open (session_file, "rb")
  local head = file and file:read (4096) or ""
  if file then file:close () end
  local counter = tonumber (head:match ('id%-counter="(%d+)"')) or math.huge
  local all, lost, placed = memory.all (), {}, json.array ()
  for _, record in ipairs (all.placed) do
    local first = record.takes[1]
    local playlist = Session:playlists ():by_id (PBD.ID (first.playlist))
    if tonumber (first.playlist) < counter or not playlist:isnil () and playlist:name () == first.name then
      placed[#placed + 1] = record
    else
      local there = record.start ~= nil
      for _, take in ipairs (record.takes) do
        local sound = there and io.open (take.path or "", "rb")
        if sound then sound:close () else there = false end
      end
      if there then lost[#lost + 1] = record end
    end
  end
  if #placed < #all.placed then
    all.placed = placed
    memory.keep (all)
  end
  return lost
end

-- ---- choosing ------------------------------------------------------------------------------------------------

-- The job whose takes the musician means: `job`, or the last one on `track`, or the last one of all.
local function meant (job, track)
  local placed, fallback = memory.all ().placed, nil
  for i = #placed, 1, -1 do
    local record = placed[i]
    if job and record.job == job or not job and (not track or record.track == track) then return record end
    fallback = fallback or not job and record
  end
  return fallback or nil
end

-- Show take `index` (from 1; 0 is what was there before) of a job. Returns its name, or nil and why not.
function takes.pick (index, job)
  local record = meant (job)
  if not record then return nil, "There are no takes of ours yet." end
  local track = project.track (record.track)
  if not track then return nil, "The track of these takes is gone." end
  local take = record.takes[index]
  if index ~= 0 and not take then return nil, ("There are %d takes."):format (#record.takes) end
  if not takes.show (track, take and take.playlist or record.original) then return nil, "That playlist is gone." end
  record.active = index
  memory.keep (memory.all ())
  return take and take.name or "what was there before"
end

-- Show the take `by` after (or before) the one that is shown on the selected track; after the last comes what was there
-- before.
function takes.step (by)
  local record = meant (nil, project.selected_track ())
  if not record then return nil, "There are no takes of ours yet." end
  local track = project.track (record.track)
  if not track then return nil, "The track of these takes is gone." end
  local shown, now = project.id (track:playlist ()), 0
  for i, take in ipairs (record.takes) do
    if take.playlist == shown then now = i end
  end
  return takes.pick ((now + by) % (#record.takes + 1), record.job)
end

-- ---- undo ----------------------------------------------------------------------------------------------------

-- Whether a take lies in its playlist. (`region_by_id` also finds regions that were in it once.)
local function lies (take)
  local playlist = Session:playlists ():by_id (PBD.ID (take.playlist))
  if playlist:isnil () then return false end
  for region in playlist:region_list ():iter () do
    if project.id (region) == take.region then return true end
  end
  return false
end

-- After an undo that took the takes away, show what was there before; after a redo, the take again. Called every tick.
function takes.follow_undo ()
  local placed = memory.all ().placed
  for i = #placed, math.max (1, #placed - 7), -1 do
    local record = placed[i]
    local track = project.track (record.track)
    local active = record.takes[math.max (1, record.active)]
    if track and active then
      local shown, there = project.id (track:playlist ()), lies (active)
      if not there and shown == active.playlist then
        takes.show (track, record.original)
        record.undone = true
      elseif there and record.undone then
        record.undone = nil
        if shown == record.original then takes.show (track, active.playlist) end
      end
    end
  end
end

return takes
