-- Float WAV files, written piece by piece with 32 bits or 64, read with 32. Lua 5.3 and 5.4. Returns { create, open, pack }.

local wav = {}

local MOST = 100 -- arguments of one call: Lua allows about 250

-- A function of `channels` lists and an index, which packs `frames` frames from there, interleaved. Written out, not a
-- loop, it makes no table and no call per sample: half the time.
local function packer (channels, frames, letter)
  local names, items = {}, {}
  for c = 1, channels do names[c] = "c" .. c end
  for i = 0, frames - 1 do
    for c = 1, channels do items[#items + 1] = ("c%d[i + %d]"):format (c, i) end
  end
  local format = "<" .. letter:rep (channels * frames)
  local text = ("local pack, format = ... return function (i, %s) return pack (format, %s) end"):format (
    table.concat (names, ", "), table.concat (items, ", "))
  return load (text, "=packer", "t") (string.pack, format)
end

local packers = {}

local function packed (channels, frames, letter)
  local key = letter .. channels * 1000 + frames
  packers[key] = packers[key] or packer (channels, frames, letter)
  return packers[key]
end

-- `frames` frames of `channels` (lists, or anything that is indexed from 1) as bytes, interleaved; `letter` is "d" for 64
-- bits, nil for 32.
function wav.pack (channels, frames, letter)
  letter = letter or "f"
  local parts, most = {}, math.max (1, MOST // #channels)
  local whole = packed (#channels, most, letter)
  for i = 1, frames - most + 1, most do parts[#parts + 1] = whole (i, table.unpack (channels)) end
  local rest = frames % most
  if rest > 0 then parts[#parts + 1] = packed (#channels, rest, letter) (frames - rest + 1, table.unpack (channels)) end
  return table.concat (parts)
end

local zeros = "" -- the longest silence so far: to make one takes as long as to write it

local function header (rate, channels, bytes, width)
  local frame = channels * width
  local format = string.pack ("<I2I2I4I4I2I2", 3, channels, rate, rate * frame, frame, 8 * width)
  local fact = string.pack ("<I4", bytes // frame)
  -- chunks are an id and a counted string; `fact` is what all formats but integers must have
  local body = "WAVEfmt " .. string.pack ("<s4", format) .. "fact" .. string.pack ("<s4", fact)
  return "RIFF" .. string.pack ("<I4", #body + 8 + bytes) .. body .. "data" .. string.pack ("<I4", bytes)
end

-- A file of `frames` frames at `path`, of 32 bits or (`is_double`) 64. Returns it, or nil and why not. Some at a time, interleaved samples go to `add`,
-- channels to `add_channels`, and frames of silence to `add_silence`; `close` says whether all of them came and are
-- written.
function wav.create (path, rate, channels, frames, is_double)
  local width, letter = is_double and 8 or 4, is_double and "d" or "f"
  local file, why = io.open (path, "wb")
  if not file then return nil, why end
  local left = frames * channels * width
  if not file:write (header (rate, channels, left, width)) then
    file:close ()
    return nil, "it cannot be written"
  end
  local out = {}

  function out.add_channels (lists, count)
    left = left - width * count * #lists
    return file:write (wav.pack (lists, count, letter))
  end

  function out.add_silence (count)
    local bytes = width * count * channels
    left = left - bytes
    if #zeros < bytes then zeros = ("\0"):rep (bytes) end
    return file:write (zeros:sub (1, bytes))
  end

  function out.add (samples, count)
    return out.add_channels ({ samples }, count)
  end

  function out.close ()
    local closed = file:close ()
    return closed and left == 0
  end

  return out
end

-- ---- reading -------------------------------------------------------------------------------------------------

-- The format and where the samples lie: { channels, rate, bytes }, with `file` at the first of them; or nil.
local function find_data (file)
  local head = file:read (12)
  if not head or #head < 12 or not head:find ("^R[IF][F6][F4]....WAVE") then return nil end
  local found = {}
  while true do
    local chunk = file:read (8)
    if not chunk or #chunk < 8 then return nil end
    local id, bytes = string.unpack ("<c4I4", chunk)
    if id == "data" then
      found.bytes = bytes
      return found
    end
    local body = file:read (bytes + bytes % 2) or ""
    if id == "fmt " and #body >= 16 then
      local tag, channels, rate, _, _, bits = string.unpack ("<I2I2I4I4I2I2", body)
      if tag == 0xFFFE and #body >= 26 then tag = string.unpack ("<I2", body, 25) end
      if tag ~= 3 or bits ~= 32 or channels == 0 then return nil end
      found.channels, found.rate = channels, rate
    end
  end
end

-- The file of 32-bit floats at `path`: { rate, channels, read, close }. `read (frames)` gives so many frames, interleaved;
-- silence where it has ended. Nil and why not where it is none.
function wav.open (path)
  local file, why = io.open (path, "rb")
  if not file then return nil, why end
  local found = find_data (file)
  if not found or not found.channels then
    file:close ()
    return nil, path .. " is no WAV file of 32-bit floats"
  end
  local left = found.bytes // (4 * found.channels)
  local out = { rate = found.rate, channels = found.channels }

  function out.read (frames)
    local samples, count = {}, math.min (frames, left) * found.channels
    local bytes = file:read (4 * count) or ""
    for i = 1, #bytes // 4, MOST do
      local last = math.min (i + MOST - 1, #bytes // 4)
      table.move ({ string.unpack ("<" .. ("f"):rep (last - i + 1), bytes, 4 * i - 3) }, 1, last - i + 1, i, samples)
    end
    for i = #samples + 1, frames * found.channels do samples[i] = 0.0 end
    left = left - count // found.channels
    return samples
  end

  function out.close ()
    file:close ()
  end

  return out
end

return wav
