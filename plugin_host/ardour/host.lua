-- What Ardour does for Punchin, ten times a second: hears clicks and the bridge, reads stems, places takes.
--
-- Called with its modules; returns the function of the tick. Every tick does what has become possible and returns at
-- once; only what the musician has to answer waits, and taking in files, during which Ardour draws by itself.

local json, spool, config, here, project, request, stems, takes, progress, marks, clock, asks_of = ...

local CAN = json.array ({
  "inpaint", "transfer", "repeat", "next_take", "previous_take", "pick", "cancel", "settings",
  "mark_in", "mark_out", "select",
})
local SECOND = clock.SECOND
local HELLO = 5 * SECOND
local BUDGET = 16000 -- microseconds of reading in one tick: a frame of the screen
local PATIENCE = 30 * SECOND -- for the bridge to start
local ENDED = { placed = true, failed = true, cancelled = true, dropped = true }

local link, current -- the bridge's end for session `current`
local wanted = {} -- what was clicked and is being read: { job, submit, reader, … }, oldest first
local told = {} -- job -> true once the musician was told how it ended
local asked = {} -- job -> true once the musician was asked where its takes belong
local answered = {} -- job -> when we said Placed, until the bridge has heard it
local lost, opened = {}, 0 -- jobs whose takes were never saved; when the session was opened
local greeted, counted, busy = -HELLO, 0, false

-- ---- small things --------------------------------------------------------------------------------------------

local function new_job ()
  counted = counted + 1
  return spool.hashed (("%s %d %d"):format (link.host, here.now (), counted)):sub (1, 12)
end

local function greet (now)
  greeted = now
  link.post ({ type = "hello", program = "Ardour " .. (config.ardour or ""), project = here.project (), can = CAN })
end

local function alive (now)
  return link.alive (now / SECOND)
end

local function start_bridge ()
  if config.bridge ~= "" then os.execute (config.bridge) end
end

-- ---- reading stems and handing over --------------------------------------------------------------------------

local function give_up (one, why, next_step)
  if one.reader then one.reader.stop () end
  progress.hide (one.job)
  table.remove (wanted, 1)
  if why then here.say (why, next_step) end
end

local function hand_over (one, now)
  one.submit.clicked = clock.wall (one.clicked)
  one.submit.render = (now - one.ready_to_read) / SECOND
  local fine, why = link.post (one.submit)
  if not fine then return give_up (one, "The request could not be handed over: " .. why) end
  table.remove (wanted, 1)
end

-- Go on with the oldest request: wait for the bridge, read, hand over.
local function work (now)
  local one = wanted[1]
  if not one then return end
  local region = one.submit.region
  if not one.reader then
    if not alive (now) then
      if not one.called then
        one.called = now
        start_bridge ()
      elseif now - one.called > PATIENCE then
        return give_up (one, "The bridge did not start.", "Run `punchin bridge` in a terminal, and ask again.")
      end
      return progress.show (one.job, region.start, region["end"], "starting the bridge", now)
    end
    one.ready_to_read = now
    one.reader = stems.reader (one.reading)
  end
  local whole, why = one.reader.step (BUDGET)
  if whole == nil then return give_up (one, "The tracks could not be read: " .. why) end
  if whole then return hand_over (one, here.now ()) end
  local text = ("reading the tracks, %d %%"):format (math.floor (100 * one.reader.fraction))
  progress.show (one.job, region.start, region["end"], text, now)
end

