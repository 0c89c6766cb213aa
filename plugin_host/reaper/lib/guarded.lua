-- What a region plays apart from our takes, so that it can be compared later; and whether it was moved. Changes nothing.

local json, spool, tracks, items, midi, bounced, line = ...
local guarded = {}

-- The first take of an item that is not one of ours.
local function own_take (item, ours)
  for i = 0, reaper.CountTakes (item) - 1 do
    local take = reaper.GetTake (item, i)
    if take and not ours[items.take_id (take)] then return take end
  end
end

-- What plays on `track` between two samples apart from our takes, cut there: so that a split changes nothing. `ours` are
-- ids of takes that we laid. With `skips_midi` MIDI is left out.
local function pieces (track, start, stop, ours, rate, skips_midi)
  local list = json.array ()
  for _, found in ipairs (items.between (track, start / rate, stop / rate)) do
    local take = own_take (found.item, ours)
    if take and not (skips_midi and reaper.TakeIsMIDI (take)) then
      local from = math.max (found.start, start / rate)
      local speed = reaper.GetMediaItemTakeInfo_Value (take, "D_PLAYRATE")
      local skipped = reaper.GetMediaItemTakeInfo_Value (take, "D_STARTOFFS") + (from - found.start) * speed
      local piece = {
        source = reaper.GetMediaSourceFileName (reaper.GetMediaItemTake_Source (take)),
        offset = line.sample_of (from, rate) - start,
        length = line.sample_of (math.min (found.stop, stop / rate), rate) - line.sample_of (from, rate),
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

-- The same of a target whose takes lie beside it: of all tracks within it, audio and notes.
local function all_pieces (target, start, stop, ours, rate)
  local list = json.array ()
  local first, last = line.quarter_at (start, rate), line.quarter_at (stop, rate)
  for _, track in ipairs (bounced.sources (target)) do
    list[#list + 1] = {
      track = tracks.id (track),
      audio = pieces (track, start, stop, ours, rate, true),
      notes = midi.written (track, first, last),
    }
  end
  return list
end

-- One short text for all of it: documents have an end.
local function digest (list)
  return spool.hashed (json.encode (list))
end

-- What plays there, and the item that comes first: where it goes, all goes. `bounced` says that takes lie beside it.
function guarded.heard (track, start, stop, ours, rate)
  if bounced.is (track, start / rate, stop / rate) then
    return { items = digest (all_pieces (track, start, stop, ours, rate)), bounced = true }
  end
  local found = items.between (track, start / rate, stop / rate)[1]
  return {
    items = digest (pieces (track, start, stop, ours, rate)),
    first = found and { id = items.id (found.item), offset = line.sample_of (found.start, rate) - start },
  }
end

-- By how much all that was heard before moved together, if that is what happened.
function guarded.moved (track, start, stop, before, ours, rate)
  if not before.first then return nil end
  for _, found in ipairs (items.between (track, -math.huge, math.huge)) do
    if items.id (found.item) == before.first.id then
      local by = line.sample_of (found.start, rate) - before.first.offset - start
      if by ~= 0 and digest (pieces (track, start + by, stop + by, ours, rate)) == before.items then return by end
    end
  end
end

return guarded
