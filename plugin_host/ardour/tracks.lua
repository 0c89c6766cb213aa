-- Tracks of the session. A track may also be several that are heard as one: { id, name, parts = list of { track, gain } };
-- or what a track was bounced to: { id, name, bounced }, an audio region that lies nowhere.

local tracks = {}

local MOST_CHANNELS = 16

function tracks.id (object)
  return type (object) == "table" and object.id or object:to_stateful ():id ():to_s ()
end

function tracks.name (track)
  return type (track) == "table" and track.name or track:name ()
end

-- The audio track that a route is, or nil.
function tracks.audio (route)
  local track = route:to_track ()
  if track:isnil () or track:to_audio_track ():isnil () then return nil end
  return track
end

function tracks.is_midi (route)
  local track = route:to_track ()
  return not track:isnil () and not track:to_midi_track ():isnil ()
end

-- The audio track of that id, or nil.
function tracks.by_id (id)
  local route = Session:route_by_id (PBD.ID (id))
  return not route:isnil () and tracks.audio (route) or nil
end

-- The track of that name in any case, or nil.
function tracks.by_name (name)
  if name == "" then return nil end
  for route in Session:get_tracks ():iter () do
    if route:name ():lower () == name:lower () then return route:to_track () end
  end
end

-- The MIDI track of that name, or nil.
function tracks.midi (name)
  local track = tracks.by_name (name)
  return track and tracks.is_midi (track) and track or nil
end

-- How many channels a take on `track` has, or a stem of it.
function tracks.channels (track)
  local most = 0
  if type (track) == "table" then
    if track.bounced then return track.bounced:to_audioregion ():n_channels () end
    for _, part in ipairs (track.parts) do most = math.max (most, tracks.channels (part.track)) end
    return most
  end
  most = track:n_inputs ():n_audio ()
  if most == 0 then
    for region in track:playlist ():region_list ():iter () do
      most = math.max (most, region:to_audioregion ():n_channels ())
    end
  end
  return math.max (1, math.min (MOST_CHANNELS, most))
end

return tracks
