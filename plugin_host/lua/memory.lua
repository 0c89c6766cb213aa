-- What is remembered with the project itself: which takes stand in it, and what was asked for. All of it runs on the
-- [host tick]; where it is kept is the host's matter (`here.recall` and `here.remember`, see `session`).

local json, here = ...
local memory = {}

local MOST = 256 -- records of what was laid; a job may have several
local MOST_ASKED = 16 -- and what was asked for, of the latest

-- All of it: { placed, asked }, oldest first. `placed` lists records of jobs; what is in one besides `job` is the host's.
function memory.all ()
  local all = here.recall ()
  all.placed, all.asked = all.placed or json.array (), all.asked or json.array ()
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

-- What was asked for, last or as `job`, to ask for it again: { jobs, track, regions, rate, wish }; or nil. `jobs` names one
-- job for each of `regions`, a list of { start, stop, holes } (see `request`).
function memory.asked (job)
  local asked = memory.all ().asked
  if not job then return asked[#asked] end
  for _, one in ipairs (asked) do
    for _, name in ipairs (one.jobs) do
      if name == job then return one end
    end
  end
end

function memory.keep_asked (one)
  local all = memory.all ()
  all.asked[#all.asked + 1] = one
  while #all.asked > MOST_ASKED do table.remove (all.asked, 1) end
  memory.keep (all)
end

return memory
