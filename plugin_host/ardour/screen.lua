-- What Ardour shows of Punchin: progress as markers in the time line, all else as dialogs, for which the musician is waited.

local here, project, progress = ...
local screen = {}

local LATER = "Later: ask again when the session is opened"

-- A line of the bridge as the name of a marker, which needs no full stop.
function screen.work (job, region, text, _, now)
  progress.show (job, region.start, region["end"], text:gsub ("%.$", ""), now)
end

screen.hide, screen.sweep = progress.hide, progress.sweep

function screen.note (_, what, next_step)
  here.say (what, next_step)
end

-- Into Ardour's log: a dialog would stop the musician's hands for what can wait.
function screen.remark (_, text)
  print ("Punchin: " .. text)
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
  known.mark = true
  progress.settle (known)
end

-- Dialogs are answered where they are asked.
function screen.wake () end
function screen.tick () end

return screen
