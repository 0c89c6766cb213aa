-- The dialogs that the musician opens: settings, and what a transfer should become.

local here, params = ...
local dialogs = {}

local TAKES = params.takes
local TITLES = { timbre = "Instrument (timbre)" } -- where a task's own name says too little

local function task_title (task)
  return TITLES[task] or task:sub (1, 1):upper () .. task:sub (2)
end

local function takes (key, before)
  return { type = "number", key = key, title = "Takes", min = TAKES.low, max = TAKES.high, step = 1, digits = 0, default = before }
end

local TASKS = {} -- by their titles
for _, task in ipairs (params.task.choices) do TASKS[task_title (task)] = task end

-- Every field of the settings; what is left empty is found out.
function dialogs.settings ()
  local set = here.settings ()
  local answer = LuaDialog.Dialog ("Punchin: settings", {
    { type = "heading", title = "New takes of the selection" },
    takes ("takes", set.inpaint.takes),
    { type = "entry", key = "text", title = "Style in words", default = set.inpaint.text },
    { type = "entry", key = "pack", title = "Model pack", default = set.inpaint.pack },
    { type = "heading", title = "Transfer" },
    { type = "entry", key = "to", title = "To", default = set.transfer.to },
    { type = "entry", key = "source", title = "From (what plays now)", default = set.transfer.source },
    { type = "dropdown", key = "task", title = "Task", values = TASKS, default = task_title (set.transfer.task) },
    takes ("transfers", set.transfer.takes),
    { type = "entry", key = "transfer_pack", title = "Model pack", default = set.transfer.pack },
    { type = "checkbox", key = "ask", title = "Ask before every transfer", default = set.transfer.ask },
    { type = "heading", title = "Tracks to follow" },
    { type = "entry", key = "chords", title = "Chords (MIDI track; auto: by ear)", default = set.tracks.chords },
    { type = "entry", key = "drums", title = "Drums: track, bus, VCA, group (empty: by name)", default = set.tracks.drums },
    { type = "entry", key = "piano", title = "Piano to follow (MIDI track; auto: by ear)", default = set.tracks.piano },
    { type = "entry", key = "target", title = "Track for takes, when none is selected", default = set.tracks.target },
    { type = "number", key = "seconds", title = "Seconds heard around the selection", min = 5, max = 30, step = 1, digits = 0,
      default = set.seconds },
  }):run ()
  if not answer then return end
  set.inpaint = { takes = math.floor (answer.takes), text = answer.text, pack = answer.pack }
  set.transfer = {
    to = answer.to, source = answer.source, task = answer.task, takes = math.floor (answer.transfers),
    pack = answer.transfer_pack, ask = answer.ask,
  }
  set.tracks = { chords = answer.chords, drums = answer.drums, piano = answer.piano, target = answer.target }
  set.seconds = math.floor (answer.seconds)
  here.keep_settings (set)
end

-- What a transfer should become, unless the musician wants not to be asked; then the click.
function dialogs.transfer ()
  local set = here.settings ()
  if set.transfer.ask or set.transfer.to == "" then
    local answer = LuaDialog.Dialog ("Punchin: transfer the selection", {
      { type = "entry", key = "to", title = "To", default = set.transfer.to },
      { type = "entry", key = "source", title = "From (what plays now)", default = set.transfer.source },
      { type = "dropdown", key = "task", title = "Task", values = TASKS, default = task_title (set.transfer.task) },
      takes ("takes", set.transfer.takes),
    }):run ()
    if not answer or answer.to == "" then return end
    set.transfer.to, set.transfer.source, set.transfer.task = answer.to, answer.source, answer.task
    set.transfer.takes = math.floor (answer.takes)
    here.keep_settings (set)
  end
  here.click ("transfer")
end

return dialogs
