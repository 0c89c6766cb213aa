-- What REAPER does for Punchin at every tick: hears clicks and the bridge, reads stems, places takes.
--
-- Called with its modules; returns { tick, leave }. Every tick does what has become possible and returns at once.

local json, spool, config, here, project, request, stems, takes, window, dialogs, marks, clock, asks_of = ...

local CAN = json.array ({
  "inpaint", "transfer", "repeat", "next_take", "previous_take", "pick", "commit", "cancel", "settings",
  "mark_in", "mark_out", "select",
})
local SECOND = clock.SECOND
local HELLO = 5 * SECOND
local BUDGET = 6000 -- microseconds of reading in one tick
local CALL = SECOND // 2 -- how long a bridge is waited for before one is started
local PATIENCE = 30 * SECOND -- for it to start
local ENDED = { placed = true, failed = true, cancelled = true, dropped = true }

local link, current -- the bridge's end for the project in front
local wanted = {} -- what was clicked and is being read: { job, submit, reader, … }, oldest first
local waiting = {} -- the same by project, of those that are not in front
local told = {} -- job -> true once the musician was told how it ended
local asked = {} -- job -> { there } once the musician was asked where its takes belong
local answered = {} -- job -> { said, at }: Placed or Drop, until the bridge has heard it
local handed = {} -- job -> when its request was handed over, until the bridge shows it
local greeted, counted = -HELLO, 0
local silent, called = nil, -PATIENCE -- since when no bridge is heard; when one was started
local trouble = "" -- what the bridge could not use

-- ---- small things --------------------------------------------------------------------------------------------

local function new_job ()
  counted = counted + 1
  return spool.hashed (("%s %d %d"):format (link.host, here.now (), counted)):sub (1, 12)
end

local function greet (now)
  greeted = now
  link.post ({ type = "hello", program = here.PROGRAM, project = here.project (), can = CAN })
end

local function alive (now)
  return link.alive (now / SECOND)
end

-- Tell the musician something about a job, until they have read it.
local function note (job, what, next_step)
  window.show (job, next_step and next_step ~= "" and what .. " " .. next_step or what, nil, { window.OK })
end

-- ---- reading stems and handing over --------------------------------------------------------------------------

local function give_up (one, why, next_step)
  if one.reader then one.reader.stop () end
  window.hide (one.job)
  table.remove (wanted, 1)
  if why then note (one.job, why, next_step) end
end

local function hand_over (one, now)
  one.submit.clicked = clock.wall (one.clicked)
  one.submit.render = (now - one.began) / SECOND
  local fine, why = link.post (one.submit)
  if not fine then return give_up (one, "The request could not be handed over: " .. why .. ".") end
  table.remove (wanted, 1)
  handed[one.job] = now
  window.show (one.job, "Handed over", 0, { window.STOP })
end

-- Wait until the bridge has started.
local function wait (one, now)
  one.since = one.since or now
  if now - one.since > PATIENCE then
    return give_up (one, "The bridge did not start.", "Run `punchin bridge` in a terminal, and ask again.")
  elseif now - one.since > CALL then
    window.show (one.job, "Starting the bridge", 0, { window.STOP })
  end
end

-- Go on with the oldest request: wait for the bridge, read, hand over.
local function work (now)
  local one = wanted[1]
  if not one then return end
  if not one.reader then
    if not alive (now) then return wait (one, now) end
    one.began = now
    one.reader = stems.reader (one.reading)
  end
  local whole, why = one.reader.step (BUDGET)
  if whole == nil then return give_up (one, "The tracks could not be read: " .. why .. ".") end
  if whole then return hand_over (one, here.now ()) end
  window.show (one.job, "Reading the tracks", one.reader.fraction, { window.STOP })
end

-- Stop `job`, or the latest.
local function cancel (job)
  for i = #wanted, 1, -1 do
    if not job or wanted[i].job == job then
      local one = table.remove (wanted, i)
      if one.reader then one.reader.stop () end
      window.hide (one.job)
      return one.job
    end
  end
  local found = next (handed)
  if job then found = handed[job] and job end
  local jobs = link.state and link.state.jobs or {}
  for i = #jobs, 1, -1 do
    local view = jobs[i]
    if found then break end
    if not ENDED[view.phase] and not answered[view.job] and (not job or job == view.job) then found = view.job end
  end
  if not found then return nil, "Nothing is at work." end
  link.post ({ type = "cancel", job = found })
  return found
