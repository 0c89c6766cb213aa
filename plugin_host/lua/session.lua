-- A host's session: all that Punchin does in a DAW, tick by tick. Every tick does what has become possible and returns at
-- once; only what the musician is asked may wait, as long as it takes: some hosts tick on meanwhile, others do not.
--
-- What hosts differ in are five tables of functions, each a module of theirs. All of ours and all of theirs run on the
-- [host tick]: there is no other thread. Positions are samples, `rate` is theirs (nil: the project's), `now` counts
-- microseconds of a clock that only grows. Who cannot do something returns nil and why not, in a sentence.
--
--   here     now (); clicks (): what was clicked since the last time, each { action, at }
--            project (): { id, name } of what is open; host (): its id on the spool
--            has_changed (): whether another project is in front than when this was asked last
--            recall (), remember (table): what is kept with the project; settings (): what the musician set
--            say (what, next step): tell what the musician needs to know now; start_bridge (): and do not wait for it
--   project  rate (), last () sample, folder () for takes, timeline (), is_recording ()
--            quarter_at (sample, rate), sample_at (quarter, rate)
--            selection (names of tracks): start, stop, track, and a list of { start, stop } of further areas, or nil
--            select (start, stop)
--            playing (): the sample that sounds now, and how many pass in a second
--            track (id), id (track), name (track), channels (track, start, stop)
--            named (name): a track to read notes of, or nil; notes (track, from, till): notes, pedals, in quarters
--            drums (name, target, start, stop): a track to keep time by, or nil and why none can be heard, in a sentence
--            chord_names (): all markers and regions
--            unheard (track, start, stop): why what plays there cannot be heard, in a sentence, or nil
--            remarks (track, start, stop): what the musician should know of takes there, a list of sentences
--            refusal (track, start, stop, rate): why takes cannot stand there, or nil
--            heard (track, start, stop, ours, rate): { items, … }, what plays there apart from our takes, for the guard
--            moved (track, start, stop, heard, ours, rate): by how many samples that moved as a whole, or nil
--   stems    reader (list of { track, kind, channels, start, stop, rate, path }): see `reader`; `kind` is target or drums,
--            and a target knows its `region`, { start, stop }
--   takes    place (view, track, start, rate): lay a job's takes and remember it, or raise and change nothing
--            sources (): ids of all that we laid; step (by), pick (index, job): show another take
--   screen   work (job, region, text, fraction, now): how far a job is, until the next word of it
--            note (id, what, next step): what went wrong, until it was read; remark (id, text): worth knowing
--            where (job, reason, choices of { key, caption }): ask; may return the key at once
--            marked (start, now): a mark was set there
--            hide (id); settle (known jobs): hide work on others; sweep (): hide all
--            wake (): the musician is here; tick (now): id and key of what was clicked ("stop", "ok", or a choice)

local json, spool, config, here, project, request, takes, screen, marks, clock, commands, queue, placing, packs = ...

local SECOND = clock.SECOND
local HELLO = 5 * SECOND
local SILENCE = SECOND // 2 -- without a word of the bridge until one is started
local PATIENCE = 30 * SECOND -- for it to start
local ENDED = { placed = true, failed = true, cancelled = true, dropped = true }
local MARK = "mark"
local CAN = {
  "inpaint", "transfer", "repeat", "next_take", "previous_take", "pick", "cancel", "settings", "mark_in", "mark_out",
  "select",
}

-- The session of a host: { tick, leave }. `host` has
--   name, program          what it is called, and that with its version
--   budget                 microseconds of reading in one tick
--   keeps_projects         whether one that goes to the back stays open, and its requests are read when it is in front again
--   actions, can           actions of its own by name (see `commands`), and which of them others may ask for
--   opened (), ticked ()   called when a project was opened, and at the end of a tick; may be nil
return function (host)
  local link -- the bridge's end for the project in front
  local told = {} -- job -> true once the musician was told how it ended
  local trouble -- the last document that the bridge could not use: the job and what it says; nil until that is heard
  local greeted, counted, busy = -HELLO, 0, false
  local silent, called = nil, -PATIENCE -- since when no bridge is heard; when one was started
  local can = json.array ({ table.unpack (CAN) })
  for _, action in ipairs (host.can or {}) do can[#can + 1] = action end

  local function views ()
    return link.state and link.state.jobs or {}
  end

  local function view_of (job)
    for _, view in ipairs (views ()) do
      if view.job == job then return view end
    end
  end

  -- ---- what the musician does ----------------------------------------------------------------------------------

  local function new_job ()
    counted = counted + 1
    return spool.hashed (("%s %d %d"):format (link.host, here.now (), counted)):sub (1, 12)
  end

  -- Queue requests. Returns the first one's job.
  local function add (all, why)
    if not all then return nil, why end
    for _, one in ipairs (all) do queue.add (one) end
    return all[1].job
  end

  local function selected (engine, command)
    return add (request.selected (new_job, link.audio, engine, command.wish, command.at))
  end

  -- The newest job that the bridge shows as not ended, and that we have not ended since; `job`, if one is named.
  local function open_job (job)
    local jobs = views ()
    for i = #jobs, 1, -1 do
      local view = jobs[i]
      if not ENDED[view.phase] and not placing.is_answered (view.job) and (not job or job == view.job) then
        return view.job
      end
    end
  end

  -- Stop `job`, or the latest.
  local function cancel (job)
    local stopped = queue.stop (job)
    if stopped then return stopped end
    local found = queue.handed (job) or open_job (job)
    if not found then return nil, "Nothing is at work." end
    link.post ({ type = "cancel", job = found })
    return found
  end

  local function mark_in (command)
    local from = marks.mark_in (clock.wall (command.at), command.pressed)
    screen.marked (from, command.at)
    return from
  end

  local function mark_out (command)
    local fine, why = marks.mark_out (clock.wall (command.at), command.pressed)
    if fine then screen.hide (MARK) end
    return fine, why
  end

  local actions = {
    inpaint = function (command) return selected ("inpaint", command) end,
    transfer = function (command) return selected ("transfer", command) end,
    ["repeat"] = function (command) return add (request.again (new_job, link.audio, command.at)) end,
    next_take = function () return takes.step (1) end,
    previous_take = function () return takes.step (-1) end,
    pick = function (command) return takes.pick ((command.take or 0) + 1, command.job) end,
    cancel = function (command) return cancel (command.job) end,
    mark_in = mark_in,
    mark_out = mark_out,
    select = function (command) return marks.select (command.start, command["end"], command.unit) end,
  }
  for name, action in pairs (host.actions) do actions[name] = action end
  local asked = commands (actions, host.name)

  local function act (click)
    local fine, why = asked.act (click)
    if not fine and why then here.say (why) end
  end

  -- A button of the screen was clicked.
  local function choose (job, key)
    if packs.choose (job, key) then return end
    local view = view_of (job)
    if key == "stop" then
      cancel (job)
    elseif key == "ok" or not view then
      screen.hide (job)
    else
      placing.choose (view, key)
    end
  end

  -- ---- what the bridge says ------------------------------------------------------------------------------------

  local function greet (now)
    greeted = now
    link.post ({ type = "hello", program = host.program, project = here.project (), can = can })
  end

  local function needs_bridge ()
    if not queue.is_empty () or packs.is_waiting () then return true end
    for _, view in ipairs (views ()) do
      if not ENDED[view.phase] then return true end
    end
    return false
  end

  -- Start a bridge where one is needed and none is heard.
  local function watch (now)
    if link.alive (now / SECOND) then
      silent = nil
      return
    end
    silent = silent or now
    if now - silent > SILENCE and now - called > PATIENCE and needs_bridge () then
      called = now
      here.start_bridge ()
    end
  end

  local function end_of (view)
    told[view.job] = true
    placing.ended (view.job)
    screen.hide (view.job)
    if view.phase == "failed" then
      screen.note (view.job, view.line, view.next_step)
    elseif view.phase == "placed" and view.line:find ("placed%. .") then -- there is more that a musician should know
      screen.remark (view.job, view.line)
    end
  end

  -- Act on what the bridge says of one job.
  local function follow (view, now)
    if view.phase == "ready" or view.phase == "held" then
      placing.take_in (view)
    elseif not ENDED[view.phase] then
      screen.work (view.job, view.region, view.line, view.fraction, now)
    elseif not told[view.job] then
      end_of (view)
    end
  end

  local function hear (now)
    local state, known = link.state, {}
    for _, view in ipairs (state.jobs) do
      known[view.job] = true
      queue.shown (view.job)
      follow (view, now)
    end
    if state.refused then queue.shown (state.refused) end
    queue.settle (known, now)
    packs.hear (known, now)
    screen.settle (known)
    local before = trouble
    trouble = (state.refused or "") .. "\n" .. state.trouble
    if before and before ~= trouble and state.trouble ~= "" then -- what was there at first is older than we are
      screen.note ("trouble", state.trouble)
    end
  end

  -- ---- the tick ------------------------------------------------------------------------------------------------

  -- Let go of the project that was in front.
  local function leave ()
    if not link then return end
    link.post ({ type = "bye" })
    queue.leave (link.host, host.keeps_projects)
    marks.forget ()
  end

  local function open ()
    link = spool.open (config.spool, here.host ())
    queue.open (link.host)
    placing.open (link, function (job, start, stop)
      return add (request.anew (new_job, link.audio, job, start, stop, here.now ()))
    end)
    packs.attach (link)
    asked.forget ()
    screen.sweep ()
    told, trouble, silent, greeted = {}, nil, nil, -HELLO
    if host.opened then host.opened () end
  end

  local function work (now)
    for _, click in ipairs (here.clicks ()) do
      screen.wake ()
      act (click)
    end
    asked.hear (link, now)
    queue.work (link, host.budget, now)
    watch (now)
    if link.alive (now / SECOND) then hear (now) end
    if host.ticked then host.ticked () end
    local job, key = screen.tick (now)
    if job then choose (job, key) end
  end

  local function tick ()
    local now = here.now ()
    clock.look (now)
    if here.has_changed () then
      leave ()
      open ()
    end
    if now - greeted >= HELLO then greet (now) end
    link.poll (now / SECOND)
    if busy then return end -- the musician is being asked something, or the host takes in files
    busy = true
    work (now)
    busy = false
  end

  return {
    leave = leave,
    -- Do all that has become possible. Returns nil, or what went wrong: the next tick goes on.
    tick = function ()
      local before = busy
      local fine, mistake = pcall (tick)
      if fine then return nil end
      busy = before
      return tostring (mistake)
    end,
  }
end
