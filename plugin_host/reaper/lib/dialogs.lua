-- What the musician is asked: settings, and what a transfer should become.
--
-- A field is { key, caption, value, kind }: `count` has `least` and `most`, `choice` has `choices`, other kinds are
-- text. Plain dialogs know only text, so what comes back is checked here.

local here, window, params = ...
local dialogs = {}

local TAKES, TASK = params.takes, params.task
local SECONDS = { low = 5, high = 30 }

-- A whole number in the `range` of a parameter.
local function count (key, caption, value, range)
  return { key = key, caption = ("%s (%d-%d)"):format (caption, range.low, range.high), value = value, kind = "count",
    least = range.low, most = range.high }
end

local function text (key, caption, value)
  return { key = key, caption = caption, value = value, kind = "text" }
end

local function whole (value, before, range)
  local number = tonumber (value)
  return number and math.floor (math.max (range.low, math.min (range.high, number))) or before
end

local function one_of (value, choices)
  for _, choice in ipairs (choices) do
    if choice == value then return value end
  end
  return choices[1]
end

-- What every request has in it; what is left empty is found out.
function dialogs.settings ()
  local set = here.settings ()
  local fields = {
    count ("takes", "Takes of an inpaint", set.inpaint.takes, TAKES),
    text ("text", "Style in words", set.inpaint.text),
    text ("pack", "Model pack (see Punchin: Model packs)", set.inpaint.pack),
    text ("transfer_pack", "Model pack of transfers", set.transfer.pack),
    text ("chords", "Chord track (MIDI; auto: by ear)", set.tracks.chords),
    text ("drums", "Drum track (empty: by its name)", set.tracks.drums),
    text ("piano", "Piano to follow (MIDI; auto: by ear)", set.tracks.piano),
    text ("target", "Track for takes (if none is selected)", set.tracks.target),
    count ("seconds", "Seconds heard around", set.seconds, SECONDS),
  }
  window.ask ("Punchin: settings", fields, function (got)
    set.inpaint = { takes = whole (got.takes, set.inpaint.takes, TAKES), text = got.text, pack = got.pack }
    set.transfer.pack = got.transfer_pack
    set.tracks = { chords = got.chords, drums = got.drums, piano = got.piano, target = got.target }
    set.seconds = whole (got.seconds, set.seconds, SECONDS)
    here.keep_settings (set)
  end)
end

-- What a transfer should become; then the click.
function dialogs.transfer ()
  local set = here.settings ()
  local fields = {
    text ("to", "To (violin; slow brushed drums)", set.transfer.to),
    text ("source", "From (what plays now)", set.transfer.source),
    { key = "task", caption = ("Task (%s)"):format (table.concat (TASK.choices, "; ")), value = set.transfer.task,
      kind = "choice", choices = TASK.choices },
    count ("takes", "Takes", set.transfer.takes, TAKES),
  }
  window.ask ("Punchin: transfer the selection", fields, function (got)
    if got.to == "" then return end
    set.transfer.to, set.transfer.source = got.to, got.source
    set.transfer.task = one_of (got.task, TASK.choices)
    set.transfer.takes = whole (got.takes, set.transfer.takes, TAKES)
    here.keep_settings (set)
    here.click ("transfer")
  end)
end

return dialogs
