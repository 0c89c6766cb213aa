-- What takes keep time by. Returns the function that finds it.
--
-- A group, a VCA or a bus that calls itself drums is the sum of its tracks, as loud as their faders are; else a track is
-- meant. Who is muted there, or has no region there, cannot be heard. What an instrument plays, scripts only get by a bounce,
-- which leaves a file in the session and stops the sound: so that is done where the settings name the track, and while
-- Ardour stands.

local tracks = ...

local SILENT = "%s is silent there, so takes follow no drums."
local MISSING = "There is no track, bus, VCA or group “%s” to take the drums from: see Settings (Punchin)."
local MIDI = "%s plays MIDI, so takes follow no drums: name it in Settings (Punchin) to have it bounced."
local ROLLING = "%s can only be bounced while Ardour stands, so takes follow no drums."

local function is_heard (track, start, stop)
  for region in track:playlist ():regions_touched (Temporal.timepos_t (start), Temporal.timepos_t (stop - 1)):iter () do
    if not region:muted () then return true end
  end
  return false
end

-- ---- several tracks as one -----------------------------------------------------------------------------------

-- Whether an output of `route` is connected to an input of `bus`.
local function feeds (route, bus)
  local from, into = route:output (), bus:input ()
  for i = 0, from:n_ports ():n_total () - 1 do
    for j = 0, into:n_ports ():n_total () - 1 do
      if from:nth (i):connected_to (into:nth (j):name ()) then return true end
    end
  end
  return false
end

-- Add to `found` the tracks that `route` is, or that go into it, also by way of other busses.
local function add (found, route, seen)
  local id = tracks.id (route)
  if seen[id] then return end
  seen[id] = true
  if not route:to_track ():isnil () then
    found[#found + 1] = route:to_track ()
    return
  end
  for other in Session:get_routes ():iter () do
    if feeds (other, route) then add (found, other, seen) end
  end
end

-- Groups, VCAs and busses whose name `is_meant`, as { name, id, tracks }.
local function sums (is_meant)
  local all = {}
  local function put (object, name, routes)
    local found, seen = {}, {}
    for _, route in ipairs (routes) do add (found, route, seen) end
    if #found > 0 then all[#all + 1] = { name = name, id = object, tracks = found } end
  end
  for group in Session:route_groups ():iter () do
    if is_meant (group:name ()) then
      local routes = {}
      for route in group:route_list ():iter () do routes[#routes + 1] = route end
      put ("group " .. group:name (), group:name (), routes)
    end
  end
  for vca in Session:vca_manager ():vcas ():iter () do
    if is_meant (vca:name ()) then
      local routes = {}
      for route in Session:get_routes ():iter () do
        if route:slaved_to (vca) then routes[#routes + 1] = route end
      end
      put ("vca " .. vca:name (), vca:name (), routes)
    end
  end
  for route in Session:get_routes ():iter () do
    if route:to_track ():isnil () and is_meant (route:name ()) then
      put (tracks.id (route), route:name (), { route })
    end
  end
  return all
end

-- A sum as a track to read: what of it is heard, without the target; nil where that is nothing.
local function as_track (sum, target, start, stop)
  local parts = {}
  for _, track in ipairs (sum.tracks) do
    local is_other = tracks.id (track) ~= tracks.id (target)
    if is_other and tracks.audio (track) and not track:muted () and is_heard (track, start, stop) then
      parts[#parts + 1] = { track = track, gain = track:gain_control ():get_value () }
    end
  end
  return #parts > 0 and { id = sum.id, name = sum.name, parts = parts } or nil
end

-- ---- instruments ---------------------------------------------------------------------------------------------

local function bounced (track, start, stop)
  local name = track:name ()
  if not is_heard (track, start, stop) then return nil, SILENT:format (name) end
  if Session:actual_speed () ~= 0 then return nil, ROLLING:format (name) end
  local region = track:bounce_range (
    start, stop, ARDOUR.InterThreadInfo (), track:main_outs (), false, "Punchin: " .. name)
  if region:isnil () or region:to_audioregion ():isnil () then return nil, SILENT:format (name) end
  return { id = tracks.id (track), name = name, bounced = region }
end

-- ---- finding -------------------------------------------------------------------------------------------------

-- What to keep time by between two samples: what the settings `name`, else what calls itself drums; never `target`. Nil
-- where there is no such thing; and why, in a sentence, where there is and cannot be heard.
return function (name, target, start, stop)
  local silent
  local function is_meant (other)
    if name ~= "" then return other:lower () == name:lower () end
    return other:lower ():find ("drum", 1, true) ~= nil
  end
  for _, sum in ipairs (sums (is_meant)) do
    local track = as_track (sum, target, start, stop)
    if track then return track end
    silent = silent or SILENT:format (sum.name)
  end
  for route in Session:get_tracks ():iter () do
    local is_target = tracks.id (route) == tracks.id (target)
    if is_target and name ~= "" and is_meant (route:name ()) then return nil end
    if not is_target and is_meant (route:name ()) then
      local track = tracks.audio (route)
      if track and is_heard (track, start, stop) then return track end
      if not track and name ~= "" then return bounced (route:to_track (), start, stop) end
      silent = silent or (track and SILENT or MIDI):format (route:name ())
    end
  end
  return nil, silent or name ~= "" and MISSING:format (name) or nil
end