local function cancel (job)
  local one = wanted[#wanted]
  if one and (not job or job == one.job) then
    if one == wanted[1] then give_up (one) else table.remove (wanted) end
    return one.job
  end
  local jobs = link.state and link.state.jobs or {}
  for i = #jobs, 1, -1 do
    local view = jobs[i]
    if not ENDED[view.phase] and (not job or job == view.job) then
      link.post ({ type = "cancel", job = view.job })
      return view.job
    end
  end
  return nil, "Nothing is at work."
end

-- ---- takes that come back ------------------------------------------------------------------------------------

local function place (view, track, start)
  local began = here.now ()
  local fine, mistake = pcall (takes.place, view, track, start)
  progress.hide (view.job)
  if not fine then
    asked[view.job] = true
    link.post ({ type = "held", job = view.job, reason = tostring (mistake):sub (1, 400) })
    return here.say ("The takes could not be placed: " .. tostring (mistake), "Their files lie among the session's "
      .. "audio files; open the session again to be asked once more.")
  end
  local seconds = (here.now () - began) / SECOND
  answered[view.job] = here.now ()
  local placed = { type = "placed", job = view.job, seconds = seconds }
  if start ~= view.takes[1].start then placed.at = start end
  link.post (placed)
end

-- The song has changed under the job: nothing is placed before the musician has said where.
local function ask_where (view, track, reason, there)
  asked[view.job] = true
  link.post ({ type = "held", job = view.job, reason = reason })
  progress.hide (view.job)
  local choices = { ["Leave them; ask again when the session is opened"] = "later", ["Drop them"] = "drop" }
  if track then choices["Where they were asked for"] = "here" end
  if track and there then choices["At the new place"] = "there" end
  local answer = LuaDialog.Dialog ("Punchin: where do the takes belong?", {
    { type = "heading", title = reason .. " Nothing was placed yet." },
    { type = "radio", key = "where", title = "Place them", values = choices,
      default = there and "At the new place" or track and "Where they were asked for" or "Drop them" },
  }):run ()
  local where = answer and answer.where or "later"
  if where == "drop" then
    link.post ({ type = "drop", job = view.job })
  elseif where ~= "later" then
    place (view, track, where == "there" and there or view.takes[1].start)
  end
end

local function take_in (view)
  if takes.placed (view.job) then -- they stand already: whoever was told has forgotten
    if not answered[view.job] or here.now () - answered[view.job] > HELLO then
      answered[view.job] = here.now ()
      link.post ({ type = "placed", job = view.job })
    end
    return
  end
  if asked[view.job] or Session:actively_recording () then return end
  local track = project.track (view.track)
  local region = view.region
  local reason, there = project.changed (track, region.start, region["end"], view.guard, takes.sources ())
  if reason then ask_where (view, track, reason, there) else place (view, track, view.takes[1].start) end
end

-- Takes that stood here, in a session that died or was closed before it was saved: their files are here, so ask.
local function offer_lost (now)
  if #lost == 0 or now - opened < 2 * SECOND then return end
  local record = table.remove (lost)
  local track = project.track (record.track)
  local question = ("%s.\n\nThey stood here, but the session was not saved since. Lay them again?"):format (record.undo)
  if track and here.agrees (question) then
    local fine, mistake = pcall (takes.place, record, track, record.start)
    if not fine then here.say ("The takes could not be placed: " .. tostring (mistake)) end
  end
end

-- Act on what the bridge says of one job.
local function follow (view, now)
  if view.phase == "ready" or view.phase == "held" then return take_in (view) end
  if not ENDED[view.phase] then
    return progress.show (view.job, view.region.start, view.region["end"], view.line, now)
  end
  progress.hide (view.job)
  answered[view.job] = nil
  if view.phase == "failed" and not told[view.job] then
    told[view.job] = true
    here.say (view.line, view.next_step)
  end
  told[view.job] = true
end

-- ---- actions -------------------------------------------------------------------------------------------------

local function selected_track ()
  for route in Editor:get_selection ().tracks:routelist ():iter () do
    return project.id (route)
  end
end

local function queue (one, why)
  if not one then return nil, why end
  wanted[#wanted + 1] = one
  return one.job
end

local function selected (engine, ask)
  return queue (request.selected (new_job (), link.audio, engine, ask.wish, ask.at))
end

-- The mark is shown as a range of a second.
local function mark_in (ask)
  local from = marks.mark_in (clock.wall (ask.at), ask.pressed)
  progress.hide ("mark")
  progress.show ("mark", from, from + project.rate (), "marked in", ask.at)
  return from
end

local function mark_out (ask)
  local fine, why = marks.mark_out (clock.wall (ask.at), ask.pressed)
  if fine then progress.hide ("mark") end
  return fine, why
end

-- Do `action`. Returns something true, or nil and why not.
local ACTIONS = {
  inpaint = function (ask) return selected ("inpaint", ask) end,
  transfer = function (ask) return selected ("transfer", ask) end,
  ["repeat"] = function (ask) return queue (request.again (new_job (), link.audio, ask.at)) end,
  next_take = function () return takes.step (1, selected_track ()) end,
  previous_take = function () return takes.step (-1, selected_track ()) end,
  pick = function (ask) return takes.pick ((ask.take or 0) + 1, ask.job) end,
  cancel = function (ask) return cancel (ask.job) end,
  mark_in = mark_in,
  mark_out = mark_out,
  select = function (ask) return marks.select (ask.start, ask["end"], ask.unit) end,
  settings = function () return nil, "Settings are a dialog of Ardour: Punchin: settings." end,
}

local asks = asks_of (ACTIONS, "Ardour")

local function hear_clicks ()
  for _, click in ipairs (here.clicks ()) do
    local fine, why = asks.act (click)
    if not fine then here.say (why) end
  end
end

-- ---- the tick ------------------------------------------------------------------------------------------------

local function open_session ()
  current = here.project ().id
  link = spool.open (config.spool, here.host ())
  wanted, told, asked, answered = {}, {}, {}, {}
  asks.forget ()
  progress.sweep ()
  marks.forget ()
  lost, opened = takes.unsaved (current), here.now ()
  greeted = -HELLO
end

local function tick ()
  local now = here.now ()
  clock.look (now)
  if current ~= here.project ().id then
    if link then link.post ({ type = "bye" }) end
    open_session ()
  end
  if now - greeted >= HELLO then greet (now) end
  link.poll (now / SECOND)
  if busy then return end -- the musician is being asked something, or Ardour takes in files
  busy = true
  hear_clicks ()
  asks.hear (link, now)
  work (now)
  if alive (now) then
    for _, view in ipairs (link.state.jobs) do follow (view, now) end
  end
  takes.follow_undo ()
  offer_lost (now)
  busy = false
end

return function ()
  local before = busy
  local fine, mistake = pcall (tick)
  if not fine then
    busy = before
    print ("Punchin: " .. tostring (mistake)) -- in Ardour's log; the next tick goes on
  end
end
