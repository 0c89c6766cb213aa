-- How a script can hear what a track plays: read from its items, rendered by REAPER, or not at all.

local tracks, items = ...
local heard = {}

local CURRENT = 0
local RECEIVES = -1 -- the category, beside sends and hardware outputs

-- `track` and, where it is a folder, all tracks within it that are heard through it, from the top: { track, gain, muted }.
-- `gain` is that of their faders up to the folder's own.
function heard.within (track)
  local list = { { track = track, gain = 1, muted = false } }
  local found = { [tracks.id (track)] = list[1] }
  for _, other in ipairs (tracks.all ()) do
    local parent = reaper.GetParentTrack (other)
    local above = parent and found[tracks.id (parent)]
    if above and reaper.GetMediaTrackInfo_Value (other, "B_MAINSEND") > 0 then
      local one = {
        track = other,
        gain = above.gain * reaper.GetMediaTrackInfo_Value (other, "D_VOL"),
        muted = above.muted or reaper.GetMediaTrackInfo_Value (other, "B_MUTE") > 0,
      }
      list[#list + 1], found[tracks.id (other)] = one, one
    end
  end
  return list
end

-- The track that is muted, `track` or a folder around it, so that nothing of it is heard; or nil.
function heard.is_muted (track)
  local one = track
  while one do
    if reaper.GetMediaTrackInfo_Value (one, "B_MUTE") > 0 then return one end
    one = reaper.GetParentTrack (one)
  end
end

-- What lies on `track` between two seconds: { audio, midi, offline }, each true where there is such a thing.
local function content (track, from, till)
  local found = {}
  for _, one in ipairs (items.audible (track, from, till)) do
    local take = reaper.GetActiveTake (one.item)
    if take and reaper.TakeIsMIDI (take) then
      found.midi = true
    elseif take then
      local path = reaper.GetMediaSourceFileName (reaper.GetMediaItemTake_Source (take)) -- empty for a part of a file
      found[(path == "" or reaper.file_exists (path)) and "audio" or "offline"] = true
    end
  end
  return found
end

-- Whether an instrument sounds on `track`; or nil and, where there is one, why it does not.
local function instrument (track)
  local index = reaper.TrackFX_GetInstrument (track)
  if index < 0 then return nil end
  if reaper.TrackFX_GetOffline (track, index) then return nil, "the instrument of " .. tracks.name (track) .. " is offline" end
  local on = reaper.TrackFX_GetEnabled (track, index) and reaper.GetMediaTrackInfo_Value (track, "I_FXEN") > 0
  if not on then return nil, "the instrument of " .. tracks.name (track) .. " is bypassed" end
  return true
end

-- What `track` and the tracks within it hold between two seconds.
local function survey (track, from, till)
  local all = { parts = {} }
  for i, one in ipairs (heard.within (track)) do
    local found = content (one.track, from, till)
    local plays, why = instrument (one.track)
    all.has_instrument = all.has_instrument or plays or why ~= nil
    all.inner = all.inner or (found.audio or found.midi) and i > 1 -- the first is the folder itself
    if one.muted then
      all.muted = all.muted or found.audio or found.midi
    else
      if found.audio then all.parts[#all.parts + 1] = one end
      all.is_fed = all.is_fed or reaper.GetTrackNumSends (one.track, RECEIVES) > 0
      all.midi = all.midi or found.midi
      all.offline = all.offline or found.offline
      all.instrument, all.why = all.instrument or plays, all.why or why
    end
  end
  return all
end

-- Whether other tracks are soloed, so that nothing of `track` is rendered: neither it, nor one within or around it is.
local function is_unsoloed (track)
  if not reaper.AnyTrackSolo (CURRENT) then return false end
  local one = track
  while one do
    if reaper.GetMediaTrackInfo_Value (one, "I_SOLO") > 0 then return false end
    one = reaper.GetParentTrack (one)
  end
  for _, inner in ipairs (heard.within (track)) do
    if reaper.GetMediaTrackInfo_Value (inner.track, "I_SOLO") > 0 then return false end
  end
  return true
end

-- Why a render of `track` would be silent, as a part of a sentence; or nil.
function heard.silenced (track)
  local silent = heard.is_muted (track)
  if silent then return tracks.name (silent) .. " is muted" end
  if is_unsoloed (track) then return tracks.name (track) .. " is not heard while other tracks are soloed" end
end

-- How what `track` plays between two seconds can be heard: { rendered = true }, or { parts }, a list of { track, gain } whose
-- items together are the sound. Nil and why not, as a part of a sentence.
function heard.how (track, from, till)
  local silent = heard.is_muted (track)
  if silent then return nil, tracks.name (silent) .. " is muted" end
  local found, name = survey (track, from, till), tracks.name (track)
  local is_played = found.midi or found.is_fed -- MIDI may come from elsewhere, and so may the sound of a bus
  if found.instrument and is_played or found.is_fed and #found.parts == 0 and not found.midi then
    local why = heard.silenced (track)
    if why then return nil, why end
    return { rendered = true }
  end
  if #found.parts > 0 then return { parts = found.parts } end
  if found.midi then return nil, found.why or name .. " plays MIDI, and has no instrument" end
  if found.offline then return nil, "the media of " .. name .. " are offline" end
  if found.muted then return nil, "all tracks in " .. name .. " are muted" end
  return nil, name .. " plays nothing there"
end

-- Whether takes of `track` must lie beside it, heard or not: an instrument would play over them, and tracks in a folder play
-- on.
function heard.is_bounced (track, from, till)
  local found = survey (track, from, till)
  return found.inner or found.midi and found.has_instrument or false
end

return heard
