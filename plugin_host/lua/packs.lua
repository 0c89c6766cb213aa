-- Model packs: which there are, fetching one, and choosing one for new takes. Nothing is fetched before the musician has
-- accepted, each by itself, the licences that forbid something. All of it runs on the [host tick]; `screen` is the host's.
--
-- The host's screen has, besides what `session` says of it,
--   packs (list of { id, text, buttons }): show these rows in this order; nil: show none of them any more. May return the
--            row and the key of what was clicked at once; else that comes back by `screen.tick`, as of any row
-- and shows work that has no region where it likes.

local json, here, screen, clock = ...
local packs = {}

local AGAIN = 10 * clock.SECOND -- a question that the bridge has not answered by then is asked once more
local READ = clock.SECOND // 2 -- until then, a click was meant for what stood there before
local PULL = "pull" -- the row of what goes on
local ENGINES = { { "inpaint", "For new takes" }, { "transfer", "For transfers" } }
local ENDED = { done = true, stopped = true, failed = true }

local link -- the bridge's end
local is_open, asked = false, 0 -- whether the musician looks at the packs; when the bridge was asked for them
local told = {} -- pull -> true once the musician was told how it ended, or has answered what it asks
local accepted, question = {}, nil -- names of licences; the view of the pull that they are of
local shown, since = "", 0 -- the rows, as text; since when

-- Another project is in front; `end_` is the bridge's end for it.
function packs.attach (end_)
  link, is_open, told, accepted, question, shown = end_, false, {}, {}, nil, ""
end

local function ask ()
  asked = here.now ()
  link.post ({ type = "listpacks" })
end

-- The musician wants to see which packs there are.
function packs.open ()
  is_open = true
  ask ()
  return true
end

local function known (key)
  local value = link.state and link.state[key]
  if value ~= json.null then return value end
end

-- Whether the musician waits for an answer.
function packs.is_waiting ()
  local pull = known ("pull")
  return is_open and not known ("packs") or (pull and (pull.phase == "planning" or pull.phase == "running")) or false
end

-- ---- what is shown -------------------------------------------------------------------------------------------

local function joined (...)
  local parts = {}
  for _, part in ipairs ({ ... }) do
    if part ~= "" then parts[#parts + 1] = part end
  end
  return table.concat (parts, " · ")
end

local function row_of (pack)
  local licences = table.concat (pack.licences, ", ")
  local row = { id = "pack " .. pack.name, buttons = {} }
  if pack.state == "offered" then
    row.text = joined (pack.name .. ": " .. pack.title, pack.size, licences, pack.memory)
    row.buttons[1] = { "get", "Get" }
  elseif pack.state == "damaged" then
    row.text = pack.name .. ": damaged. Install it again."
  else
    local set = here.settings ()
    row.text = joined (pack.name .. ": is here", pack.title, licences)
    for _, engine in ipairs (ENGINES) do
      for _, able in ipairs (pack.engines) do
        if able == engine[1] and set[able].pack == pack.name then
          row.text = row.text .. " · chosen " .. engine[2]:lower ()
        elseif able == engine[1] then
          row.buttons[#row.buttons + 1] = engine
        end
      end
    end
  end
  return row
end

local function list ()
  local rows = {}
  for _, pack in ipairs (known ("packs") or {}) do rows[#rows + 1] = row_of (pack) end
  local text = #rows > 0 and "Model packs that are here, or that can be fetched" or "Looking for model packs."
  table.insert (rows, 1, { id = "packs", text = text, buttons = { { "close", "Close" } } })
  return rows
end

-- The licence that comes next, with what it asks and where it stands.
local function terms ()
  local one = question.terms[#accepted + 1]
  local text = ("%s Before it is fetched: %s. Do you accept %s for %s?"):format (
    question.line, one.text, one.licence == "none-stated" and "that no licence is stated" or one.licence, question.pack)
  return { { id = "terms", text = text, buttons = { { "accept", "I accept" }, { "decline", "I do not" } } } }
end

local function signature (rows)
  local parts = {}
  for _, row in ipairs (rows or {}) do
    parts[#parts + 1] = row.id .. row.text
    for _, button in ipairs (row.buttons) do parts[#parts + 1] = button[2] end
  end
  return table.concat (parts, "\n")
end

local function show ()
  local rows = question and terms () or is_open and list () or nil
  if signature (rows) == shown then return end
  shown, since = signature (rows), here.now ()
  local id, key = screen.packs (rows)
  if not id then return end
  if id == PULL then is_open = false end
  packs.choose (id, key)
end

-- ---- what the bridge says ------------------------------------------------------------------------------------

-- Tell how a pull goes, and how it ended, once.
local function follow (pull, now)
  if told[pull.pull] then return end
  if pull.phase == "asking" then
    screen.hide (PULL)
    if not question or question.pull ~= pull.pull then question, accepted = pull, {} end
  elseif ENDED[pull.phase] then
    told[pull.pull] = true
    screen.hide (PULL)
    if pull.phase == "failed" then
      screen.note (PULL, pull.line)
    else
      screen.remark (PULL, pull.phase == "done" and pull.line .. " It is among the model packs now." or pull.line)
    end
  else
    screen.work (PULL, nil, pull.line, pull.fraction, now)
  end
end

-- Act on what the bridge says now; `kept` are the rows at work that are not hidden.
function packs.hear (kept, now)
  local pull = known ("pull")
  if pull then
    kept[PULL] = true
    follow (pull, now)
  end
  if is_open and not known ("packs") and now - asked > AGAIN then ask () end
  show ()
end

-- ---- what the musician does ----------------------------------------------------------------------------------

local function accept ()
  accepted[#accepted + 1] = question.terms[#accepted + 1].licence
  if #accepted < #question.terms then return end
  link.post ({ type = "pull", pack = question.pack, accept = json.array (accepted) })
  told[question.pull], question, accepted = true, nil, {}
end

local function decline ()
  link.post ({ type = "stoppull" })
  told[question.pull], question, accepted = true, nil, {}
end

local function use (engine, name)
  local set = here.settings ()
  set[engine].pack = name
  here.keep_settings (set)
end

-- A button of row `id` was clicked. Returns whether it is one of ours.
function packs.choose (id, key)
  local name = id:match ("^pack (.+)$")
  if id == PULL and key == "stop" then
    link.post ({ type = "stoppull" })
  elseif id == PULL then
    screen.hide (PULL)
  elseif id == "packs" then
    is_open = false
  elseif id == "terms" and question then
    if key ~= "accept" then
      decline ()
    elseif here.now () - since > READ then
      accept ()
    else
      shown = "" -- ask again
    end
  elseif name and key == "get" then
    is_open = false
    link.post ({ type = "pull", pack = name })
  elseif name then
    use (key, name)
  else
    return id == "terms"
  end
  show ()
  return true
end

return packs
