-- The dialogs that the musician opens: settings, and what a transfer should become. Plain ones, which every REAPER has.

local here = ...
local dialogs = {}

local SEPARATOR = "|"
local TASKS = { timbre = true, genre = true, accompaniment = true }

-- Ask for `fields`, each { caption, value }. Returns their texts, or nil.
local function ask (title, fields)
  local captions, values = {}, {}
  for i, field in ipairs (fields) do
    captions[i], values[i] = field[1], (tostring (field[2]):gsub ("[|,\n]", " "))
  end
  local layout = "separator=" .. SEPARATOR .. ",extrawidth=160"
  local fine, text = reaper.GetUserInputs (
    title, #fields, table.concat (captions, ",") .. "," .. layout, table.concat (values, SEPARATOR))
  if not fine then return nil end
  local answers = {}
  for value in (text .. SEPARATOR):gmatch ("([^|]*)|") do answers[#answers + 1] = value:match ("^%s*(.-)%s*$") end
  return answers
end

local function count (text, before)
  local number = tonumber (text)
  return number and math.max (1, math.min (16, math.floor (number))) or before
end

-- What every request has in it; what is left empty is found out.
function dialogs.settings ()
  local set = here.settings ()
  local answers = ask ("Punchin: settings", {
    { "Takes of an inpaint (1-16)", set.inpaint.takes },
    { "Style in words", set.inpaint.text },
    { "Model pack", set.inpaint.pack },
    { "Model pack of transfers", set.transfer.pack },
    { "Chord track (MIDI)", set.tracks.chords },
    { "Drum track (empty: by its name)", set.tracks.drums },
    { "Piano to follow (MIDI)", set.tracks.piano },
    { "Track for takes (if none is selected)", set.tracks.target },
    { "Seconds heard around (5-30)", set.seconds },
  })
  if not answers then return end
  set.inpaint = { takes = count (answers[1], set.inpaint.takes), text = answers[2], pack = answers[3] }
  set.transfer.pack = answers[4]
  set.tracks = { chords = answers[5], drums = answers[6], piano = answers[7], target = answers[8] }
  set.seconds = math.max (5, math.min (30, math.floor (tonumber (answers[9]) or set.seconds)))
  here.keep_settings (set)
end

-- What a transfer should become; then the click.
function dialogs.transfer ()
  local set = here.settings ()
  local answers = ask ("Punchin: transfer the selection", {
    { "To (violin; slow brushed drums)", set.transfer.to },
    { "From (what plays now)", set.transfer.source },
    { "Task (timbre; genre; accompaniment)", set.transfer.task },
    { "Takes (1-16)", set.transfer.takes },
  })
  if not answers or answers[1] == "" then return end
  set.transfer.to, set.transfer.source = answers[1], answers[2]
  set.transfer.task = TASKS[answers[3]] and answers[3] or "timbre"
  set.transfer.takes = count (answers[4], set.transfer.takes)
  here.keep_settings (set)
  here.click ("transfer")
end

return dialogs
