-- Sees to it that the background script runs. Called with `here` and the folder; returns that function.

local here, folder = ...

return function ()
  if here.is_tended () then return end
  local script = folder:gsub ("lib[/\\]$", "") .. "Punchin_Background.lua"
  local command = reaper.AddRemoveReaScript (true, 0, script, true)
  if command > 0 then reaper.Main_OnCommandEx (command, 0, 0) end
end
