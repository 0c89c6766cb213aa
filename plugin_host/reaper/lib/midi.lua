-- Reads the MIDI items of a track.

local json, spool, items = ...
local midi = {}

local CURRENT = 0
local HAIR = 0.01 -- quarters: a note that ends with a beat

-- After how many quarters of the song a looped item's notes begin again; endless where they do not.
local function loop_length (item, take)
  if reaper.GetMediaItemInfo_Value (item, "B_LOOPSRC") == 0 then return math.huge end
  local length, is_quarters = reaper.GetMediaSourceLength (reaper.GetMediaItemTake_Source (take))
  if not is_quarters or length <= 0 then return math.huge end
  return length / reaper.GetMediaItemTakeInfo_Value (take, "D_PLAYRATE")
end

local CONTROLLER, PEDALS = 0xB0, { [64] = "sustain", [66] = "sostenuto" }
local HELD = 64 -- quarters that a pedal may hold a note, as far as we look back

-- Where the pedals of an item move between two quarters, and the last move of each before; with the item they come up.
local function add_pedals (pedals, take, length, first, last)
  local _, _, count = reaper.MIDI_CountEvts (take)
  local before, after = {}, {}
  for i = 0, count - 1 do
    local found, _, muted, at, kind, channel, number, value = reaper.MIDI_GetCC (take, i)
    local pedal = kind == CONTROLLER and PEDALS[number]
    if found and not muted and pedal then
      local quarter, which = reaper.MIDI_GetProjQNFromPPQPos (take, at), pedal .. channel
      while quarter < last do
        local move = { quarter = quarter, pedal = pedal, value = value, channel = channel }
        if quarter >= first then
          pedals[#pedals + 1] = move
        elseif not before[which] or quarter >= before[which].quarter then
          before[which] = move
        end
        quarter = quarter + length
      end
      after[which] = { quarter = last, pedal = pedal, value = 0, channel = channel }
    end
  end
  for which, up in pairs (after) do
    pedals[#pedals + 1] = before[which]
    pedals[#pedals + 1] = up
  end
end

local function add_notes (notes, take, length, first, last)
  local _, count = reaper.MIDI_CountEvts (take)
  for i = 0, count - 1 do
    local found, _, muted, on, off, channel, pitch, velocity = reaper.MIDI_GetNote (take, i)
    if found and not muted then
      local start = reaper.MIDI_GetProjQNFromPPQPos (take, on)
      local stop = reaper.MIDI_GetProjQNFromPPQPos (take, off)
      local turn = 0
      while start + turn < last do
        local from, till = start + turn, math.min (stop + turn, last)
        if from >= first and till > from then
          notes[#notes + 1] =
            { start = from, ["end"] = till, pitch = pitch, velocity = math.max (1, velocity), channel = channel }
        end
        turn = turn + length
      end
    end
  end
end

-- Notes of a track's MIDI items that sound between two quarters, and how the pedals move. Where there are pedals, notes
-- from before: they may still sound.
function midi.notes (track, from, till)
  local notes, pedals, all = json.array (), json.array (), {}
  local first = reaper.TimeMap2_QNToTime (CURRENT, from)
  local last = reaper.TimeMap2_QNToTime (CURRENT, till)
  for _, found in ipairs (items.between (track, first, last)) do
    local take = reaper.GetActiveTake (found.item)
    local muted = reaper.GetMediaItemInfo_Value (found.item, "B_MUTE") > 0
    if take and not muted and reaper.TakeIsMIDI (take) then
      local start = reaper.TimeMap2_timeToQN (CURRENT, found.start)
      local stop = reaper.TimeMap2_timeToQN (CURRENT, found.stop)
      local length = loop_length (found.item, take)
      add_notes (all, take, length, start, math.min (stop, till))
      add_pedals (pedals, take, length, math.max (start, from - HELD), math.min (stop, till))
    end
  end
  for _, note in ipairs (all) do
    if note["end"] > from or #pedals > 0 and note.start > from - HELD then notes[#notes + 1] = note end
  end
  return notes, pedals
end

-- What is written on a track between two quarters, muted items and all, as one short text: a split of an item, or its
-- mute, changes nothing in it.
function midi.written (track, from, till)
  local all, list = {}, {}
  local first, last = reaper.TimeMap2_QNToTime (CURRENT, from), reaper.TimeMap2_QNToTime (CURRENT, till)
  for _, found in ipairs (items.between (track, first, last)) do
    local take = reaper.GetActiveTake (found.item)
    if take and reaper.TakeIsMIDI (take) then
      local start = reaper.TimeMap2_timeToQN (CURRENT, found.start)
      local stop = reaper.TimeMap2_timeToQN (CURRENT, found.stop)
      add_notes (all, take, loop_length (found.item, take), math.max (start, from), math.min (stop, till))
    end
  end
  for i, note in ipairs (all) do
    list[i] = ("%.3f %.3f %d %d %d"):format (note.start - from, note["end"] - from, note.pitch, note.velocity, note.channel)
  end
  table.sort (list)
  return #list > 0 and spool.hashed (table.concat (list, "\n")) or ""
end

-- Whether a note on `track` that is not muted begins before a quarter and ends after it.
function midi.is_held_over (track, quarter)
  local all, at = {}, reaper.TimeMap2_QNToTime (CURRENT, quarter)
  for _, found in ipairs (items.audible (track, at, at)) do
    local take = reaper.GetActiveTake (found.item)
    if take and reaper.TakeIsMIDI (take) then
      local start = reaper.TimeMap2_timeToQN (CURRENT, found.start)
      local stop = reaper.TimeMap2_timeToQN (CURRENT, found.stop)
      add_notes (all, take, loop_length (found.item, take), start, stop)
    end
  end
  for _, note in ipairs (all) do
    if note.start < quarter - HAIR and note["end"] > quarter + HAIR then return true end
  end
  return false
end

return midi
