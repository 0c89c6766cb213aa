-- The smallest host that a session can have: one track, a song of 100 s at 48 kHz, nothing to hear. What it is told to show
-- and to do is written down in `log`; how it behaves stands in `is`, which a test changes.

local json = ...
local is = {
  now = 0, project = "song", reads = true, broken = nil, recording = false, breaks = false, moved = false, refusal = nil, answer = nil,
  bpm = 120,
  clicks = {}, memory = {},
}
local log = json.array ()

local function put (...)
  log[#log + 1] = table.concat ({ ... }, " ")
end

local here = {
  now = function () return is.now end,
  project = function () return { id = is.project, name = is.project } end,
  host = function () return "lua-" .. is.project end,
  recall = function () return is.memory end,
  remember = function (memory) is.memory = memory end,
  say = function (what) put ("say", what) end,
  start_bridge = function () put ("start a bridge") end,
  settings = function ()
    return { inpaint = { takes = 1, pack = "tiny", text = "" }, tracks = { chords = "", drums = "", piano = "", target = "" },
      seconds = 30 }
  end,
  clicks = function ()
    local found = is.clicks
    is.clicks = {}
    return found
  end,
}

function here.has_changed ()
  local before = is.opened
  is.opened = is.project
  return before ~= is.project
end

local RATE = 48000
local project = {
  rate = function () return RATE end,
  last = function () return 100 * RATE end,
  folder = function () return "" end,
  is_recording = function () return is.recording end,
  quarter_at = function (sample, rate) return sample / (rate or RATE) * is.bpm / 60 end,
  sample_at = function (quarter, rate) return quarter * 60 / is.bpm * (rate or RATE) // 1 end,
  selection = function () return 2 * RATE, 4 * RATE, "keys" end,
  track = function (id) return id == "keys" and id or nil end,
  id = function (track) return track end,
  name = function (track) return track end,
  channels = function () return 1 end,
  named = function () end,
  drums = function () end,
  chord_names = function () return {} end,
  unheard = function () end,
  remarks = function () return {} end,
  refusal = function () return is.refusal end,
  heard = function (_, start) return { items = json.array ({ is.moved and start ~= 3 * RATE and "other" or "song" }) } end,
  moved = function () return RATE end,
  playing = function () return RATE, 0 end,
  select = function (start, stop) put ("select", start, stop) end,
}

function project.timeline ()
  return {
    rate = RATE,
    tempos = json.array ({ { quarter = 0.0, bpm = is.bpm + 0.0 } }),
    metres = json.array ({ { quarter = 0.0, numerator = 4, denominator = 4 } }),
    origin = 0.0,
  }
end

local stems = {}

function stems.reader (wanted)
  return {
    fraction = 0.5,
    step = function () if is.broken then return nil, is.broken end return is.reads end,
    stop = function () put ("stop reading", wanted[1].track) end,
  }
end

local takes = {
  place = function (view, _, start, rate)
    if is.breaks then error ("it broke", 0) end
    put ("place", view.job, start, rate)
    is.memory.placed = is.memory.placed or json.array ()
    table.insert (is.memory.placed, { job = view.job })
  end,
  sources = function () return {} end,
  step = function (by) return by end,
  pick = function (index) put ("pick", index) return true end,
}

local screen = {
  work = function (job, _, text) put ("work", job, text) end,
  note = function (id, what, next_step) put ("note", id, what, next_step or "") end,
  remark = function (id, text) put ("remark", id, text) end,
  marked = function (start) put ("marked", start) end,
  hide = function (id) put ("hide", id) end,
  sweep = function () put ("sweep") end,
  wake = function () end,
}

function screen.settle (known)
  is.known = known
end

-- Asks as a dialog does, where `is.answer` is a function: while that runs, the host may tick.
function screen.where (job, reason, choices)
  local keys = {}
  for i, choice in ipairs (choices) do keys[i] = choice[1] end
  put ("where", job, reason, table.concat (keys, " "))
  if is.answer then return is.answer () end
end

function screen.tick ()
  local job, key = table.unpack (is.pressed or {})
  is.pressed = nil
  return job, key
end

return { is = is, log = log, here = here, project = project, stems = stems, takes = takes, screen = screen }
