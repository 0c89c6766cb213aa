-- Shows how far a job is: a range marker over its region, named by what is being done. It blocks nothing, and the
-- musician sees it where the takes will be.

local project = ...
local progress = {}

local PREFIX = "Punchin: "
local SLOWEST = 250000 -- microseconds between two texts
local shown = {} -- job -> { start, stop, text, at }

-- Call `act` with the marker of a job; true if there is one. It is known by its name and its place: Lua gets wrong ids of
-- locations in Ardour 7. Only within the loop: what it gives points into the list.
local function with (mark, act)
  local list = Session:locations ():list ()
  for place in list:iter () do
    if place:name () == PREFIX .. mark.text and place:start ():samples () == mark.start then
      act (place)
      return true
    end
  end
end

-- Say `text` over samples `start` to `stop`.
function progress.show (job, start, stop, text, now)
  local mark = shown[job]
  if mark and (mark.text == text or now - mark.at < SLOWEST) then return end
  local function name (place) place:set_name (PREFIX .. text) end
  if not (mark and with (mark, name)) then
    local place = Session:locations ():add_range (Temporal.timepos_t (start), Temporal.timepos_t (stop))
    if not place then return end
    name (place)
  end
  shown[job] = { start = start, stop = stop, text = text, at = now }
end

local function remove (mark)
  return with (mark, function (place) Session:locations ():remove (place) end)
end

function progress.hide (job)
  local mark = shown[job]
  shown[job] = nil
  if mark then remove (mark) end
end

-- Take away what a session that was closed too early has kept.
function progress.sweep ()
  shown = {}
  local old, list = {}, Session:locations ():list ()
  for place in list:iter () do
    if place:is_range_marker () and place:name ():sub (1, #PREFIX) == PREFIX then
      old[#old + 1] = { text = place:name ():sub (#PREFIX + 1), start = place:start ():samples () }
    end
  end
  for _, mark in ipairs (old) do remove (mark) end
end

return progress
