-- Reads the session: what is selected, tempo and metre, chords, and what a region looked like. Changes nothing.

local json, meant, tracks, drums = ...
local project = {}

local FAR = 1 << 36 -- samples; no session is that long, and superclocks still fit
local NAMED_BY_ARDOUR = 0x400 | 0x800 -- flags of locations: where the sound broke off, and cues
local OURS = " (Punchin)" -- ends the names of our own markers
local MIDI = "“%s” plays MIDI, and takes are audio: record it into an audio track, or import an export of it, and select that."
local NOTHING = "Select a range, or a region, or set the loop around the bars that you want anew."
local SEVERAL = "Several ranges are selected, which Ardour shows scripts as one: select one, or regions."
local NOTE_VALUES = { [1] = true, [2] = true, [4] = true, [8] = true, [16] = true, [32] = true, [64] = true }

local function at (sample)
  return Temporal.timepos_t (sample)
end

-- Quarters of a Temporal.Beats, which has no number in Lua: "beat:tick".
local function quarters (beats)
  local whole, ticks = beats:str ():match ("^(-?%d+):(%d+)$")
  return tonumber (whole) + tonumber (ticks) / Temporal.ticks_per_beat
end

function project.quarter_at (sample)
  return quarters (Temporal.TempoMap.read ():quarters_at (at (sample)))
end

function project.sample_at (quarter)
  return Temporal.timepos_t.from_ticks (math.floor (quarter * Temporal.ticks_per_beat + 0.5)):samples ()
end

function project.rate ()
  return Session:nominal_sample_rate ()
end

-- The sample after the last of the session.
function project.last ()
  return Session:current_end_sample ()
end

-- Where the session keeps its audio files, so that takes travel with it; beside it where that cannot be told.
function project.folder ()
  local folder = ("%s/interchange/%s/audiofiles"):format (Session:path (), Session:name ())
  if os.rename (folder, folder) then return folder end
  return Session:path () .. "/punchin"
end

-- ---- time ----------------------------------------------------------------------------------------------------

-- All points of one kind, in order. Ardour 7 lists none: `ask` gives the one in force, so we go back from the far end.
local function points (ask)
  local found, from = {}, FAR
  repeat
    local point = ask (at (from))
    local place = point:to_point ()
    local sample = place:sample (Session:nominal_sample_rate ())
    table.insert (found, 1, { quarter = quarters (place:beats ()), sample = sample, point = point })
    from = sample - 1
  until sample <= 0
  return found
end

