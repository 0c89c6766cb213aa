-- 32-bit float WAV files, written piece by piece. Lua 5.3 and 5.4. Returns { create, pack }.

local wav = {}

local BLOCK = 128
local FORMATS = {}
for count = 1, BLOCK do FORMATS[count] = "<" .. ("f"):rep (count) end

-- `count` numbers of list `samples` as bytes.
function wav.pack (samples, count)
  local parts = {}
  for i = 1, count, BLOCK do
    local last = math.min (i + BLOCK - 1, count)
    parts[#parts + 1] = string.pack (FORMATS[last - i + 1], table.unpack (samples, i, last))
  end
  return table.concat (parts)
end

local function header (rate, channels, bytes)
  local format = string.pack ("<I2I2I4I4I2I2", 3, channels, rate, rate * channels * 4, channels * 4, 32)
  local fact = string.pack ("<I4", bytes // (channels * 4))
  -- chunks are an id and a counted string; `fact` is what all formats but integers must have
  local body = "WAVEfmt " .. string.pack ("<s4", format) .. "fact" .. string.pack ("<s4", fact)
  return "RIFF" .. string.pack ("<I4", #body + 8 + bytes) .. body .. "data" .. string.pack ("<I4", bytes)
end

-- A file of `frames` frames at `path`. Returns it, or nil and why not. Interleaved samples go to `add`; `close` says
-- whether all of them came and are written.
function wav.create (path, rate, channels, frames)
  local file, why = io.open (path, "wb")
  if not file then return nil, why end
  local left = frames * channels * 4
  if not file:write (header (rate, channels, left)) then
    file:close ()
    return nil, "it cannot be written"
  end
  local out = {}

  function out.add (samples, count)
    left = left - 4 * count
    return file:write (wav.pack (samples, count))
  end

  function out.close ()
    local closed = file:close ()
    return closed and left == 0
  end

  return out
end

return wav
