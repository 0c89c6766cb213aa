-- Loads our modules from this folder. Called with the folder, `lib/` and all; returns a function that gives a module.

local folder = ...

local NEEDS = {
  config = { "json", "spool" },
  json = {},
  spool = { "json" },
  wav = {},
  filled = {},
  here = { "json", "spool", "config", "filled" },
  reader = { "here" },
  project = { "json" },
  marks = { "project" },
  clock = {},
  asks = { "json" },
  stems = { "wav", "project", "reader" },
  takes = { "json", "here", "project" },
  request = { "here", "project", "takes" },
  imgui = {},
  plain = {},
  window = { "imgui", "plain" },
  dialogs = { "here", "window" },
  tend = { "here", "folder" },
  host = {
    "json", "spool", "config", "here", "project", "request", "stems", "takes", "window", "dialogs", "marks", "clock",
    "asks",
  },
}
local made = { folder = folder }

local function module (name)
  if made[name] == nil then
    local needed = NEEDS[name]
    local given = {}
    for i, other in ipairs (needed) do given[i] = module (other) or nil end
    local chunk = assert (loadfile (folder .. name .. ".lua"))
    made[name] = chunk (table.unpack (given, 1, #needed)) or false -- not everything is there everywhere
  end
  return made[name]
end

return module
