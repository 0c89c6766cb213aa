-- Loads our modules from this folder. Called with the folder, `lib/` and all; returns a function that gives a module.
--
-- A module is called with the modules that its line `local json, spool = ...` names, and returns a table or a function, or
-- nothing where it can do nothing here.

local folder = ...
local made = { folder = folder }

local function module (name)
  if made[name] ~= nil then return made[name] end
  local path = folder .. name .. ".lua"
  local file = assert (io.open (path, "rb"))
  local text = file:read ("a")
  file:close ()
  local given, count = {}, 0
  for needed in (text:match ("\nlocal ([%w_, ]+) = %.%.%.") or ""):gmatch ("[%w_]+") do
    count = count + 1
    given[count] = module (needed) or nil
  end
  made[name] = assert (load (text, "@" .. path)) (table.unpack (given, 1, count)) or false
  return made[name]
end

return module