end

-- ---- takes that come back ------------------------------------------------------------------------------------

local CHOICES = { there = "At the new place", here = "Where asked", drop = "Drop them" }

-- Nothing is placed: say why, and let the musician choose. `there` is the sample where the takes belong now, if known.
local function hold (view, track, reason, there)
  asked[view.job] = { there = there }
  link.post ({ type = "held", job = view.job, reason = reason })
  local buttons = {}
  if track and there then buttons[#buttons + 1] = { "there", CHOICES.there } end
  if track then buttons[#buttons + 1] = { "here", CHOICES.here } end
  buttons[#buttons + 1] = { "drop", CHOICES.drop }
  window.show (view.job, reason .. " The takes are ready; where do they belong?", nil, buttons)
end

-- Say that a job is done with, and remember it until the bridge shows that it has heard.
local function answer (document)
  answered[document.job] = { said = document, at = here.now () }
  link.post (document)
end

local function place (view, track, start)
  local began = here.now ()
  local fine, mistake = pcall (takes.place, view, track, start)
  if not fine then
    return hold (view, track, ("The takes could not be placed: %s."):format (tostring (mistake)):sub (1, 400))
  end
  window.hide (view.job)
  local placed = { type = "placed", job = view.job, seconds = (here.now () - began) / SECOND }
  if start ~= view.takes[1].start then placed.at = start end
  answer (placed)
end

local function drop (view)
  window.hide (view.job)
  answer ({ type = "drop", job = view.job })
end

local function take_in (view)
  local before = answered[view.job]
  if before then -- also when it was undone meanwhile: that is the musician's business
    if here.now () - before.at > HELLO then answer (before.said) end
    return
  end
  if takes.placed (view.job) then return answer ({ type = "placed", job = view.job }) end -- before we were started
  if asked[view.job] or project.is_recording () then return end
  local track, region = project.track (view.track), view.region
  local reason, there = project.changed (track, region.start, region["end"], view.guard, takes.sources ())
  if not reason then reason = project.refusal (track, region.start, region["end"]) end
  if reason then hold (view, track, reason, there) else place (view, track, view.takes[1].start) end
end

-- Act on what the bridge says of one job.
local function follow (view)
  if view.phase == "ready" or view.phase == "held" then return take_in (view) end
  if not ENDED[view.phase] then return window.show (view.job, view.line, view.fraction, { window.STOP }) end
  if told[view.job] then return end
  told[view.job], answered[view.job] = true, nil
  if view.phase == "failed" then
    note (view.job, view.line, view.next_step)
  elseif view.phase == "placed" and view.line:find ("placed%. .") then -- there is more that a musician should know
    note (view.job, view.line)
  else
    window.hide (view.job)
  end
end

local function view_of (job)
  for _, view in ipairs (link.state and link.state.jobs or {}) do
    if view.job == job then return view end
  end
end

-- A button of the window was clicked.
local function choose (job, key)
  local view = view_of (job)
  if key == "stop" then
    cancel (job)
  elseif key == "ok" or not view then
    window.hide (job)
  elseif key == "drop" then
    drop (view)
  else
    local track, one = project.track (view.track), asked[job] or {}
    if not track then return hold (view, track, "The track is gone.") end
    local start = key == "there" and one.there or view.takes[1].start
    local why = project.refusal (track, start, start + view.region["end"] - view.region.start)
    if why then return hold (view, track, why, one.there) end
    place (view, track, start)
  end
end

-- ---- actions -------------------------------------------------------------------------------------------------

local function queue (one, why)
  if not one then return nil, why end
  wanted[#wanted + 1] = one
  return one.job
end

local function selected (engine, ask)
  return queue (request.selected (new_job (), link.audio, engine, ask.wish, ask.at))
end

local function say (why)
  if why then here.say (why) end
end

local function mark_in (ask)
  local from = marks.mark_in (clock.wall (ask.at), ask.pressed)
  window.show ("mark", ("Marked in at %s."):format (project.shown (from)), nil, { window.OK })
  return from
end

local function mark_out (ask)
  local fine, why = marks.mark_out (clock.wall (ask.at), ask.pressed)
  if fine then window.hide ("mark") end
  return fine, why
end

-- Do `action`. Returns something true, or nil and why not.
local ACTIONS = {
  inpaint = function (ask) return selected ("inpaint", ask) end,
  transfer = function (ask) return selected ("transfer", ask) end,
  ask_transfer = function ()
    dialogs.transfer (function () say (select (2, selected ("transfer", { at = here.now () }))) end)
    return true
  end,
  ["repeat"] = function (ask) return queue (request.again (new_job (), link.audio, ask.at)) end,
  next_take = function () return takes.step (1) end,
  previous_take = function () return takes.step (-1) end,
  pick = function (ask) return takes.pick ((ask.take or 0) + 1, ask.job) end,
  commit = takes.commit,
  cancel = function (ask) return cancel (ask.job) end,
  mark_in = mark_in,
  mark_out = mark_out,
  select = function (ask) return marks.select (ask.start, ask["end"], ask.unit) end,
  settings = function () dialogs.settings () return true end,
  tend = function () return true end,
}

local asks = asks_of (ACTIONS, "REAPER")

local function hear_clicks ()
  for _, click in ipairs (here.clicks ()) do
    window.wake ()
    local fine, why = asks.act (click)
    if not fine then say (why) end
  end
end

-- ---- the bridge ----------------------------------------------------------------------------------------------

local function is_at_work ()
  if #wanted > 0 or next (handed) then return true end
  for _, view in ipairs (link.state and link.state.jobs or {}) do
    if not ENDED[view.phase] then return true end
  end
  return false
end

-- Start a bridge where one is needed and none is heard.
local function call_bridge (now)
  if alive (now) then
    silent = nil
    return
  end
  silent = silent or now
  if now - silent > CALL and now - called > PATIENCE and is_at_work () then
    called = now
    here.start_bridge ()
  end
end

-- Do what the bridge says.
local function hear_bridge (now)
  local known = {}
  for _, one in ipairs (wanted) do known[one.job] = true end
  for _, view in ipairs (link.state.jobs) do
    known[view.job], handed[view.job] = true, nil
    follow (view)
  end
  for job, at in pairs (handed) do
    if now - at < HELLO then known[job] = true else handed[job] = nil end
  end
  window.settle (known)
  if link.state.trouble ~= trouble then
    trouble = link.state.trouble
    if trouble ~= "" then note ("trouble", trouble) end
  end
end

-- ---- the tick ------------------------------------------------------------------------------------------------

-- Let go of the project that was in front. What was clicked there is read when it is in front again.
local function leave ()
  if not link then return end
  link.post ({ type = "bye" })
  for _, one in ipairs (wanted) do
    if one.reader then one.reader.stop () end
    one.reader, one.since = nil, nil
  end
  waiting[current] = wanted
  marks.forget ()
  window.sweep ()
end

local function open_project ()
  current = here.project ().id
  link = spool.open (config.spool, here.host ())
  wanted = waiting[current] or {}
  waiting[current] = nil
  told, asked, answered, handed = {}, {}, {}, {}
  asks.forget ()
  greeted, silent, trouble = -HELLO, nil, ""
end

local function tick ()
  local now = here.now ()
  clock.look (now)
  if here.has_changed () then
    leave ()
    open_project ()
  end
  if now - greeted >= HELLO then greet (now) end
  link.poll (now / SECOND)
  hear_clicks ()
  asks.hear (link, now)
  work (now)
  call_bridge (now)
  if alive (now) then hear_bridge (now) end
  local job, key = window.tick (now)
  if job then choose (job, key) end
end

return {
  leave = leave,
  tick = function ()
    local fine, mistake = pcall (tick)
    if not fine then reaper.ShowConsoleMsg ("Punchin: " .. tostring (mistake) .. "\n") end -- the next tick goes on
  end,
}
