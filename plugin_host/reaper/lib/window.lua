-- One small window for all that concerns jobs: how far each is, what went wrong, where takes belong when the song has
-- changed. It waits for nobody: the musician answers when they like. Closing it stops and answers nothing.
--
-- Called with painters, each { open, draw, form, close } or nil: the first that is there draws.

local imgui, plain = ...
local window = {}
local painter = imgui or plain

local SLOWEST = 50000 -- microseconds between two pictures of a painter that keeps what it drew

local rows = {} -- list of { id, text, fraction, buttons }, oldest first; fraction is nil where nothing is at work
local form -- what is being filled in: { title, fields, done }
local is_open, is_closed, drawn = false, false, 0

local function find (id)
  for i, row in ipairs (rows) do
    if row.id == id then return row, i end
  end
end

-- Show `text` on row `id`; `buttons` are { key, caption }.
function window.show (id, text, fraction, buttons)
  local row = find (id)
  if not row then
    row = { id = id }
    rows[#rows + 1] = row
    is_closed = false
  end
  row.text, row.fraction, row.buttons = text, fraction, buttons
end

function window.hide (id)
  local _, index = find (id)
  if index then table.remove (rows, index) end
end

-- Take away the work of jobs that are not among `known`: nobody does it any more.
function window.settle (known)
  for i = #rows, 1, -1 do
    if rows[i].fraction and not known[rows[i].id] then table.remove (rows, i) end
  end
end

function window.sweep ()
  rows, form = {}, nil
end

-- The musician did something with Punchin: what was closed is of interest again.
function window.wake ()
  is_closed = false
end

-- Have `fields` filled in, each { key, caption, value, kind, … } (see dialogs); `done` gets the values by key.
function window.ask (title, fields, done)
  if painter.form then
    form, is_closed = { title = title, fields = fields, done = done }, false
  else
    local values = plain.ask (title, fields)
    if values then done (values) end
  end
end

local function close ()
  if is_open then painter.close () end
  is_open = false
end

-- Draw. Returns the row and the key of the button that was clicked, if one was.
function window.tick (now)
  if (#rows == 0 and not form) or is_closed then return close () end
  if not is_open then
    painter.open ()
    is_open = true
  end
  local paints = not painter.keeps or now - drawn >= SLOWEST
  if paints then drawn = now end
  local still, id, key = painter.draw (rows, paints)
  if form and painter.form then
    local answer = painter.form (form)
    if answer ~= nil then
      local asked = form
      form = nil
      if answer then asked.done (answer) end
    end
  end
  if not still then
    is_closed = true
    close ()
  end
  return id, key
end

return window
