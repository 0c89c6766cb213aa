-- Reads the project in front: what is selected, tempo and metre, chords, and what a region looked like. Changes nothing.

local json, tracks, selected = ...
local project = {}

local CURRENT = 0
local NOTE_VALUES = { [1] = true, [2] = true, [4] = true, [8] = true, [16] = true, [32] = true, [64] = true }
local MOST_CHANNELS = 16
local USUAL_RATE = 48000

-- The project's own rate, or that of the audio device. REAPER closes the device when it likes, such as when another window
-- is in front; so the device's rate is kept with the project, and holds until another is heard.
function project.rate ()
  if reaper.GetSetProjectInfo (CURRENT, "PROJECT_SRATE_USE", 0, false) > 0 then
    return math.floor (reaper.GetSetProjectInfo (CURRENT, "PROJECT_SRATE", 0, false))
  end
  local is_open, text = reaper.GetAudioDeviceInfo ("SRATE")
  local _, kept = reaper.GetProjExtState (CURRENT, "Punchin", "rate")
  local rate = is_open and tonumber (text)
  if not rate or rate <= 0 then return math.tointeger (tonumber (kept)) or USUAL_RATE end
  rate = math.floor (rate)
  if kept ~= tostring (rate) then reaper.SetProjExtState (CURRENT, "Punchin", "rate", tostring (rate)) end
  return rate
end

-- In all that follows, `rate` is at which samples are counted: the project's, where it is nil.

local function sample_of (seconds, rate)
  return math.floor (seconds * (rate or project.rate ()) + 0.5)
end

-- The second of a sample, from which the sample comes back however REAPER rounds: never a hair before it.
function project.second_of (sample, rate)
  local second = sample / rate
  if second * rate < sample then second = second + math.abs (second) * 2.0 ^ -52 end
  return second
end

function project.quarter_at (sample, rate)
  return reaper.TimeMap2_timeToQN (CURRENT, sample / (rate or project.rate ()))
end

function project.sample_at (quarter, rate)
  return sample_of (reaper.TimeMap2_QNToTime (CURRENT, quarter), rate)
end

-- Where takes are kept: beside the project's other recordings.
function project.folder ()
  local path = reaper.GetProjectPathEx (CURRENT)
  return path ~= "" and path .. "/Punchin" or ""
end

-- The sample after the last of the project.
function project.last ()
  return sample_of (reaper.GetProjectLength (CURRENT))
end

-- The sample that is heard now and how many pass in a second; where the song stands, that of the cursor and 0.
function project.playing ()
  local rate, state = project.rate (), reaper.GetPlayStateEx (CURRENT)
  if state & 1 == 0 then return reaper.GetCursorPositionEx (CURRENT) * rate, 0 end
  return reaper.GetPlayPositionEx (CURRENT) * rate, reaper.Master_GetPlayRate (CURRENT) * rate
end

-- A sample as REAPER's ruler calls it.
function project.shown (sample)
  return reaper.format_timestr_pos (sample / project.rate (), "", -1)
end

-- Make samples `start` to `stop` the time selection.
function project.select (start, stop)
  local rate = project.rate ()
  reaper.GetSet_LoopTimeRange2 (CURRENT, true, false, start / rate, stop / rate, false)
end

function project.is_recording ()
  return reaper.GetPlayStateEx (CURRENT) & 4 ~= 0
end

-- ---- time ----------------------------------------------------------------------------------------------------

