-- Does what clicks, surfaces and the bridge ask for. A command is a table { action, at, … }; an action is a function of
-- it, which returns something true, or nil and why not. All of it runs on the [host tick].

local json = ...

-- What a command leaves open is null in JSON, and nil to an action.
local function without_nulls (command)
  for key, value in pairs (command) do
    if value == json.null then command[key] = nil end
  end
  return command
end

-- `actions` by name, of the host that is called `program`.
return function (actions, program)
  local commands = {}
  local done = {} -- name of a command -> true until the bridge has heard its answer

  -- Another project is open: what was asked in the last one is its own affair.
  function commands.forget ()
    done = {}
  end

  function commands.act (command)
    local action = actions[command.action]
    if not action then return nil, program .. " cannot do that." end
    local fine, result, why = pcall (action, without_nulls (command))
    if not fine then return nil, tostring (result) end
    return result, why
  end

  -- Do what the bridge asks, each command once, and tell what came of it. `now` is when it was heard.
  function commands.hear (link, now)
    local open = {}
    for _, command in ipairs (link.state and link.state.asks or {}) do
      open[command.ask] = true
      if not done[command.ask] then
        command.at = now
        done[command.ask] = true
        local fine, why = commands.act (command)
        link.post ({ type = "did", ask = command.ask, error = fine and "" or tostring (why):sub (1, 400) })
      end
    end
    for name in pairs (done) do
      if not open[name] then done[name] = nil end
    end
  end

  return commands
end
