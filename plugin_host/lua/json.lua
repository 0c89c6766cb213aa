-- JSON for host scripts. Lua 5.3 and 5.4, no libraries. A chunk that returns { encode, decode, array, null }.
--
-- A table made by `array` (or by `decode` from a list) is a list, also when it is empty; any other table is an object.
-- `null` stands for null in lists and objects. Numbers keep what they are: 3 stays an integer, 3.0 a float.

local json = { null = setmetatable ({}, { __name = "null" }) }
local LIST = { __name = "list" }
local DEEPEST = 64

function json.array (items)
  return setmetatable (items or {}, LIST)
end

-- ---- to text -------------------------------------------------------------------------------------------------

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function quoted (text)
  return '"' .. text:gsub ('[%c"\\\127]', function (c) return ESCAPES[c] or ("\\u%04x"):format (c:byte ()) end) .. '"'
end

local function number (value)
  if math.type (value) == "integer" then return ("%d"):format (value) end
  if value ~= value or value == math.huge or value == -math.huge then error ("not a number that JSON has", 0) end
  return (("%.17g"):format (value):gsub (",", ".")) -- some locales write a comma
end

local function encode (value, depth)
  if depth > DEEPEST then error ("too deep for JSON", 0) end
  local kind = type (value)
  if value == json.null then return "null" end
  if kind == "string" then return quoted (value) end
  if kind == "number" then return number (value) end
  if kind == "boolean" then return tostring (value) end
  if kind ~= "table" then error ("JSON has no " .. kind, 0) end
  local parts = {}
  if getmetatable (value) == LIST then
    for i = 1, #value do parts[i] = encode (value[i], depth + 1) end
    return "[" .. table.concat (parts, ",") .. "]"
  end
  for key, item in pairs (value) do
    if type (key) ~= "string" then error ("keys of JSON are strings; is this a list without `array`?", 0) end
    parts[#parts + 1] = quoted (key) .. ":" .. encode (item, depth + 1)
  end
  table.sort (parts) -- the same value gives the same text
  return "{" .. table.concat (parts, ",") .. "}"
end

-- The text of `value`. Raises what JSON has no word for.
function json.encode (value)
  return encode (value, 0)
end

-- ---- from text -----------------------------------------------------------------------------------------------

local PLAIN = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }
local WORDS = { { "true", true }, { "false", false }, { "null", json.null } }

local function wrong (text, at)
  error (("JSON: something else was expected at byte %d: %s"):format (at, text:sub (at, at + 20)), 0)
end

local function skip (text, at)
  return text:match ("^[ \t\r\n]*()", at)
end

-- A string whose opening quote is at `at`; and where to go on.
local function read_string (text, at)
  local parts, from = {}, at + 1
  while true do
    local stop = text:find ('["\\]', from)
    if not stop then wrong (text, at) end
    parts[#parts + 1] = text:sub (from, stop - 1)
    if text:sub (stop, stop) == '"' then return table.concat (parts), stop + 1 end
    local letter = text:sub (stop + 1, stop + 1)
    if letter == "u" then
      local code = tonumber (text:match ("^%x%x%x%x", stop + 2) or wrong (text, stop), 16)
      from = stop + 6
      local low = code >= 0xD800 and code < 0xDC00 and text:match ("^\\u([dD][c-fC-F]%x%x)", from)
      if low then
        code, from = 0x10000 + (code - 0xD800) * 0x400 + tonumber (low, 16) - 0xDC00, from + 6
      end
      parts[#parts + 1] = utf8.char (code)
    else
      parts[#parts + 1] = PLAIN[letter] or wrong (text, stop)
      from = stop + 2
    end
  end
end

local read

local function read_list (text, at, depth)
  local list, item = json.array (), nil
  at = skip (text, at + 1)
  if text:sub (at, at) == "]" then return list, at + 1 end
  while true do
    item, at = read (text, at, depth)
    list[#list + 1] = item
    at = skip (text, at)
    local mark = text:sub (at, at)
    if mark == "]" then return list, at + 1 end
    if mark ~= "," then wrong (text, at) end
    at = skip (text, at + 1)
  end
end

local function read_object (text, at, depth)
  local object, key, item = {}, nil, nil
  at = skip (text, at + 1)
  if text:sub (at, at) == "}" then return object, at + 1 end
  while true do
    if text:sub (at, at) ~= '"' then wrong (text, at) end
    key, at = read_string (text, at)
    at = skip (text, at)
    if text:sub (at, at) ~= ":" then wrong (text, at) end
    item, at = read (text, skip (text, at + 1), depth)
    object[key] = item
    at = skip (text, at)
    local mark = text:sub (at, at)
    if mark == "}" then return object, at + 1 end
    if mark ~= "," then wrong (text, at) end
    at = skip (text, at + 1)
  end
end

function read (text, at, depth)
  if depth > DEEPEST then error ("JSON: too deep", 0) end
  local mark = text:sub (at, at)
  if mark == '"' then return read_string (text, at) end
  if mark == "{" then return read_object (text, at, depth + 1) end
  if mark == "[" then return read_list (text, at, depth + 1) end
  for _, word in ipairs (WORDS) do
    if text:sub (at, at + #word[1] - 1) == word[1] then return word[2], at + #word[1] end
  end
  local digits, after = text:match ("^(-?%d+%.?%d*[eE]?[+-]?%d*)()", at)
  local found = digits and tonumber (digits)
  if not found then wrong (text, at) end
  return found, after
end

-- The value that `text` says. Raises where it is not JSON.
function json.decode (text)
  local value, at = read (text, skip (text, 1), 0)
  if skip (text, at) <= #text then wrong (text, at) end
  return value
end

-- Like decode; nil where `text` is nil or not JSON.
function json.try (text)
  local fine, value = pcall (json.decode, text or "")
  return fine and value or nil
end

return json
