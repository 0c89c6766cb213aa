-- What Ardour shows of Punchin: progress as markers in the time line, all else as dialogs, for which the musician is waited.

local here, project, progress, clock = ...
local screen = {}

local READ = 15 * clock.SECOND -- until a remark is read
local regions = {} -- job -> where it is at work
local remarks = {} -- id of a marker -> { region, text, till }: a remark that is shown, `till` once it is

local LATER = "Later: ask again when the session is opened"

-- A line of the bridge as the name of a marker, which needs no full stop.
local function mark (id, region, text, now)
  progress.show (id, region.start, region["end"], text:gsub ("%.$", ""), now)
end

function screen.work (job, region, text, _, now)
  regions[job] = region
  mark (job, region, text, now)
end

screen.hide = progress.hide

function screen.sweep ()
  regions, remarks = {}, {}
  progress.sweep ()
end

function screen.note (_, what, next_step)
  here.say (what, next_step)
end

-- Into Ardour's log, and for a while over the takes: a dialog would stop the musician's hands for what can wait. That there
-- are takes is seen.
function screen.remark (job, text)
  print ("Punchin: " .. text)
  if regions[job] then remarks["remark " .. job] = { region = regions[job], text = text:gsub ("^%d+ takes? placed%. ", "") } end
end

-- Ask where takes belong. Returns the key of a choice, or nil where that is left for later.
function screen.where (job, reason, choices)
  progress.hide (job)
  local values = { [LATER] = "later" }
  for _, choice in ipairs (choices) do values[choice[2]] = choice[1] end
  local answer = LuaDialog.Dialog ("Punchin: where do the takes belong?", {
    { type = "heading", title = reason .. " Nothing was placed yet." },
    { type = "radio", key = "where", title = "Place them", values = values, default = choices[1][2] },
  }):run ()
  if answer and answer.where ~= "later" then return answer.where end
end

-- A mark is shown as a range of a second.
function screen.marked (start, now)
  progress.hide ("mark")
  progress.show ("mark", start, start + project.rate (), "marked in", now)
end

function screen.settle (known)
  for job in pairs (regions) do
    if not known[job] then regions[job] = nil end
  end
  known.mark = true
  for id in pairs (remarks) do known[id] = true end
  progress.settle (known)
end

function screen.tick (now)
  for id, remark in pairs (remarks) do
    if not remark.till then
      remark.till = now + READ
      mark (id, remark.region, remark.text, now)
    elseif now > remark.till then
      remarks[id] = nil
      progress.hide (id)
    end
  end
end

-- Dialogs are answered where they are asked.
function screen.wake () end

return screen
