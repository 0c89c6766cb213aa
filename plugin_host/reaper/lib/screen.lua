-- What REAPER shows of Punchin: rows of one small window, and buttons there.

local window, project = ...
local screen = {}

local packs = {} -- ids of the rows about model packs
local STOP, OK = { "stop", "Stop" }, { "ok", "OK" }

function screen.work (job, _, text, fraction)
  window.show (job, text, fraction, { STOP })
end

function screen.note (id, what, next_step)
  window.show (id, next_step and next_step ~= "" and what .. " " .. next_step or what, nil, { OK })
end

screen.remark = screen.note

-- Ask where takes belong; the answer is the button that is clicked.
function screen.where (job, reason, choices)
  window.show (job, reason .. " The takes are ready; where do they belong?", nil, choices)
end

function screen.marked (start)
  window.show ("mark", ("Marked in at %s."):format (project.shown (start)), nil, { OK })
end

-- Show these rows about model packs, in this order, in place of those that were shown before.
function screen.packs (rows)
  for _, id in ipairs (packs) do window.hide (id) end
  packs = {}
  for i, row in ipairs (rows or {}) do
    packs[i] = row.id
    window.show (row.id, row.text, nil, row.buttons)
  end
end

screen.hide, screen.settle, screen.sweep = window.hide, window.settle, window.sweep
screen.wake, screen.tick = window.wake, window.tick

return screen
