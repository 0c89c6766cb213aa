-- An action of the tests: runs @HOME@/ask.lua, and writes what it returns to @HOME@/answer.json.
function factory ()
local function json (value)
  if type (value) == "table" then
    local parts = {}
    if #value > 0 or next (value) == nil then
      for i = 1, #value do parts[i] = json (value[i]) end
      return "[" .. table.concat (parts, ",") .. "]"
    end
    for key, item in pairs (value) do parts[#parts + 1] = json (tostring (key)) .. ":" .. json (item) end
    return "{" .. table.concat (parts, ",") .. "}"
  elseif type (value) == "string" then
    return '"' .. value:gsub ('[%c"\\]', function (c) return ("\\u%04x"):format (c:byte ()) end) .. '"'
  elseif value == nil then
    return "null"
  end
  return tostring (value)
end

local answered

return function ()
  local file = assert (io.open ("@HOME@/ask.lua", "rb"))
  local text = file:read ("a")
  file:close ()
  local number = text:match ("^%-%- (%d+)")
  if number == answered then return end -- called twice
  answered = number
  local ask, mistake = load (text, "=ask", "t", setmetatable ({}, { __index = _ENV }))
  local fine, answer = false, mistake
  if ask then fine, answer = pcall (ask) end
  local out = assert (io.open ("@HOME@/answer.part", "wb"))
  out:write (json ({ number = tonumber (number), fine = fine, answer = fine and answer or tostring (answer) }))
  out:close ()
  os.rename ("@HOME@/answer.part", "@HOME@/answer.json")
end
end
