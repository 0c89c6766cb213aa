-- What all of our scripts in REAPER share: where they are, what the musician set, what was clicked.
--
-- Called with `json`, `spool` and `config` (`spool`: the bridge's folder; `bridge`: the command that starts the
-- bridge). Every action is a script of its own; what is clicked goes through REAPER's extended state, and the
-- background script acts.

local json, spool, config = ...
local here = { PROGRAM = "REAPER " .. reaper.GetAppVersion () }

local SECTION = "Punchin"
local CURRENT = 0 -- the project in front

-- The project as the bridge knows it: an id that is kept in it, for a new project has no path yet.
function here.project ()
  local _, id = reaper.GetProjExtState (CURRENT, SECTION, "id")
  if id == "" then
    id = reaper.genGuid ("")
    reaper.SetProjExtState (CURRENT, SECTION, "id", id)
  end
  return { id = id, name = reaper.GetProjectName (CURRENT) }
end

function here.host ()
  return "reaper-" .. spool.hashed (here.project ().id)
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
  return json.try (text) or {}
end

function here.remember (memory)
  reaper.SetProjExtState (CURRENT, SECTION, "memory", json.encode (memory))
end

-- ---- settings ------------------------------------------------------------------------------------------------

here.DEFAULTS = {
  inpaint = { takes = 3, pack = "tiny", text = "" },
  transfer = { to = "", source = "", task = "timbre", takes = 1, pack = "tiny" },
  tracks = { chords = "chords", drums = "", piano = "", target = "" },
  seconds = 30,
}

local function filled (given, defaults)
  local all = {}
  for key, default in pairs (defaults) do
    local value = type (given) == "table" and given[key]
    if type (default) == "table" then
      all[key] = filled (value, default)
    elseif type (value) == type (default) then
      all[key] = value
    else
      all[key] = default
    end
  end
  return all
end

function here.settings ()
  return filled (json.try (reaper.GetExtState (SECTION, "settings")), here.DEFAULTS)
end

function here.keep_settings (settings)
  reaper.SetExtState (SECTION, "settings", json.encode (settings), true)
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

-- Say that the background script runs; it must be said more often than once a second.
function here.tend ()
  reaper.SetExtState (SECTION, "tended", tostring (here.now ()), false)
end

function here.is_tended ()
  local tended = tonumber (reaper.GetExtState (SECTION, "tended"))
  return tended ~= nil and here.now () - tended < 1000000
end

function here.untend ()
  reaper.SetExtState (SECTION, "tended", "", false)
end

-- ---- people --------------------------------------------------------------------------------------------------

-- Tell the musician something that needs to be known now. Returns when it was read.
function here.say (what, next_step)
  reaper.MB (next_step and next_step ~= "" and (what .. "\n\n" .. next_step) or what, "Punchin", 0)
end

local BUTTONS = { [2] = { 4, { [6] = 1, [7] = 2 } }, [3] = { 3, { [6] = 1, [7] = 2, [2] = 3 } } }
local NAMES = { "Yes", "No", "Cancel" }

-- Let the musician choose one of two or three `choices`, each { what it is, what it means }. Returns which.
function here.choose (question, choices)
  local lines = { question, "" }
  for i, choice in ipairs (choices) do lines[#lines + 1] = ("%s: %s"):format (NAMES[i], choice[2]) end
  local kind, answers = table.unpack (BUTTONS[#choices])
  local index = answers[reaper.MB (table.concat (lines, "\n"), "Punchin", kind)] or #choices
  return choices[index][1]
end

return here
