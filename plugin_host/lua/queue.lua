-- Requests on their way to the bridge: read one after the other, handed over, and known until the bridge shows them.
--
-- A request is what `request` makes: { job, submit, reading, clicked }. All of it runs on the [host tick]; `here`, `stems`
-- and `screen` are the host's (see `session`).

local here, stems, screen, clock = ...
local queue = {}

local SECOND = clock.SECOND
local CALL = SECOND // 2 -- a bridge that takes longer to answer is being started
local PATIENCE = 30 * SECOND -- for it to start
local SHOWN = 5 * SECOND -- how long the bridge may take to show what it was handed

local waiting = {} -- to be read, oldest first; each has a `reader` once that has begun
local kept = {} -- host id -> what was `waiting` when its project went to the back
local handed = {} -- job -> when, until the bridge shows or refuses it

function queue.add (one)
  waiting[#waiting + 1] = one
  return one.job
end

function queue.is_empty ()
  return #waiting == 0 and next (handed) == nil
end

-- The project of `host` goes. What waits there is begun anew when it comes back, or forgotten where it is not to be kept.
function queue.leave (host, keeps)
  for _, one in ipairs (waiting) do
    if one.reader then one.reader.stop () end
    one.reader, one.since = nil, nil
  end
  kept[host] = keeps and waiting or nil
  waiting, handed = {}, {}
end

-- The project of `host` is in front.
function queue.open (host)
  waiting, kept[host] = kept[host] or {}, nil
end

-- ---- reading and handing over --------------------------------------------------------------------------------

local function take_out (index)
  local one = table.remove (waiting, index)
  if one.reader then one.reader.stop () end
  screen.hide (one.job)
  return one.job
end

local function give_up (why, next_step)
  screen.note (take_out (1), why, next_step)
end

local function show (one, text, fraction, now)
  screen.work (one.job, one.submit.region, text, fraction, now)
end

local function wait (one, now)
  one.since = one.since or now
  if now - one.since > PATIENCE then
    give_up ("Punchin did not start.", "Ask again. If that does not help, its log (bridge.log) says why.")
  elseif now - one.since > CALL then
    show (one, "Starting Punchin", 0, now)
  end
end

local function hand_over (link, one, now)
  one.submit.clicked = clock.wall (one.clicked)
  one.submit.render = (now - one.began) / SECOND
  local fine, why = link.post (one.submit)
  if not fine then return give_up ("The request could not be handed over: " .. why .. ".") end
  table.remove (waiting, 1)
  handed[one.job] = now
  show (one, "Handed over", 0, now)
end

-- Go on with the oldest request for `budget` microseconds: wait for the bridge, read, hand over.
function queue.work (link, budget, now)
  local one = waiting[1]
  if not one then return end
  if not one.reader then
    if not link.alive (now / SECOND) then return wait (one, now) end
    one.began = now
    one.reader = stems.reader (one.reading)
  end
  local whole, why = one.reader.step (budget)
  if whole == nil then return give_up ("The tracks could not be read: " .. why .. ".") end
  if whole then return hand_over (link, one, here.now ()) end
  local fraction = one.reader.fraction
  show (one, ("%d %% · reading the tracks"):format (math.floor (100 * fraction)), fraction, now)
end

-- ---- until the bridge shows it -------------------------------------------------------------------------------

-- Stop what waits to be read: `job`, or the latest. Returns it, or nil where there is no such thing.
function queue.stop (job)
  for index = #waiting, 1, -1 do
    if not job or waiting[index].job == job then return take_out (index) end
  end
end

-- What was handed over and is not shown yet: `job`, or the latest; or nil.
function queue.handed (job)
  if job then return handed[job] and job end
  local latest
  for name, at in pairs (handed) do
    if not latest or at > handed[latest] then latest = name end
  end
  return latest
end

-- The bridge has said something about `job`.
function queue.shown (job)
  handed[job] = nil
end

-- Add to `known` all jobs that are on their way.
function queue.settle (known, now)
  for _, one in ipairs (waiting) do known[one.job] = true end
  for job, at in pairs (handed) do
    if now - at < SHOWN then known[job] = true else handed[job] = nil end
  end
end

return queue
