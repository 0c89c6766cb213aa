-- What all of our scripts in Ardour share: where they are, what the musician set, what was clicked.
--
-- Called with its modules and `config` (`spool`: the bridge's folder; `home`: where scripts may keep files; `bridge`: the
-- shell command that starts the bridge). Action scripts and the hook run in interpreters of their own, which share
-- nothing; what is clicked goes through a small file, and the hook, which ticks ten times a second, acts.

local json, spool, config, filled, params = ...
local here = {}

local opened -- the session that was open when `has_changed` looked last

-- The session as the bridge knows it: the same whenever it is opened.
function here.project ()
  return { id = ("%s/%s.ardour"):format (Session:path (), Session:snap_name ()), name = Session:name () }
end

-- Whether another session is open than when this was asked last.
function here.has_changed ()
  local id = here.project ().id
  if id == opened then return false end
  opened = id
  return true
end

function here.host ()
  return "ardour-" .. spool.hashed (here.project ().id)
end

-- Microseconds of a clock that only grows.
function here.now ()
  return ARDOUR.LuaAPI.monotonic_time ()
end

-- Start the bridge, and do not wait for it.
function here.start_bridge ()
  if config.bridge ~= "" then os.execute (config.bridge) end
end

-- ---- kept with the session -----------------------------------------------------------------------------------

local kept, kept_in -- what was read or written last, and the file that it is in

function here.recall ()
  local file = Session:path () .. "/punchin.json"
  if kept_in ~= file then
    local found = json.try (spool.read (file))
    kept_in, kept = file, type (found) == "table" and found or {}
  end
  return kept
end

function here.remember (memory)
  kept_in, kept = Session:path () .. "/punchin.json", memory
  spool.write (kept_in, json.encode (memory))
end

-- ---- settings ------------------------------------------------------------------------------------------------

here.DEFAULTS = {
  inpaint = { takes = 3, pack = params.pack.default, text = params.text.default },
  transfer = {
    to = params.to.default, source = params.source.default, task = params.task.default, takes = params.takes.default,
    pack = params.pack.default, ask = true,
  },
  tracks = { chords = "chords", drums = "", piano = "", target = "" },
  seconds = 30,
}

function here.settings ()
  return filled (json.try (spool.read (config.home .. "/ardour-settings.json")), here.DEFAULTS)
end

function here.keep_settings (settings)
  return spool.write (config.home .. "/ardour-settings.json", json.encode (settings))
end

-- ---- clicks --------------------------------------------------------------------------------------------------

local function clicks_file ()
  return ("%s/%s.clicks"):format (config.home, here.host ())
end

-- The musician wants `action`; the hook hears of it within a tenth of a second.
function here.click (action)
  local file = io.open (clicks_file (), "ab")
  if not file then return here.say ("Punchin's folder is gone.", "Install again: punchin host install ardour") end
  file:write (json.encode ({ action = action, at = here.now () }), "\n")
  file:close ()
end

-- What was clicked since the last time, oldest first.
function here.clicks ()
  local path, found = clicks_file (), {}
  if not os.rename (path, path .. ".read") then return found end
  for line in io.lines (path .. ".read") do found[#found + 1] = json.try (line) end
  os.remove (path .. ".read")
  return found
end

-- ---- people --------------------------------------------------------------------------------------------------

-- Tell the musician something that needs to be known now.
function here.say (what, next_step)
  local text = next_step and next_step ~= "" and (what .. "\n\n" .. next_step) or what
  LuaDialog.Message ("Punchin", text, LuaDialog.MessageType.Info, LuaDialog.ButtonType.Close):run ()
end

-- A question that is answered by yes or no.
function here.agrees (question)
  local box = LuaDialog.Message ("Punchin", question, LuaDialog.MessageType.Question, LuaDialog.ButtonType.Yes_No)
  return box:run () == LuaDialog.Response.Yes
end

return here
