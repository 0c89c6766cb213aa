-- Shows how far a job is: a range marker over its region, named by what is being done. It blocks nothing, and the
-- musician sees it where the takes will be.

local project = ...
local progress = {}

local PREFIX = "Punchin: "
local SLOWEST = 250000 -- microseconds between two texts
local shown = {} -- job -> { id, text, at }

local function find (id)
  for place in Session:locations ():list ():iter () do
    if place:id ():to_s () == id then return place end
  end
end

-- Say `text` over samples `start` to `stop`.
function progress.show (job, start, stop, text, now)
  local mark = shown[job]
  if mark and (mark.text == text or now - mark.at < SLOWEST) then return end
  local place = mark and find (mark.id)
  if not place then
    place = Session:locations ():add_range (Temporal.timepos_t (start), Temporal.timepos_t (stop))
    if not place then return end
  end
  place:set_name (PREFIX .. text)
  shown[job] = { id = place:id ():to_s (), text = text, at = now }
end

function progress.hide (job)
  local mark = shown[job]
  if not mark then return end
  shown[job] = nil
  local place = find (mark.id)
  if place then Session:locations ():remove (place) end
end

-- Take away what a session that was closed too early has kept.
function progress.sweep ()
  shown = {}
  local old = {}
  for place in Session:locations ():list ():iter () do
    if place:is_range_marker () and place:name ():sub (1, #PREFIX) == PREFIX then old[#old + 1] = place:id ():to_s () end
  end
  for _, id in ipairs (old) do Session:locations ():remove (find (id)) end
end

return progress
