-- Shows how far jobs are, in a small window with a button to stop each. Needs no extension; REAPER's own `gfx` draws it.
-- The window is there while there is work, and gone after it. Closing it stops nothing.

local here = ...
local progress = {}

local WIDTH, ROW, EDGE = 420, 44, 10
local BUTTON = 64
local SLOWEST = 100000 -- microseconds between two pictures

local shown = {} -- list of { job, text, fraction }
local is_open, closed, drawn, was_down = false, false, 0, false

local function find (job)
  for i, row in ipairs (shown) do
    if row.job == job then return row, i end
  end
end

function progress.show (job, text, fraction)
  local row = find (job)
  if not row then
    row = { job = job }
    shown[#shown + 1] = row
    closed = false
  end
  row.text, row.fraction = text, fraction
end

function progress.hide (job)
  local _, index = find (job)
  if index then table.remove (shown, index) end
end

function progress.sweep ()
  shown = {}
end

local function draw ()
  for i, row in ipairs (shown) do
    local top = (i - 1) * ROW + EDGE
    gfx.set (0.85, 0.87, 0.9)
    gfx.x, gfx.y = EDGE, top
    gfx.drawstr (row.text)
    gfx.set (0.25, 0.27, 0.3)
    gfx.rect (EDGE, top + 18, WIDTH - BUTTON - 3 * EDGE, 8, 1)
    gfx.set (0.37, 0.5, 0.67)
    gfx.rect (EDGE, top + 18, math.floor ((WIDTH - BUTTON - 3 * EDGE) * row.fraction), 8, 1)
    gfx.set (0.75, 0.38, 0.42)
    gfx.rect (WIDTH - BUTTON - EDGE, top, BUTTON, 26, 1)
    gfx.set (1, 1, 1)
    gfx.x, gfx.y = WIDTH - BUTTON - EDGE + 14, top + 6
    gfx.drawstr ("Stop")
  end
  gfx.update ()
end

-- The job whose button was clicked since the last time.
local function clicked ()
  local down = gfx.mouse_cap & 1 == 1
  local hit = down and not was_down and gfx.mouse_x >= WIDTH - BUTTON - EDGE
  was_down = down
  local row = hit and shown[gfx.mouse_y // ROW + 1]
  return row and row.job
end

-- Draw what has changed. Returns the job that the musician wants stopped.
function progress.tick (now)
  if #shown == 0 or closed then
    if is_open then gfx.quit () end
    is_open = false
    return nil
  end
  if not is_open then
    gfx.init ("Punchin", WIDTH, #shown * ROW + EDGE, 0)
    is_open = true
  end
  if gfx.getchar () < 0 then
    is_open, closed = false, true
    return nil
  end
  if now - drawn >= SLOWEST then
    drawn = now
    draw ()
  end
  return clicked ()
end

return progress
