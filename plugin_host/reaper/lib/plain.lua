-- Draws the window and asks for settings with what every REAPER has: `gfx` and the plain input dialog.

local plain = { keeps = true }

local WIDTH, LINE, EDGE, LETTERS = 440, 17, 10, 58
local BUTTON_WIDTH, BUTTON_HEIGHT, BAR = 130, 22, 8

local places = {} -- of the buttons: { x, y, id, key }
local was_down, height = false, 0

-- `text` in lines of at most `LETTERS` bytes where there are spaces.
local function wrapped (text)
  local lines, line = {}, ""
  for word in text:gmatch ("%S+") do
    if line ~= "" and #line + #word >= LETTERS then
      lines[#lines + 1], line = line, ""
    end
    line = line == "" and word or line .. " " .. word
  end
  lines[#lines + 1] = line
  return lines
end

local function height_of (row)
  local bar = row.fraction and BAR + EDGE or 0
  local buttons = #row.buttons > 0 and BUTTON_HEIGHT + EDGE or 0
  return #wrapped (row.text) * LINE + bar + buttons + EDGE
end

local function needed (rows)
  local all = EDGE
  for _, row in ipairs (rows) do all = all + height_of (row) end
  return all
end

function plain.open (rows)
  height, was_down = needed (rows), false
  gfx.init ("Punchin", WIDTH, height, 0)
end

function plain.close ()
  gfx.quit ()
end

local function draw_row (row, top)
  gfx.set (0.85, 0.87, 0.9)
  for _, line in ipairs (wrapped (row.text)) do
    gfx.x, gfx.y = EDGE, top
    gfx.drawstr (line)
    top = top + LINE
  end
  if row.fraction then
    gfx.set (0.25, 0.27, 0.3)
    gfx.rect (EDGE, top, WIDTH - 2 * EDGE, BAR, 1)
    gfx.set (0.37, 0.5, 0.67)
    gfx.rect (EDGE, top, math.floor ((WIDTH - 2 * EDGE) * row.fraction), BAR, 1)
    top = top + BAR + EDGE
  end
  for i, button in ipairs (row.buttons) do
    local left = EDGE + (i - 1) * (BUTTON_WIDTH + EDGE)
    gfx.set (0.3, 0.33, 0.4)
    gfx.rect (left, top, BUTTON_WIDTH, BUTTON_HEIGHT, 1)
    gfx.set (1, 1, 1)
    gfx.x, gfx.y = left + 8, top + 4
    gfx.drawstr (button[2])
    places[#places + 1] = { x = left, y = top, id = row.id, key = button[1] }
  end
end

local function draw (rows)
  places = {}
  local top = EDGE
  for _, row in ipairs (rows) do
    draw_row (row, top)
    top = top + height_of (row)
  end
  gfx.update ()
end

local function clicked ()
  local down = gfx.mouse_cap & 1 == 1
  local hit = down and not was_down
  was_down = down
  if not hit then return nil end
  for _, place in ipairs (places) do
    local right, below = gfx.mouse_x - place.x, gfx.mouse_y - place.y
    if right >= 0 and right < BUTTON_WIDTH and below >= 0 and below < BUTTON_HEIGHT then return place.id, place.key end
  end
end

-- Draw the rows. Returns whether the window is still open, and which button was clicked.
function plain.draw (rows, paints)
  if gfx.getchar () < 0 then return false end
  if paints then
    if needed (rows) ~= height then -- a window of `gfx` gets its size when it is opened
      height = needed (rows)
      gfx.init ("", WIDTH, height)
    end
    draw (rows)
  end
  return true, clicked ()
end

-- ---- input ---------------------------------------------------------------------------------------------------

local SEPARATOR = "|"

-- Ask for `fields`; returns their values by key, or nil. REAPER waits for the answer.
function plain.ask (title, fields)
  local captions, values = {}, {}
  for i, field in ipairs (fields) do
    captions[i] = field.caption:gsub (",", ";")
    values[i] = tostring (field.value):gsub ("[|\n]", " ")
  end
  local layout = "separator=" .. SEPARATOR .. ",extrawidth=160"
  local fine, text = reaper.GetUserInputs (
    title, #fields, table.concat (captions, ",") .. "," .. layout, table.concat (values, SEPARATOR))
  if not fine then return nil end
  local answers, index = {}, 0
  for value in (text .. SEPARATOR):gmatch ("([^|]*)|") do
    index = index + 1
    if fields[index] then answers[fields[index].key] = value:match ("^%s*(.-)%s*$") end
  end
  return answers
end

return plain
