-- Which track takes are wanted for, where several are selected. Called with nothing; returns that function.

local function is_drums (name, named)
  if named ~= "" then return name == named:lower () end
  return name:find ("drum", 1, true) ~= nil
end

-- Of `tracks`, the one that the settings name (`names`: { target, drums }), the only one, or the only one that is not the
-- drums; nil where that is not clear. `name_of` gives a track's name.
return function (tracks, names, name_of)
  local others = {}
  for _, track in ipairs (tracks) do
    local name = name_of (track):lower ()
    if names.target ~= "" and name == names.target:lower () then return track end
    if not is_drums (name, names.drums) then others[#others + 1] = track end
  end
  if #tracks == 1 then return tracks[1] end
  if #others == 1 then return others[1] end
end
