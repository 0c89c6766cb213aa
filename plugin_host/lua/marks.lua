-- What a foot marks while the song plays: from where it was at one press to where it was at the next, and parts of the
-- song that a surface names. Presses take a while to come here; how long ago they were is made up for.
--
-- All of it runs on the [host tick]; `project` is the host's (see `session`).

local project = ...
local marks = {}

local LATEST = 2 -- seconds; no press is longer on its way
local from, from_rate -- the sample where it was marked, and the rate that it counts in

-- The sample that sounded when a button was pressed; both times are Unix seconds.
local function heard (now, pressed)
  local sample, speed = project.playing ()
  local late = math.min (math.max (now - (pressed or now), 0), LATEST)
  return math.max (0, math.floor (sample - speed * late + 0.5))
end

-- Start where the song was at the press: returns that sample.
function marks.mark_in (now, pressed)
  from, from_rate = heard (now, pressed), project.rate ()
  return from
end

-- What was marked is of no interest any more: another song is open.
function marks.forget ()
  from = nil
end

-- End where it was, and select what lies between. Whoever goes round in a loop may end before the start.
function marks.mark_out (now, pressed)
  if not from then return nil, "Nothing is marked yet: mark in first." end
  local till, since = heard (now, pressed), math.floor (from * project.rate () / from_rate + 0.5)
  if till == since then return nil, "The song has not moved since it was marked: play it, or move the cursor." end
  project.select (math.min (since, till), math.max (since, till))
  from = nil
  return true
end

-- Select from `start` to `stop`, seconds of the time line or (`unit`) quarters.
function marks.select (start, stop, unit)
  local function sample (place)
    return unit == "quarters" and project.sample_at (place) or math.floor (place * project.rate () + 0.5)
  end
  local first, last = math.max (0, sample (start)), sample (stop)
  if first >= last then return nil, "There is nothing between these two places." end
  project.select (first, last)
  return true
end

return marks