local function tempos (map)
  local list = json.array ()
  local found = points (function (where) return map:tempo_at (where) end)
  for i, here in ipairs (found) do
    local tempo = { quarter = here.quarter, bpm = here.point:to_tempo ():quarter_notes_per_minute (), curve = "steady" }
    list[#list + 1] = tempo
    local following = found[i + 1]
    if following then
      local last = map:quarters_per_minute_at (at (following.sample - 1))
      local goal = following.point:to_tempo ():quarter_notes_per_minute ()
      if math.abs (last - tempo.bpm) > 1e-5 * tempo.bpm then
        tempo.curve = "quarters"
        if math.abs (last - goal) > 1e-3 * goal then -- the ramp ends elsewhere than where the next tempo begins
          list[#list + 1] = { quarter = following.quarter - 1 / Temporal.ticks_per_beat, bpm = last, curve = "steady" }
        end
      end
    end
  end
  return list
end

local function metres (map)
  local list = json.array ()
  for _, here in ipairs (points (function (where) return map:meter_at (where) end)) do
    local value = math.floor (here.point:note_value ())
    if NOTE_VALUES[value] then
      local numerator = math.max (1, math.floor (here.point:divisions_per_bar () + 0.5))
      list[#list + 1] = { quarter = here.quarter, numerator = numerator, denominator = value }
    end
  end
  return list
end

-- The session's clock, as a Timeline.
function project.timeline ()
  local map = Temporal.TempoMap.read ()
  return { rate = Session:nominal_sample_rate (), tempos = tempos (map), metres = metres (map), origin = 0 }
end

-- ---- tracks --------------------------------------------------------------------------------------------------

project.id, project.name, project.track, project.channels = tracks.id, tracks.name, tracks.by_id, tracks.channels
project.named, project.drums = tracks.midi, drums

-- All that is on audio tracks can be heard in Ardour, and takes can stand everywhere.
function project.unheard () end
function project.remarks () return {} end
function project.refusal () end

function project.is_recording ()
  return Session:actively_recording ()
end

-- ---- selection -----------------------------------------------------------------------------------------------

-- Spans { start, stop } in samples, from the left; those that touch are one.
local function joined (spans)
  table.sort (spans, function (one, other) return one.start < other.start end)
  local list = {}
  for _, span in ipairs (spans) do
    local last = list[#list]
    if last and span.start <= last.stop then
      last.stop = math.max (last.stop, span.stop)
    else
      list[#list + 1] = { start = span.start, stop = span.stop }
    end
  end
  return list
end

-- The audio tracks whose regions are selected, and by their ids the spans of those regions.
local function selected_regions (selection)
  local owners, spans = {}, {}
  for region in selection.regions:regionlist ():iter () do
    if not region:to_audioregion ():isnil () then
      local first, list = region:position ():samples (), project.id (region:playlist ())
      for route in Session:get_tracks ():iter () do
        local track = tracks.audio (route)
        if track and project.id (track:playlist ()) == list then
          local id = project.id (track)
          if not spans[id] then owners[#owners + 1], spans[id] = track, {} end
          table.insert (spans[id], { start = first, stop = first + region:length ():samples () })
        end
      end
    end
  end
  for id, found in pairs (spans) do spans[id] = joined (found) end
  return owners, spans
end

-- The audio tracks that are selected, and the name of a track that plays MIDI, if one is.
local function selected_tracks (selection)
  local found, plays_midi = {}, nil
  for route in selection.tracks:routelist ():iter () do
    local track = tracks.audio (route)
    if track then found[#found + 1] = track elseif tracks.is_midi (route) then plays_midi = route:name () end
  end
  return found, plays_midi
end

-- What is selected now, to choose takes in: samples `start` and `stop` of a range, else of regions; and the id of the
-- uppermost track. Nil for what there is none of.
function project.selected ()
  local selection = Editor:get_selection ()
  local start, stop, found = selection.time:start_sample (), selection.time:end_sample (), selected_tracks (selection)
  if start >= stop then
    local owners, spans = selected_regions (selection)
    if #owners == 0 then return nil, nil, found[1] and project.id (found[1]) end
    found = owners
    local areas = spans[project.id (owners[1])]
    start, stop = areas[1].start, areas[#areas].stop
  end
  return start, stop, found[1] and project.id (found[1])
end

local function loop ()
  local range = Session:locations ():auto_loop_location ()
  if not range or range:start () >= range:_end () then return nil end
  return { start = range:start ():samples (), stop = range:_end ():samples () }
end

-- What the musician means: samples `start` and `stop`, the track, and a list of { start, stop } of further areas on it. Nil
-- and what to do where that is not clear.
function project.selection (names)
  local selection = Editor:get_selection ()
  local range, areas = selection.time, {}
  local found, plays_midi = selected_tracks (selection)
  local named, owners, spans = tracks.by_name (names.target), selected_regions (selection)
  if range:size () > 1 then return nil, SEVERAL end -- scripts are shown the first start and the last end
  if range:start_sample () < range:end_sample () then
    areas[1] = { start = range:start_sample (), stop = range:end_sample () }
  elseif #owners > 0 then
    found = owners
  else
    areas[1] = loop ()
  end
  if #found == 0 and plays_midi and not named then return nil, MIDI:format (plays_midi) end
  if #areas == 0 and #owners == 0 then return nil, NOTHING end
  local track = meant (found, names, project.name)
  if not track and #found == 0 then track = named and tracks.audio (named) end
  if not track then return nil, "Select one audio track: the one that takes are wanted for." end
  if #areas == 0 then areas = spans[project.id (track)] end
  return areas[1].start, areas[1].stop, track, table.move (areas, 2, #areas, 1, {})
end

-- The sample that sounds now and how many pass in a second; where the song stands, that of the playhead and 0.
function project.playing ()
  return Session:transport_sample (), Session:actual_speed () * project.rate ()
end

-- Make samples `start` to `stop` the punch range, and select it: Ardour's Lua can select no other range of time.
function project.select (start, stop)
  Editor:set_punch_range (at (start), at (stop), "Punchin: mark")
  Editor:access_action ("Editor", "select-punch-range")
end

-- A name of ours for a marker, which starts with `text`: what is seen of it at any zoom.
function project.our_name (text)
  return text .. OURS
end

function project.is_ours (name)
  return name:sub (-#OURS) == OURS
end

-- ---- chords --------------------------------------------------------------------------------------------------

local PEDALS = { [64] = "sustain", [66] = "sostenuto" }
local HELD = 64 -- quarters that a pedal may hold a note, as far as we look back

-- Where the pedals of a region move between two quarters, and the last move of each before; with the region they come up.
-- A model keeps each controller of each channel as a line of automation. `quarter_of` says where in the song a time of the
-- model is.
local function add_pedals (pedals, model, quarter_of, first, last)
  for number, pedal in pairs (PEDALS) do
    for channel = 0, 15 do
      local parameter = Evoral.Parameter (ARDOUR.AutomationType.MidiCCAutomation, channel, number)
      local control = model:automation_control (parameter, false)
      if control and not control:isnil () then
        local before
        for event in control:alist ():events ():iter () do
          local quarter, value = quarter_of (event.when:beats ()), math.floor (event.value + 0.5)
          local move = { quarter = quarter, pedal = pedal, value = value, channel = channel }
          if quarter < first then before = move elseif quarter < last then pedals[#pedals + 1] = move end
        end
        pedals[#pedals + 1] = before
        pedals[#pedals + 1] = { quarter = last, pedal = pedal, value = 0, channel = channel }
      end
    end
  end
end

-- Notes of a MIDI track that sound between two quarters, and how the pedals move. Where there are pedals, notes from
-- before: they may still sound.
function project.notes (track, from, till)
  local notes, pedals = json.array (), json.array ()
  for region in track:playlist ():region_list ():iter () do
    local midi = region:to_midiregion ()
    if not midi:isnil () and not region:muted () then
      local first, skipped = quarters (region:position ():beats ()), quarters (region:start ():beats ())
      local last = first + quarters (region:length ():beats ())
      if first < till and last > from then
        local function quarter_of (beats) return first + quarters (beats) - skipped end
        add_pedals (pedals, midi:model (), quarter_of, math.max (first, from - HELD), math.min (last, till))
        for note in ARDOUR.LuaAPI.note_list (midi:model ()):iter () do
          local start = quarter_of (note:time ())
          local stop = math.min (start + quarters (note:length ()), last)
          if start >= first and start < math.min (last, till) and (stop > from or #pedals > 0 and start > from - HELD) then
            local velocity, channel = math.max (1, note:velocity ()), note:channel ()
            notes[#notes + 1] =
              { start = start, ["end"] = stop, pitch = note:note (), velocity = velocity, channel = channel }
          end
        end
      end
    end
  end
  return notes, pedals
end

-- Markers and ranges with their names; a marker ends where it starts. Not ours, and none that Ardour named itself.
function project.chord_names ()
  local names = json.array ()
  local list = Session:locations ():list ()
  for place in list:iter () do
    local is_named = place:is_mark () or place:is_range_marker ()
    local is_others = place:is_hidden () or place:flags () & NAMED_BY_ARDOUR ~= 0 or project.is_ours (place:name ())
    if is_named and not is_others then
      local start, stop = place:start ():samples (), place:_end ():samples ()
      names[#names + 1] = {
        start = project.quarter_at (start),
        ["end"] = project.quarter_at (math.max (start, stop)),
        name = place:name (),
      }
    end
  end
  return names
end

-- ---- guard ---------------------------------------------------------------------------------------------------

-- Regions that play on `track` between two samples, apart from takes that we laid there: sources, places, gains. `ours`
-- are ids of sources that we embedded.
local function items (track, start, stop, ours)
  local list = json.array ()
  for region in track:playlist ():regions_touched (at (start), at (stop - 1)):iter () do
    local source = project.id (region:source (0))
    if not ours[source] then
      list[#list + 1] = {
        source = source,
        skipped = region:start ():samples (),
        offset = region:position ():samples () - start,
        length = region:length ():samples (),
        gain = ("%.6g"):format (region:to_audioregion ():scale_amplitude ()),
        muted = region:muted (),
      }
    end
  end
  table.sort (list, function (a, b) return a.offset < b.offset or a.offset == b.offset and a.source < b.source end)
  return list
end

function project.heard (track, start, stop, ours)
  return { items = items (track, start, stop, ours) }
end

-- By how much all that was heard moved together, if that is what happened.
function project.moved (track, start, _, heard, ours)
  local before = heard.items
  if #before == 0 then return nil end
  for region in track:playlist ():region_list ():iter () do
    local first = before[1]
    if project.id (region:source (0)) == first.source and region:start ():samples () == first.skipped then
      local by = region:position ():samples () - start - first.offset
      local last = before[#before]
      local stop = start + by + last.offset + last.length
      local found = items (track, start + by, math.max (stop, start + by + 1), ours)
      local there = {}
      for _, item in ipairs (found) do there[json.encode (item)] = true end
      local all = by ~= 0
      for _, item in ipairs (before) do all = all and there[json.encode (item)] end
      if all then return by end
    end
  end
end

return project
