-- What a host script and the bridge hand each other through files. Lua 5.3 and 5.4. Called with `json`; returns a table.
--
--   inbox/<host>-<8 digits>.json   from us: written beside as .part, then renamed, so that nobody reads half of it
--   inbox/<host>-hello.json        from us, overwritten
--   hosts/<host>/state.json        from the bridge, replaced whole
--
-- Nothing here waits, lists a folder, or raises because a file is not there.

local json = ...
local spool = {}

-- All of a file, or nil.
function spool.read (path)
  local file = io.open (path, "rb")
  if not file then return nil end
  local text = file:read ("a")
  file:close ()
  return text
end

-- Write a file whole or not at all. Returns true, or nil and why not.
function spool.write (path, text)
  local file, why = io.open (path .. ".part", "wb")
  if not file then return nil, why end
  local fine, mistake = file:write (text)
  local closed, late = file:close ()
  if fine and closed then
    fine, mistake = os.rename (path .. ".part", path)
    if not fine then -- Windows renames onto nothing that is there
      os.remove (path)
      fine, mistake = os.rename (path .. ".part", path)
    end
    if fine then return true end
  end
  os.remove (path .. ".part")
  return nil, mistake or late or "it cannot be written"
end

local function hashed (text)
  local value = 0xcbf29ce484222325 -- FNV-1a, 64 bits
  for i = 1, #text do value = (value ~ text:byte (i)) * 0x100000001b3 end
  return ("%016x"):format (value)
end

spool.hashed = hashed

-- One host's end. `root` is the spool folder, `host` its id: the program, a dash, and what tells its copies apart.
function spool.open (root, host)
  local own = root .. "/hosts/" .. host
  local link = { host = host, audio = own .. "/audio", state = nil }
  local number, seen, beat, heard = os.time () % 100000000, nil, nil, nil

  -- Hand a document to the bridge. Returns true, or nil and why not.
  function link.post (document)
    document.host = host
    if document.type == "hello" then
      return spool.write (root .. "/inbox/" .. host .. "-hello.json", json.encode (document))
    end
    number = math.max (number + 1, os.time () % 100000000) -- after a restart still above all that were used
    return spool.write (("%s/inbox/%s-%08d.json"):format (root, host, number), json.encode (document))
  end

  -- Look whether the bridge has said something new; `now` in seconds of any clock that only grows. True if it has.
  function link.poll (now)
    local text = spool.read (own .. "/state.json")
    if not text or text == seen then return false end
    local state = json.try (text)
    if not state then return false end
    seen, link.state = text, state
    if state.beat ~= beat then beat, heard = state.beat, now end
    return true
  end

  -- Whether the bridge says, right now, that the takes of `job` are ours to place. Where several programs have one project
  -- open, it passes a job on from one that sleeps to one that is awake.
  function link.owns (job)
    local state = json.try (spool.read (own .. "/state.json"))
    for _, view in ipairs (state and state.jobs or {}) do
      if view.job == job then return view.phase == "ready" or view.phase == "held" end
    end
    return false
  end

  -- Whether the bridge runs: its beat, which comes every second, was not heard for at most `seconds`.
  function link.alive (now, seconds)
    return heard ~= nil and now - heard <= (seconds or 3)
  end

  return link
end

return spool
