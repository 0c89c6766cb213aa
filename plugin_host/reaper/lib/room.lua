-- Whether takes can stand where they are wanted, how wide the cuts around them must be, and whether what they replace can be
-- heard. Changes nothing.

local tracks, items, midi, heard, bounced, line = ...
local room = {}

local SENDS = 0 -- the category, beside receives and hardware outputs

-- The seconds between which an item fades at `edge`, or nil: a fade belongs to the whole item, and is not to be cut.
local function fade_at (found, edge, hair)
  if edge <= found.start + hair or edge >= found.stop - hair then return nil end
  local risen, falls = items.fades (found)
  if edge < risen - hair then return found.start, math.min (risen, found.stop) end
  if edge > falls + hair then return math.max (falls, found.start), found.stop end
end

-- Samples `[start, stop)` of `track`, made wider until neither edge lies in a fade: there it can be cut.
function room.around_fades (track, start, stop, rate)
  local all, hair = items.audible (track, -math.huge, math.huge), 0.25 / rate
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
  if start == stop then return nil end -- nothing fades
  local hair = 0.25 / rate
  for _, found in ipairs (items.audible (track, start / rate + hair, stop / rate - hair)) do
    local take = reaper.GetActiveTake (found.item)
    if take and (reaper.TakeIsMIDI (take) or reaper.TakeFX_GetCount (take) > 0) then
      return "An edge of the selection lies in a fade of MIDI, or of an item with take effects, which scripts cannot hear. "
        .. "Select up to the item's edge, or past the fade."
    end
  end
end

local LOCKED = "An item there is locked. Unlock it, and ask again."
local OTHER_RATE = "An edge of the selection lies in a fade, and the audio device's rate is another than when takes were asked "
  .. "for. Set it back, or give the project a rate of its own."

-- Why room for samples `[start, stop)` cannot be made on `track`, or nil.
local function uncut (track, start, stop, rate)
  local first, last = room.around_fades (track, start, stop, rate)
  local hair = 0.25 / rate
  for _, found in ipairs (items.audible (track, first / rate + hair, last / rate - hair)) do
    if reaper.GetMediaItemInfo_Value (found.item, "C_LOCK") ~= 0 then return LOCKED end
  end
  if rate ~= line.rate () and last - first > stop - start then return OTHER_RATE end
  return unheard (track, first, start, rate) or unheard (track, stop, last, rate)
end

-- Why takes of samples `[start, stop)` cannot stand on `track`, or nil.
function room.refusal (track, start, stop, rate)
  rate = rate or line.rate ()
  if not bounced.is (track, start / rate, stop / rate) then return uncut (track, start, stop, rate) end
  for _, source in ipairs (bounced.sources (track)) do
    local why = uncut (source, start, stop, rate)
    if why then return why end
  end
end

-- Whether MIDI and nothing else plays on `track` between two seconds.
local function is_midi (track, from, till)
  local midi = false
  for _, found in ipairs (items.audible (track, from, till)) do
    local take = reaper.GetActiveTake (found.item)
    if take and not reaper.TakeIsMIDI (take) then return false end
    midi = midi or take ~= nil
  end
  return midi
end

-- Why what `track` plays between two samples cannot be heard, or nil. Silence is no reason, where no MIDI says otherwise.
function room.unheard (track, start, stop)
  local from, till = start / line.rate (), stop / line.rate ()
  local why = nil
  if bounced.track (track) then
    why = heard.silenced (track)
  elseif bounced.is (track, from, till) or is_midi (track, from, till) then
    why = select (2, heard.how (track, from, till)) or heard.silenced (track)
  end
  if why then
    return why:sub (1, 1):upper () .. why:sub (2) .. ", and takes are made of what is heard. Change that, or freeze the "
      .. "track, and ask again."
  end
end

-- What the musician should know of takes of samples `[start, stop)` of `track`: sentences.
function room.remarks (track, start, stop)
  local list, rate, name = {}, line.rate (), tracks.name (track)
  if not bounced.is (track, start / rate, stop / rate) then return list end
  for _, source in ipairs (bounced.sources (track)) do
    if midi.is_held_over (source, line.quarter_at (stop, rate)) then
      list[1] = ("A note of %s is held over the end of the selection, where its item is cut: listen there."):format (name)
    end
  end
  if not bounced.track (track) and reaper.GetTrackNumSends (track, SENDS) > 0 then
    list[#list + 1] = ("The takes' track has none of the sends of %s."):format (name)
  end
  return list
end

return room