-- The project's clock, as a Timeline. Tempos glide evenly in time; they count quarters, also in 6/8.
function project.timeline ()
  local numerator, denominator, bpm = reaper.TimeMap_GetTimeSigAtTime (CURRENT, 0)
  local tempos = json.array ({ { quarter = 0.0, bpm = bpm, curve = "steady" } })
  local metres = json.array ({ { quarter = 0.0, numerator = numerator, denominator = denominator } })
  for i = 0, reaper.CountTempoTimeSigMarkers (CURRENT) - 1 do
    local found, time, _, _, speed, count, value, glides = reaper.GetTempoTimeSigMarker (CURRENT, i)
    if found then
      local quarter = math.max (0.0, reaper.TimeMap2_timeToQN (CURRENT, time))
      local tempo = { quarter = quarter, bpm = speed, curve = glides and "time" or "steady" }
      if quarter == 0 then tempos[1] = tempo else tempos[#tempos + 1] = tempo end
      if count > 0 and NOTE_VALUES[value] then -- else it changes the tempo alone
        local metre = { quarter = quarter, numerator = count, denominator = value }
        if quarter == 0 then metres[1] = metre else metres[#metres + 1] = metre end
      end
    end
  end
  return { rate = project.rate (), tempos = tempos, metres = metres, origin = 0.0 }
end

-- ---- tracks --------------------------------------------------------------------------------------------------

project.id, project.name, project.track, project.named = tracks.id, tracks.name, tracks.by_id, tracks.by_name
project.has_lanes = tracks.has_lanes

-- The items of a track between two times, in order: { item, start, stop } in seconds. Lanes that do not play are passed
-- over.
function project.items (track, from, till)
  local list, has_lanes = {}, project.has_lanes (track)
  for i = 0, reaper.CountTrackMediaItems (track) - 1 do
    local item = reaper.GetTrackMediaItem (track, i)
    local start = reaper.GetMediaItemInfo_Value (item, "D_POSITION")
    local stop = start + reaper.GetMediaItemInfo_Value (item, "D_LENGTH")
    local plays = not has_lanes or reaper.GetMediaItemInfo_Value (item, "C_LANEPLAYS") > 0
    if plays and start < till and stop > from then list[#list + 1] = { item = item, start = start, stop = stop } end
  end
  table.sort (list, function (a, b) return a.start < b.start end)
  return list
end

-- The items that are not muted.
function project.audible (track, from, till)
  local list = {}
  for _, found in ipairs (project.items (track, from, till)) do
    if reaper.GetMediaItemInfo_Value (found.item, "B_MUTE") == 0 then list[#list + 1] = found end
  end
  return list
end

-- Where an item of `project.items` fades: until which second in, and from which second out.
function project.fades (found)
  local function longer (name)
    return math.max (reaper.GetMediaItemInfo_Value (found.item, name),
      reaper.GetMediaItemInfo_Value (found.item, name .. "_AUTO"))
  end
  return found.start + math.max (0, longer ("D_FADEINLEN")), found.stop - math.max (0, longer ("D_FADEOUTLEN"))
end

-- How many channels a take plays: those of its file, but one of it alone or mixed to mono is one, and two where it is
-- not in the middle.
local function channels_of (take)
  local mode = reaper.GetMediaItemTakeInfo_Value (take, "I_CHANMODE")
  local count = reaper.GetMediaSourceNumChannels (reaper.GetMediaItemTake_Source (take))
  if mode >= 2 then count = 1 end -- 2: mixed to mono; 3, 4: left, right. Beyond: one or two of many channels
  if mode > 66 then count = 2 end
  if count == 1 and reaper.GetMediaItemTakeInfo_Value (take, "D_PAN") ~= 0 then count = 2 end
  return count
end

-- How many channels a take on `track` has between two samples: as many as the widest one there.
function project.channels (track, start, stop)
  local most, rate = 0, project.rate ()
  for _, found in ipairs (project.items (track, start / rate, stop / rate)) do
    local take = reaper.GetActiveTake (found.item)
    if take and not reaper.TakeIsMIDI (take) then most = math.max (most, channels_of (take)) end
  end
  if most == 0 then return 2 end
  return math.min (MOST_CHANNELS, most, math.floor (reaper.GetMediaTrackInfo_Value (track, "I_NCHAN")))
end

-- The track to keep time by: the one that was named, else one that calls itself drums.
function project.drums (name, target)
  if name ~= "" then return tracks.by_name (name) end
  for _, track in ipairs (tracks.all ()) do
    if project.name (track):lower ():find ("drum", 1, true) and project.id (track) ~= project.id (target) then
      return track
    end
  end
end

-- ---- selection -----------------------------------------------------------------------------------------------

-- What the musician means: samples `start` and `stop`, the track, and a list of { start, stop } of further areas on it. Nil
-- and what to do where that is not clear.
function project.selection (names)
  local areas, track = selected (names)
  if not areas then return nil, track end
  local more = {}
  for i = 2, #areas do more[i - 1] = { start = sample_of (areas[i][1]), stop = sample_of (areas[i][2]) } end
  return sample_of (areas[1][1]), sample_of (areas[1][2]), track, more
end

-- ---- what cannot be done -------------------------------------------------------------------------------------

-- The seconds between which an item fades at `edge`, or nil: a fade belongs to the whole item, and is not to be cut.
local function fade_at (found, edge, hair)
  if edge <= found.start + hair or edge >= found.stop - hair then return nil end
  local risen, falls = project.fades (found)
  if edge < risen - hair then return found.start, math.min (risen, found.stop) end
  if edge > falls + hair then return math.max (falls, found.start), found.stop end
end

-- Samples `[start, stop)` of `track`, made wider until neither edge lies in a fade: there it can be cut.
function project.around_fades (track, start, stop, rate)
  local all, hair = project.audible (track, -math.huge, math.huge), 0.25 / rate
  local function widened (edge, outward)
    for _, found in ipairs (all) do
      local first, last = fade_at (found, edge / rate, hair)
      if first then return widened (outward (first, last), outward) end
    end
    return edge
  end
  return widened (start, function (first) return math.floor (first * rate + 0.25) end),
    widened (stop, function (_, last) return math.ceil (last * rate - 0.25) end)
end

-- Why what fades on `track` between two samples cannot be kept as a file, or nil.
local function unheard (track, start, stop, rate)
  local hair = 0.25 / rate
  for _, found in ipairs (project.audible (track, start / rate + hair, stop / rate - hair)) do
    local take = reaper.GetActiveTake (found.item)
    if take and (reaper.TakeIsMIDI (take) or reaper.TakeFX_GetCount (take) > 0) then
      return "An edge of the selection lies in a fade of MIDI, or of an item with take effects, which scripts cannot hear. "
        .. "Select up to the item's edge, or past the fade."
    end
  end
end

-- Why takes of samples `[start, stop)` cannot stand on `track`, or nil.
function project.refusal (track, start, stop, rate)
  local midi, audio, now = false, false, project.rate ()
  rate = rate or now
  local first, last = project.around_fades (track, start, stop, rate)
  local hair = 0.25 / rate
  for _, found in ipairs (project.audible (track, first / rate + hair, last / rate - hair)) do
    local take = reaper.GetActiveTake (found.item)
    if take and reaper.TakeIsMIDI (take) then midi = true elseif take then audio = true end
    if reaper.GetMediaItemInfo_Value (found.item, "C_LOCK") ~= 0 then
      return "An item there is locked. Unlock it, and ask again."
    end
  end
  if midi and not audio then
    return "Only MIDI plays there, which scripts cannot hear. Freeze the track, or render it to a new take, and ask again."
  end
  if rate ~= now and last - first > stop - start then
    return "An edge of the selection lies in a fade, and the audio device's rate is another than when takes were asked for. "
      .. "Set it back, or give the project a rate of its own."
  end
  return unheard (track, first, start, rate) or unheard (track, stop, last, rate)
end

-- ---- chords --------------------------------------------------------------------------------------------------

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
function project.notes (track, from, till)
  local notes, pedals, all = json.array (), json.array (), {}
  local first = reaper.TimeMap2_QNToTime (CURRENT, from)
  local last = reaper.TimeMap2_QNToTime (CURRENT, till)
  for _, found in ipairs (project.items (track, first, last)) do
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

-- Regions and markers with their names; a marker ends where it starts. (EnumProjectMarkers3 is old, and there in every
-- version; its successors are not.)
function project.chord_names ()
  local names = {}
  while true do
    local more, is_region, start, stop, name = reaper.EnumProjectMarkers3 (CURRENT, #names)
    if more == 0 then return names end
    names[#names + 1] = {
      start = reaper.TimeMap2_timeToQN (CURRENT, start),
      ["end"] = reaper.TimeMap2_timeToQN (CURRENT, is_region and stop or start),
      name = name,
    }
  end
end

-- ---- guard ---------------------------------------------------------------------------------------------------

local function guid (item)
  local _, id = reaper.GetSetMediaItemInfo_String (item, "GUID", "", false)
  return id
end

local function take_id (take)
  local _, id = reaper.GetSetMediaItemTakeInfo_String (take, "GUID", "", false)
  return id
end

project.item_id, project.take_id = guid, take_id

-- The first take of an item that is not one of ours.
local function own_take (item, ours)
  for i = 0, reaper.CountTakes (item) - 1 do
    local take = reaper.GetTake (item, i)
    if take and not ours[take_id (take)] then return take end
  end
end

-- What plays on `track` between two samples apart from our takes, cut there: so that a split changes nothing. `ours` are
-- ids of takes that we laid.
local function pieces (track, start, stop, ours, rate)
  local list = json.array ()
  for _, found in ipairs (project.items (track, start / rate, stop / rate)) do
    local take = own_take (found.item, ours)
    if take then
      local from = math.max (found.start, start / rate)
      local speed = reaper.GetMediaItemTakeInfo_Value (take, "D_PLAYRATE")
      local skipped = reaper.GetMediaItemTakeInfo_Value (take, "D_STARTOFFS") + (from - found.start) * speed
      local piece = {
        source = reaper.GetMediaSourceFileName (reaper.GetMediaItemTake_Source (take)),
        offset = sample_of (from, rate) - start,
        length = sample_of (math.min (found.stop, stop / rate), rate) - sample_of (from, rate),
        skipped = ("%.4f"):format (skipped),
        speed = ("%.6g"):format (speed),
        pitch = ("%.6g"):format (reaper.GetMediaItemTakeInfo_Value (take, "D_PITCH")),
        gain = ("%.6g"):format (reaper.GetMediaItemInfo_Value (found.item, "D_VOL")
          * reaper.GetMediaItemTakeInfo_Value (take, "D_VOL")),
      }
      local last = list[#list]
      if last and last.source == piece.source and last.offset + last.length == piece.offset then
        last.length = last.length + piece.length -- one item, until somebody split it
      elseif piece.length > 0 then
        list[#list + 1] = piece
      end
    end
  end
  return list
end

-- What plays there, and the item that comes first: where it goes, all goes.
function project.heard (track, start, stop, ours, rate)
  local found = project.items (track, start / rate, stop / rate)[1]
  return {
    items = pieces (track, start, stop, ours, rate),
    first = found and { id = guid (found.item), offset = sample_of (found.start, rate) - start },
  }
end

-- By how much all that was heard moved together, if that is what happened.
function project.moved (track, start, stop, heard, ours, rate)
  if not heard.first then return nil end
  for _, found in ipairs (project.items (track, -math.huge, math.huge)) do
    if guid (found.item) == heard.first.id then
      local by = sample_of (found.start, rate) - heard.first.offset - start
      local there = by ~= 0 and pieces (track, start + by, stop + by, ours, rate)
      if there and json.encode (there) == json.encode (heard.items) then return by end
    end
  end
end

return project
