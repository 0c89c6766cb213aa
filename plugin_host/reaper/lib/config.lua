-- Where the bridge is, as `punchin host install reaper` wrote it down. Called with `json` and `spool`.

local json, spool = ...

local config = json.try (spool.read (reaper.GetResourcePath () .. "/punchin.json"))
if type (config) ~= "table" or type (config.spool) ~= "string" or type (config.bridge) ~= "string" then
  reaper.MB ("Punchin itself is not installed, or not for this REAPER.\n\nRun: punchin host install reaper", "Punchin", 0)
  error ("no punchin.json", 0)
end
return config
