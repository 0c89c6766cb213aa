-- What REAPER does for Punchin at every tick: hears clicks and the bridge, reads stems, places takes.
--
-- Called with its modules; returns { tick, leave }. Every tick does what has become possible and returns at once; only
-- what the musician has to answer waits.

local json, spool, config, here, project, stems, takes, progress, dialogs = ...

local CAN = json.array ({
  "inpaint", "transfer", "repeat", "next_take", "previous_take", "pick", "cancel", "settings",
})
local SECOND = 1000000
local HELLO = 5 * SECOND
local BUDGET = 8000 -- microseconds of reading in one tick
local PATIENCE = 30 * SECOND -- for the bridge to start
local ENDED = { placed = true, failed = true, cancelled = true, dropped = true }

local link, current -- the bridge's end for project `current`
local wanted = {} -- what was clicked and is being read: { job, submit, reader, … }, oldest first
local told = {} -- job -> true once the musician was told how it ended
local asked = {} -- job -> true once the musician was asked where its takes belong
local answered = {} -- job -> when we said Placed, until the bridge has heard it
local done_asks = {} -- ask -> true, until the bridge has heard the answer
local greeted, epoch, counted, busy = -HELLO, nil, 0, false
local trouble -- what the bridge could not use, once it was said

-- ---- small things --------------------------------------------------------------------------------------------

-- Unix seconds of clock value `now`. Lua's own clock has whole seconds only: one that begins while we look sets it.
local function wall (now)
  return epoch and epoch + now / SECOND or os.time ()
end

local second_before

local function set_epoch (now)
  local second = os.time ()
  if second_before and second ~= second_before then epoch = second - now / SECOND end
  second_before = second
end

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

-- ---- asking for takes ----------------------------------------------------------------------------------------

-- Up to a window of the model (30 s) with the region in it is of use to an inpaint; a transfer hears the region alone.
local function context (engine, length, settings)
  if engine == "transfer" then return 0 end
  local rate = project.rate ()
  return math.max (5 * rate, math.min (settings.seconds, 30) * rate - length)
end

local function track_document (track, path, start, channels)
  return {
    id = project.id (track),
    name = project.name (track),
    audio = { as = "rendered", path = path, start = start },
    channels = channels,
  }
end

-- What is played around the region, for an inpaint: chords, drums, a piano to follow.
local function company (submit, settings, target, from, till)
  local first, last = project.quarter_at (from), project.quarter_at (till)
  local chords = project.midi_track (settings.tracks.chords)
  if chords then submit.chords = project.notes (chords, first, last) end
  if not submit.chords or #submit.chords == 0 then submit.chord_names = project.chord_names (from, till) end
  local piano = project.midi_track (settings.tracks.piano)
  if piano then submit.piano = project.notes (piano, first, last) end
  return project.drums (settings.tracks.drums, target)
end

