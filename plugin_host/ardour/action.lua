ardour {
  ["type"] = "EditorAction",
  name = "@NAME@",
  license = "Apache-2.0",
  author = "Punchin",
  description = [[@ABOUT@]],
}

function factory ()
  --@MODULES
  return function ()
    local fine, mistake = pcall (@CALL@)
    if not fine then print ("Punchin: " .. tostring (mistake)) end -- Ardour drops an action that raises
  end
end
