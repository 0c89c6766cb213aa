-- Settings as they were kept, filled up from the defaults. Returns that function.

-- All of `defaults`, with what `given` says instead where it is of the same kind. What `defaults` lacks is left out.
local function filled (given, defaults)
  local all = {}
  for key, default in pairs (defaults) do
    local value = nil
    if type (given) == "table" then value = given[key] end
    if type (default) == "table" then
      all[key] = filled (value, default)
    elseif type (value) == type (default) then
      all[key] = value
    else
      all[key] = default
    end
  end
  return all
end

return filled
