-- What is remembered with the project itself: which takes stand in it, and what was asked for last. All of it runs on the
-- [host tick]; where it is kept is the host's matter (`here.recall` and `here.remember`, see `session`).

local json, here = ...
local memory = {}

local MOST = 64 -- jobs remembered

-- All of it: { placed, last }. `placed` lists records of jobs, oldest first; what is in one besides `job` is the host's.
function memory.all ()
  local all = here.recall ()
  all.placed = all.placed or json.array ()
  return all
end

-- Keep `all`, which `memory.all` gave.
function memory.keep (all)
  while #all.placed > MOST do table.remove (all.placed, 1) end
  here.remember (all)
end

-- The record of a job whose takes were laid, or nil.
function memory.placed (job)
  for _, record in ipairs (memory.all ().placed) do
    if record.job == job then return record end
  end
end

-- The takes of a job were laid.
function memory.add (record)
  local all = memory.all ()
  all.placed[#all.placed + 1] = record
  memory.keep (all)
end

-- What was asked for last, to repeat it: { track, regions = list of { start, stop }, rate, wish }.
function memory.last ()
  return memory.all ().last
end

function memory.keep_last (last)
  local all = memory.all ()
  all.last = last
  memory.keep (all)
end

return memory
