-- What all of our scripts in REAPER share: where they are, what the musician set, what was clicked.
--
-- Called with its modules and `config` (`spool`: the bridge's folder; `bridge`: the command that starts the bridge). Every
-- action is a script of its own; what is clicked goes through REAPER's extended state, and the background script acts.

local json, spool, config, filled, params = ...
local here = { PROGRAM = "REAPER " .. reaper.GetAppVersion () }

local SECTION = "Punchin"
local VERSION = "0.1.0"
local CURRENT = 0 -- the project in front

-- ---- which project -------------------------------------------------------------------------------------------

local front, known -- the project in front when `has_changed` looked last, and its id

local function id_of (project)
  local _, id = reaper.GetProjExtState (project, SECTION, "id")
  return id
end

-- Whether another open tab has the id of the project in front: one is a copy of the other's file.
local function is_copy (project, id)
  local index, other = 0, reaper.EnumProjects (0)
  while other do
    if other ~= project and id_of (other) == id then return true end
    index = index + 1
    other = reaper.EnumProjects (index)
  end
  return false
end

-- The project as the bridge knows it: an id that is kept in it, for a new project has no path yet.
function here.project ()
  local id = id_of (CURRENT)
  if id == "" then
    id = reaper.genGuid ("")
    reaper.SetProjExtState (CURRENT, SECTION, "id", id)
  end
  return { id = id, name = reaper.GetProjectName (CURRENT) }
end

-- Whether another project is in front than when this was asked last.
function here.has_changed ()
  local project = reaper.EnumProjects (-1)
  if project == front and id_of (CURRENT) == known then return false end
  local id = here.project ().id
  if is_copy (project, id) then
    reaper.SetProjExtState (CURRENT, SECTION, "id", "")
    id = here.project ().id
  end
  front, known = project, id
  return true
end

-- The id of this project in this REAPER: two that have one file open are two hosts, and each job is one's alone.
function here.host ()
  local session = reaper.GetExtState (SECTION, "session") -- not kept on disk: as long as REAPER runs
  if session == "" then
    session = reaper.genGuid ("")
    reaper.SetExtState (SECTION, "session", session, false)
  end
  return "reaper-" .. spool.hashed (here.project ().id .. session)
end

-- Microseconds of a clock that only grows.
function here.now ()
  return math.floor (reaper.time_precise () * 1000000)
end

-- Start the bridge, and do not wait for it.
function here.start_bridge ()
  if config.bridge ~= "" then reaper.ExecProcess (config.bridge, -2) end
end

-- ---- kept in the project -------------------------------------------------------------------------------------

function here.recall ()
  local _, text = reaper.GetProjExtState (CURRENT, SECTION, "memory")
  local found = json.try (text)
  return type (found) == "table" and found or {}
end

function here.remember (memory)
  reaper.SetProjExtState (CURRENT, SECTION, "memory", json.encode (memory))
end

-- ---- settings ------------------------------------------------------------------------------------------------

here.DEFAULTS = {
  inpaint = { takes = 3, pack = params.pack.default, text = params.text.default },
  transfer = {
    to = params.to.default, source = params.source.default, task = params.task.default, takes = params.takes.default,
    pack = params.pack.default,
  },
  tracks = { chords = "chords", drums = "", piano = "", target = "" },
  seconds = 30,
}

-- What the musician set. Which tracks are meant is the project's own; a new one begins with what was set last.
function here.settings ()
  local all = filled (json.try (reaper.GetExtState (SECTION, "settings")), here.DEFAULTS)
  local _, own = reaper.GetProjExtState (CURRENT, SECTION, "tracks")
  all.tracks = filled (json.try (own), all.tracks)
  return all
end

function here.keep_settings (settings)
  reaper.SetExtState (SECTION, "settings", json.encode (settings), true)
  reaper.SetProjExtState (CURRENT, SECTION, "tracks", json.encode (settings.tracks))
end

-- ---- clicks --------------------------------------------------------------------------------------------------

-- The musician wants `action`; the background script hears of it at its next tick.
function here.click (action)
  local before = reaper.GetExtState (SECTION, "clicks")
  local click = json.encode ({ action = action, at = here.now () })
  reaper.SetExtState (SECTION, "clicks", before .. click .. "\n", false)
end

-- What was clicked since the last time, oldest first.
function here.clicks ()
  local found, text = {}, reaper.GetExtState (SECTION, "clicks")
  if text == "" then return found end
  reaper.SetExtState (SECTION, "clicks", "", false)
  for line in text:gmatch ("[^\n]+") do found[#found + 1] = json.try (line) end
  return found
end

-- ---- one background script -----------------------------------------------------------------------------------

local LONGEST = 10000000 -- microseconds that REAPER may be held up, by a dialog, until we count as gone

-- Say that the background script runs, and will for `ahead` microseconds though nothing is heard of it. What ends it says so
-- itself.
function here.tend (ahead)
  reaper.SetExtState (SECTION, "tended", tostring (here.now () + (ahead or 0)), false)
end

function here.is_tended ()
  local tended = tonumber (reaper.GetExtState (SECTION, "tended"))
  return tended ~= nil and here.now () - tended < LONGEST
end

function here.untend ()
  reaper.SetExtState (SECTION, "tended", "", false)
end

-- Whether this version of our scripts runs here for the first time. Says so once.
function here.is_new ()
  if reaper.GetExtState (SECTION, "version") == VERSION then return false end
  reaper.SetExtState (SECTION, "version", VERSION, true)
  return true
end

-- ---- people --------------------------------------------------------------------------------------------------

-- Tell the musician something that needs to be known now. Returns when it was read.
function here.say (what, next_step)
  reaper.MB (next_step and next_step ~= "" and (what .. "\n\n" .. next_step) or what, "Punchin", 0)
end

return here
