-- What a region was like when takes were asked for, as text that the bridge keeps for us; and what has changed since.
--
-- Positions are samples at the rate that the job was asked for with: where a project has none of its own, the rate is the
-- audio device's, and another once that is closed or changed. All of it runs on the [host tick]; `project` is the host's
-- (see `session`).

local json, spool, project = ...
local guard = {}

-- The clock between two samples: where they lie in quarters, and the points of tempo and time signature that count there.
local function clock (start, stop, rate)
  local list, line = json.array (), project.timeline ()
  local first, last = project.quarter_at (start, rate), project.quarter_at (stop, rate)
  for _, kind in ipairs ({ "tempos", "metres" }) do
    local inside = json.array ()
    for _, point in ipairs (line[kind]) do
      if point.quarter <= first then inside[1] = point elseif point.quarter < last then inside[#inside + 1] = point end
    end
    list[#list + 1] = inside
  end
  local points = spool.hashed (json.encode (list)) -- a document has no room for a tempo at every beat
  return { first = ("%.14g"):format (first), last = ("%.14g"):format (last), points = points }
end

-- What must still hold when takes come back. `ours` are ids of what we laid, which does not count.
function guard.of (track, start, stop, ours, rate)
  local before = project.heard (track, start, stop, ours, rate)
  before.clock, before.rate = clock (start, stop, rate), rate
  return json.encode (before)
end

local function read (text)
  local before = json.try (text)
  return type (before) == "table" and before or nil
end

-- The rate at which the samples of a job are counted.
function guard.rate (text)
  local before = read (text)
  return before and before.rate or project.rate ()
end

-- The samples, at the project's rate of now, between which the bars of a job lie.
function guard.bars (text)
  local before = read (text)
  return project.sample_at (tonumber (before.clock.first)), project.sample_at (tonumber (before.clock.last))
end

local function same (a, b)
  return json.encode (a) == json.encode (b)
end

-- Nil while all is as it was. Else what has changed, in a sentence; the sample where the takes belong now, if known; and
-- whether they are as long as their bars no more.
function guard.changed (track, start, stop, text, ours)
  if not track then return "The track is gone." end
  local before, rate = read (text), guard.rate (text)
  if not before then return "The region cannot be compared with what it was." end
  if not same (before.clock, clock (start, stop, rate)) then
    local there = project.sample_at (tonumber (before.clock.first), rate)
    return "The tempo or the time signature was edited.", there ~= start and there or nil, true
  end
  if same (before.items, project.heard (track, start, stop, ours, rate).items) then return nil end
  local by = project.moved (track, start, stop, before, ours, rate)
  if by then return "What was selected has been moved.", start + by end
  return "What was selected has been edited."
end

return guard
