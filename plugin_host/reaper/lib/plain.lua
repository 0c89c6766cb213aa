-- Draws the window and asks for settings with what every REAPER has: `gfx` and the plain input dialog.
--
-- A window of `gfx` takes the keyboard when it opens and when it is clicked. It is given back at once, so that space plays
-- and keys do what they do in REAPER. A musician who docks the window finds it there the next time.

local plain = { keeps = true }

local CURRENT = 0
local PLAY = 40044 -- Transport: Play/stop
local SPACE = 32
local ITEMS, ENVELOPES = 1, 2 -- what may have the keyboard
local WIDTH, EDGE = 440, 10
local BUTTON_WIDTH, BUTTON_HEIGHT, BAR = 130, 22, 8

local places = {} -- of the buttons: { x, y, id, key }
local was_down, height, place = false, 0, ""

-- ---- the keyboard and the place ------------------------------------------------------------------------------

local function give_back_keyboard (context)
  local envelope = context == ENVELOPES and reaper.GetSelectedEnvelope (CURRENT) or nil
  reaper.SetCursorContext (context < 0 and ITEMS or context, envelope)
end

-- Open the window, or give the one that is open another height, and leave the keyboard where it was.
local function init (title, ...)
  local context = reaper.GetCursorContext2 (true)
  gfx.init (title, WIDTH, height, ...)
  give_back_keyboard (context)
end

-- Where the window was last: the docker (0: none), and its corner.
local function last_place ()
  local dock, x, y = reaper.GetExtState ("Punchin", "window"):match ("^(%d+) (-?%d+) (-?%d+)$")
  if dock then return tonumber (dock), tonumber (x), tonumber (y) end
  return 0
end

local function keep_place ()
  local dock, x, y = gfx.dock (-1, 0, 0)
  local now = ("%d %d %d"):format (dock, x, y)
  if now ~= place then reaper.SetExtState ("Punchin", "window", now, true) end
  place = now
end

-- ---- drawing -------------------------------------------------------------------------------------------------

-- `word` in parts that are no wider than the window: a path may be long.
local function parts_of (word, widest)
  local parts, part = {}, ""
  for letter in word:gmatch (utf8.charpattern) do
    if part ~= "" and gfx.measurestr (part .. letter) > widest then
      parts[#parts + 1], part = part, ""
    end
    part = part .. letter
  end
  parts[#parts + 1] = part
  return parts
end

-- `text` in lines that are no wider than the window.
local function wrapped (text)
  local lines, line, widest = {}, "", WIDTH - 2 * EDGE
  for word in text:gmatch ("%S+") do
    for i, part in ipairs (gfx.measurestr (word) > widest and parts_of (word, widest) or { word }) do
      local longer = line == "" and part or line .. (i == 1 and " " or "") .. part
      if line ~= "" and gfx.measurestr (longer) > widest then
        lines[#lines + 1], line = line, part
      else
        line = longer
      end
    end
  end
  lines[#lines + 1] = line
  return lines
end

local function height_of (row)
  local bar = row.fraction and BAR + EDGE or 0
  local buttons = #row.buttons > 0 and BUTTON_HEIGHT + EDGE or 0
  return #wrapped (row.text) * gfx.texth + bar + buttons + EDGE
end

local function needed (rows)
  local all = EDGE
  for _, row in ipairs (rows) do all = all + height_of (row) end
  return all
end

function plain.open ()
  height, was_down = 100, false -- text can be measured once it is open
  init ("Punchin", last_place ())
  gfx.setfont (1, "Arial", 15)
end

function plain.close ()
  keep_place ()
  gfx.quit ()
end

local function draw_row (row, top)
  gfx.set (0.85, 0.87, 0.9)
  for _, line in ipairs (wrapped (row.text)) do
    gfx.x, gfx.y = EDGE, top
    gfx.drawstr (line)
    top = top + gfx.texth
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
  give_back_keyboard (reaper.GetCursorContext2 (true))
  for _, button in ipairs (places) do
    local right, below = gfx.mouse_x - button.x, gfx.mouse_y - button.y
    if right >= 0 and right < BUTTON_WIDTH and below >= 0 and below < BUTTON_HEIGHT then return button.id, button.key end
  end
end

-- A key that came here all the same; nil where the window was closed.
local function key ()
  local letter = gfx.getchar ()
  if letter < 0 then return nil end
  if letter > 0 then give_back_keyboard (reaper.GetCursorContext2 (true)) end
  if letter == SPACE then reaper.Main_OnCommandEx (PLAY, 0, CURRENT) end
  return letter
end

-- Draw the rows. Returns whether the window is still open, and which button was clicked.
function plain.draw (rows, paints)
  if not key () then return false end
  if paints then
    keep_place ()
    local is_floating = gfx.dock (-1, 0, 0) == 0
    if needed (rows) ~= height and is_floating then -- such a window gets its size when it is opened
      height = needed (rows)
      init ("")
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
