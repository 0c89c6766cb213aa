-- Draws the window and its forms with ReaImGui, where that extension is installed; else this chunk returns nil.

local WANTED = "0.9.3" -- the version of ReaImGui's interface that is spoken here; newer ones speak it, too
local WIDTH = 460

local function load ()
  if not reaper.APIExists ("ImGui_GetBuiltinPath") then return nil end
  local chunk = loadfile (reaper.ImGui_GetBuiltinPath () .. "/imgui.lua")
  local fine, found = pcall (function () return chunk () (WANTED) end)
  return fine and found or nil
end

local ImGui = load ()
if not ImGui then return nil end

local painter = {}
local context

-- Some versions have constants as functions.
local function constant (name)
  local value = ImGui[name]
  return type (value) == "function" and value () or value
end

-- Call `fill` within a window of that title. Returns whether the musician left it open.
local function within (title, fill)
  ImGui.SetNextWindowSize (context, WIDTH, 0) -- as high as what is in it
  local visible, open = ImGui.Begin (context, title, true, constant ("WindowFlags_NoFocusOnAppearing"))
  if visible then -- else it has ended itself
    local fine, mistake = pcall (fill)
    ImGui.End (context) -- whatever happened in between
    if not fine then error (mistake, 0) end
  end
  return open
end

function painter.open ()
  context = ImGui.CreateContext ("Punchin")
end

function painter.close ()
  context = nil -- what is not drawn any more is freed
end

-- Draw the rows. Returns whether the window is still open, and which button was clicked.
function painter.draw (rows)
  if #rows == 0 then return true end
  local id, key
  local open = within ("Punchin", function ()
    for i, row in ipairs (rows) do
      if i > 1 then ImGui.Separator (context) end
      ImGui.PushID (context, row.id)
      ImGui.TextWrapped (context, row.text)
      if row.fraction then
        ImGui.ProgressBar (context, row.fraction, -1, 0, ("%d %%"):format (math.floor (100 * row.fraction)))
      end
      for j, button in ipairs (row.buttons) do
        if j > 1 then ImGui.SameLine (context) end
        if ImGui.Button (context, button[2]) then id, key = row.id, button[1] end
      end
      ImGui.PopID (context)
    end
  end)
  return open, id, key
end

local function edit (field)
  local _
  if field.kind == "count" then
    _, field.value = ImGui.SliderInt (context, field.caption, field.value, field.least, field.most)
  elseif field.kind == "choice" then
    local index, items = 0, table.concat (field.choices, "\0") .. "\0"
    for i, choice in ipairs (field.choices) do
      if choice == field.value then index = i - 1 end
    end
    _, index = ImGui.Combo (context, field.caption, index, items)
    field.value = field.choices[index + 1]
  else
    _, field.value = ImGui.InputText (context, field.caption, field.value)
  end
end

-- Draw a form. Returns the values by key once it is filled in, false when it was dismissed, nil until then.
function painter.form (form)
  local answer
  local open = within (form.title, function ()
    for _, field in ipairs (form.fields) do edit (field) end
    if ImGui.Button (context, "OK") then
      answer = {}
      for _, field in ipairs (form.fields) do answer[field.key] = field.value end
    end
    ImGui.SameLine (context)
    if ImGui.Button (context, "Cancel") then answer = false end
  end)
  if answer == nil and not open then return false end
  return answer
end

return painter
