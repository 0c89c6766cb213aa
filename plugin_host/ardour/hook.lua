ardour {
  ["type"] = "EditorHook",
  name = "Punchin",
  license = "Apache-2.0",
  author = "Punchin",
  description = [[Keeps Ardour and Punchin's bridge in touch: reads what was selected, shows progress, places takes.]],
}

function signals ()
  return LuaSignal.Set ():add ({ [LuaSignal.LuaTimerDS] = true })
end

function factory ()
  --@MODULES
  return host
end
