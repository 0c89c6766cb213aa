-- Takes that are ready: laid where they belong, or held until the musician has said where. Each job is answered until the
-- bridge has heard it. All of it runs on the [host tick]; `here`, `project`, `takes` and `screen` are the host's (see
-- `session`).

local here, project, takes, screen, guard, memory, clock = ...
local placing = {}

local AGAIN = 5 * clock.SECOND -- an answer that the bridge has not heard by then is given once more
local LONGEST = 400 -- bytes of a reason; a document has room for 500 letters
local CAPTIONS = { anew = "Make them anew", there = "At the new place", here = "Where asked", drop = "Drop them" }

local link -- the bridge's end
local ask_again -- the session's: ask for what a job was asked for, elsewhere
local asked = {} -- job -> { there, anew } once the musician was asked where its takes belong
local answered = {} -- job -> { document, at }: Placed or Drop, until the bridge has heard it

-- Another project is in front; `end_` is the bridge's end for it. `again (job, start, stop)` asks for what `job` was asked
-- for once more, for other samples, or returns nil and why not.
function placing.open (end_, again)
  ask_again, link = again, end_
  asked, answered = {}, {}
end

-- The bridge shows that it knows how `job` ended.
function placing.ended (job)
  answered[job] = nil
end

function placing.is_answered (job)
  return answered[job] ~= nil
end

local function answer (document)
  answered[document.job] = { document = document, at = here.now () }
  link.post (document)
end

-- Nothing is placed: say why, and let the musician choose. `there` is the sample where the takes belong now, if known;
-- with `anew`, they may as well be made once more for their bars.
local function hold (view, track, reason, there, anew)
  asked[view.job] = { there = there, anew = anew }
  link.post ({ type = "held", job = view.job, reason = reason })
  local choices = {}
  if track and anew and memory.asked (view.job) then choices[#choices + 1] = { "anew", CAPTIONS.anew } end
  if track and there then choices[#choices + 1] = { "there", CAPTIONS.there } end
  if track then choices[#choices + 1] = { "here", CAPTIONS.here } end
  choices[#choices + 1] = { "drop", CAPTIONS.drop }
  local key = screen.where (view.job, reason, choices)
  if key then placing.choose (view, key) end
end

local function place (view, track, start)
  if not link.owns (view.job) then
    return screen.note (view.job, "Another program has this project open, and the takes were given to it.")
  end
  local began = here.now ()
  local fine, mistake = pcall (takes.place, view, track, start, guard.rate (view.guard))
  if not fine then
    return hold (view, track, ("The takes could not be placed: %s."):format (tostring (mistake)):sub (1, LONGEST))
  end
  screen.hide (view.job)
  local placed = { type = "placed", job = view.job, seconds = (here.now () - began) / clock.SECOND }
  if start ~= view.takes[1].start then placed.at = start end
  answer (placed)
end

local function drop (view)
  screen.hide (view.job)
  answer ({ type = "drop", job = view.job })
end

-- Do what the musician chose for the takes of `view`: `anew`, `there`, `here` or `drop`.
function placing.choose (view, key)
  if key == "drop" then return drop (view) end
  local track, one = project.track (view.track), asked[view.job] or {}
  if not track then return hold (view, track, "The track is gone.") end
  if key == "anew" then
    local job, why = ask_again (view.job, guard.bars (view.guard))
    if job then return drop (view) end
    return hold (view, track, why, one.there, true)
  end
  local start = key == "there" and one.there or view.takes[1].start
  local stop = start + view.region["end"] - view.region.start
  local why = project.refusal (track, start, stop, guard.rate (view.guard))
  if why then return hold (view, track, why, one.there, one.anew) end
  place (view, track, start)
end

-- Lay the takes of `view`, which are ready, unless that was done or asked about already.
function placing.take_in (view)
  local before = answered[view.job]
  if before then -- also when it was undone meanwhile: that is the musician's business
    if here.now () - before.at > AGAIN then answer (before.document) end
    return
  end
  if memory.placed (view.job) then return answer ({ type = "placed", job = view.job }) end -- before we were started
  if asked[view.job] or project.is_recording () then return end
  local track, region = project.track (view.track), view.region
  local reason, there, anew = guard.changed (track, region.start, region["end"], view.guard, takes.sources ())
  if not reason then
    reason = project.refusal (track, region.start, region["end"], guard.rate (view.guard))
  end
  if reason then hold (view, track, reason, there, anew) else place (view, track, view.takes[1].start) end
end

return placing