-- Begin a job: samples `[start, stop)` of `track`. Reads the project now; the stems follow, tick by tick.
local function begin (engine, track, start, stop, wish, clicked)
  local settings, job = here.settings (), new_job ()
  local around = context (engine, stop - start, settings)
  local from, till = math.max (0, start - around), stop + around
  local mine = ("%s/%s-target.wav"):format (link.audio, job)
  local channels = project.channels (track, start, stop)
  local submit = {
    type = "submit",
    job = job,
    project = here.project (),
    timeline = project.timeline (),
    region = { start = start, ["end"] = stop },
    target = track_document (track, mine, from, channels),
    wish = wish,
    folder = project.folder (),
    guard = project.guard (track, start, stop, takes.sources ()),
    clicked = wall (clicked),
  }
  local reading = { { track = track, channels = channels, start = from, stop = till, path = mine } }
  if engine == "inpaint" then
    local drums = company (submit, settings, track, from, till)
    if drums then
      local path = ("%s/%s-drums.wav"):format (link.audio, job)
      local heard = project.channels (drums, from, till)
      submit.drums = track_document (drums, path, from, heard)
      reading[2] = { track = drums, channels = heard, start = from, stop = till, path = path }
    end
  end
  submit.read = (here.now () - clicked) / SECOND
  takes.keep_last ({ engine = engine, track = submit.target.id, start = start, stop = stop, wish = wish })
  wanted[#wanted + 1] = { job = job, submit = submit, reading = reading }
  return job
end

local function inpaint_wish (settings)
  local wish = { engine = "inpaint", takes = settings.inpaint.takes, pack = settings.inpaint.pack }
  if settings.inpaint.text ~= "" then wish.text = settings.inpaint.text end
  return wish
end

local function transfer_wish (settings)
  local set = settings.transfer
  if set.to == "" then return nil, "Say what it should become: Punchin: Transfer selection." end
  local wish = { engine = "transfer", to = set.to, task = set.task, takes = set.takes, pack = set.pack }
  if set.source ~= "" then wish.source = set.source end
  return wish
end

local WISHES = { inpaint = inpaint_wish, transfer = transfer_wish }

local function request (engine, wish, clicked)
  local settings, why = here.settings (), nil
  local start, stop, track = project.selection (settings.tracks)
  if not start then return nil, stop end
  if not wish then
    wish, why = WISHES[engine] (settings)
    if not wish then return nil, why end
  end
  return begin (engine, track, start, stop, wish, clicked)
end

local function again (clicked)
  local last = takes.last ()
  if not last then return nil, "Nothing was asked for in this project yet." end
  local track = project.track (last.track)
  if not track then return nil, "The track of the last request is gone." end
  last.wish.seed = nil -- a new one is drawn
  return begin (last.engine, track, last.start, last.stop, last.wish, clicked)
end

-- ---- reading stems and handing over --------------------------------------------------------------------------

local function give_up (one, why, next_step)
  if one.reader then one.reader.stop () end
  progress.hide (one.job)
  table.remove (wanted, 1)
  if why then here.say (why, next_step) end
end

local function hand_over (one, now)
  one.submit.render = (now - one.began) / SECOND
  local fine, why = link.post (one.submit)
  if not fine then return give_up (one, "The request could not be handed over: " .. why) end
  table.remove (wanted, 1)
  progress.hide (one.job)
end

-- Go on with the oldest request: wait for the bridge, read, hand over.
local function work (now)
  local one = wanted[1]
  if not one then return end
  if not one.reader then
    if not alive (now) then
      if not one.called then
        one.called = now
        here.start_bridge ()
      elseif now - one.called > PATIENCE then
        return give_up (one, "The bridge did not start.", "Run `punchin bridge` in a terminal, and ask again.")
      end
      return progress.show (one.job, "Starting the bridge", 0)
    end
    one.began = now
    one.reader = stems.reader (one.reading)
  end
  local whole, why = one.reader.step (BUDGET)
  if whole == nil then return give_up (one, "The tracks could not be read: " .. why) end
  if whole then return hand_over (one, here.now ()) end
  progress.show (one.job, "Reading the tracks", one.reader.fraction)
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
    return here.say ("The takes could not be placed: " .. tostring (mistake),
      "Their files lie in the project's folder Punchin; open the project again to be asked once more.")
  end
  answered[view.job] = here.now ()
  local placed = { type = "placed", job = view.job, seconds = (here.now () - began) / SECOND }
  if start ~= view.takes[1].start then placed.at = start end
  link.post (placed)
end

-- The song has changed under the job: nothing is placed before the musician has said where.
local function ask_where (view, track, reason, there)
  asked[view.job] = true
  link.post ({ type = "held", job = view.job, reason = reason })
  progress.hide (view.job)
  local choices = {}
  if track and there then choices[#choices + 1] = { "there", "place them at the new place" } end
  if track then choices[#choices + 1] = { "here", "place them where they were asked for" } end
  if #choices < 2 then choices[#choices + 1] = { "drop", "drop them; the files stay in the project's folder" } end
  choices[#choices + 1] = { "later", "leave it open (Punchin: Cancel drops them)" }
  local where = here.choose (reason .. "\nThe takes are ready, and nothing was placed yet.", choices)
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
  if asked[view.job] or project.is_recording () then return end
  local track = project.track (view.track)
  local region = view.region
  local reason, there = project.changed (track, region.start, region["end"], view.guard, takes.sources ())
  if reason then ask_where (view, track, reason, there) else place (view, track, view.takes[1].start) end
end

-- Act on what the bridge says of one job.
local function follow (view)
  if view.phase == "ready" or view.phase == "held" then return take_in (view) end
  if not ENDED[view.phase] then return progress.show (view.job, view.line, view.fraction) end
  progress.hide (view.job)
  answered[view.job] = nil
  if view.phase == "failed" and not told[view.job] then
    told[view.job] = true
    here.say (view.line, view.next_step)
  end
  told[view.job] = true
end

-- ---- actions -------------------------------------------------------------------------------------------------

local function given (value)
  return value ~= json.null and value or nil
end

-- Do `action`. Returns something true, or nil and why not.
local ACTIONS = {
  inpaint = function (ask) return request ("inpaint", given (ask.wish), ask.at) end,
  transfer = function (ask) return request ("transfer", given (ask.wish), ask.at) end,
  ["repeat"] = function (ask) return again (ask.at) end,
  next_take = function () return takes.step (1) end,
  previous_take = function () return takes.step (-1) end,
  pick = function (ask) return takes.pick ((given (ask.take) or 0) + 1, given (ask.job)) end,
  cancel = function (ask) return cancel (given (ask.job)) end,
  settings = function () dialogs.settings () return true end,
}

local function act (ask)
  local action = ACTIONS[ask.action]
  if not action then return nil, "REAPER cannot do that." end
  local fine, result, why = pcall (action, ask)
  if not fine then return nil, tostring (result) end
  return result, why
end

local function hear_clicks ()
  for _, click in ipairs (here.clicks ()) do
    local fine, why = act (click)
    if not fine then here.say (why) end
  end
end

local function hear_asks (now)
  local open = {}
  for _, ask in ipairs (link.state and link.state.asks or {}) do
    open[ask.ask] = true
    if not done_asks[ask.ask] then
      ask.at = now
      done_asks[ask.ask] = true
      local fine, why = act (ask)
      link.post ({ type = "did", ask = ask.ask, error = fine and "" or tostring (why):sub (1, 400) })
    end
  end
  for name in pairs (done_asks) do
    if not open[name] then done_asks[name] = nil end
  end
end

-- ---- the tick ------------------------------------------------------------------------------------------------

local function leave ()
  if link then link.post ({ type = "bye" }) end
  for _, one in ipairs (wanted) do
    if one.reader then one.reader.stop () end
  end
  progress.sweep ()
end

local function open_project ()
  current = here.project ().id
  link = spool.open (config.spool, here.host ())
  wanted, told, asked, answered, done_asks = {}, {}, {}, {}, {}
  greeted = -HELLO
end

local function tick ()
  local now = here.now ()
  if current ~= here.project ().id then
    leave ()
    open_project ()
  end
  if now - greeted >= HELLO then greet (now) end
  link.poll (now / SECOND)
  if busy then return end -- the musician is being asked something
  busy = true
  if not epoch then set_epoch (now) end
  hear_clicks ()
  hear_asks (now)
  work (now)
  if alive (now) then
    for _, view in ipairs (link.state.jobs) do follow (view) end
    if link.state.trouble ~= (trouble or "") then
      trouble = link.state.trouble
      here.say (trouble)
    end
  end
  local stopped = progress.tick (now)
  if stopped then cancel (stopped) end
  busy = false
end

return {
  leave = leave,
  tick = function ()
    local before = busy
    local fine, mistake = pcall (tick)
    if not fine then
      busy = before
      reaper.ShowConsoleMsg ("Punchin: " .. tostring (mistake) .. "\n") -- the next tick goes on
    end
  end,
}
