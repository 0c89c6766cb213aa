-- Shows how far a job is: a range marker over its region, whose name begins with what changes. It blocks nothing, and the
-- musician sees it where the takes will be.

local project = ...
local progress = {}

local SLOWEST = 250000 -- microseconds between two texts
local shown = {} -- job -> { start, name, at }

-- Call `act` with the marker of a job; true if there is one. It is known by its name and its place: Lua gets wrong ids of
-- locations in Ardour 7. Only within the loop: what it gives points into the list.
local function with (mark, act)
  local list = Session:locations ():list ()
  for place in list:iter () do
    if place:name () == mark.name and place:start ():samples () == mark.start then
      act (place)
      return true
    end
  end
end

-- Say `text` over samples `start` to `stop`.
function progress.show (job, start, stop, text, now)
  local mark, name = shown[job], project.our_name (text)
  if mark and (mark.name == name or now - mark.at < SLOWEST) then return end
  local function call (place) place:set_name (name) end
  if not (mark and with (mark, call)) then
    local place = Session:locations ():add_range (Temporal.timepos_t (start), Temporal.timepos_t (stop))
    if not place then return end
    call (place)
  end
  shown[job] = { start = start, name = name, at = now }
end

local function remove (mark)
  return with (mark, function (place) Session:locations ():remove (place) end)
end

function progress.hide (job)
  local mark = shown[job]
  shown[job] = nil
  if mark then remove (mark) end
end

-- Take away the markers of jobs that are not among `known`.
function progress.settle (known)
  for job in pairs (shown) do
    if not known[job] then progress.hide (job) end
  end
end

-- Take away what a session that was closed too early has kept.
function progress.sweep ()
  shown = {}
  local old, list = {}, Session:locations ():list ()
  for place in list:iter () do
    if place:is_range_marker () and project.is_ours (place:name ()) then
      old[#old + 1] = { name = place:name (), start = place:start ():samples () }
    end
  end
  for _, mark in ipairs (old) do remove (mark) end
end

return progress
