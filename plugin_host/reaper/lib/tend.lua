-- Sees to it that the background script runs, and that all actions are in REAPER's list. Called with `here` and the
-- folder; returns that function.

local here, folder = ...

local ACTIONS = {
  "Inpaint selection", "Transfer selection", "Repeat last", "Next take", "Previous take", "Cancel", "Model packs",
  "Settings",
}

return function ()
  if here.is_tended () then return end
  local scripts = folder:gsub ("lib[/\\]$", "")
  local function register (name)
    return reaper.AddRemoveReaScript (true, 0, ("%sPunchin_%s.lua"):format (scripts, name), true)
  end
  if here.is_new () then -- whoever loaded one of them finds all
    for _, name in ipairs (ACTIONS) do register (name) end
  end
  local command = register ("Background")
  if command > 0 then reaper.Main_OnCommandEx (command, 0, 0) end
end
