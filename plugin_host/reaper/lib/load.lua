-- Loads our modules from this folder. Called with the folder, `lib/` and all; returns a function that gives a module.

local folder = ...

local NEEDS = {
  config = { "json", "spool" },
  json = {},
  spool = { "json" },
  wav = {},
  here = { "json", "spool", "config" },
  project = { "json" },
  stems = { "wav", "project", "here" },
  takes = { "json", "here", "project" },
  progress = { "here" },
  dialogs = { "here" },
  tend = { "here", "folder" },
  host = { "json", "spool", "config", "here", "project", "stems", "takes", "progress", "dialogs" },
}
local made = { folder = folder }

local function module (name)
  if not made[name] then
    local needed = {}
    for i, other in ipairs (NEEDS[name]) do needed[i] = module (other) end
    local chunk = assert (loadfile (folder .. name .. ".lua"))
    made[name] = chunk (table.unpack (needed))
  end
  return made[name]
end

return module
