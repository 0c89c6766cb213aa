-- Does what clicks, hands and the bridge ask for. An action is a function of an ask { action, at, … }; it returns
-- something true, or nil and why not. Called with `json`; returns a function that makes one host's.

local json = ...

-- What an ask leaves open is null in JSON, and nil to an action.
local function without_nulls (ask)
  for key, value in pairs (ask) do
    if value == json.null then ask[key] = nil end
  end
  return ask
end

-- `actions` by name, of the host that is called `program`.
return function (actions, program)
  local asks = {}
  local done = {} -- ask -> true until the bridge has heard its answer

  -- Another project is open: what was asked in the last one is its own affair.
  function asks.forget ()
    done = {}
  end

  function asks.act (ask)
    local action = actions[ask.action]
    if not action then return nil, program .. " cannot do that." end
    local fine, result, why = pcall (action, without_nulls (ask))
    if not fine then return nil, tostring (result) end
    return result, why
  end

  -- Do what the bridge asks, each ask once, and tell what came of it. `now` is when it was heard.
  function asks.hear (link, now)
    local open = {}
    for _, ask in ipairs (link.state and link.state.asks or {}) do
      open[ask.ask] = true
      if not done[ask.ask] then
        ask.at = now
        done[ask.ask] = true
        local fine, why = asks.act (ask)
        link.post ({ type = "did", ask = ask.ask, error = fine and "" or tostring (why):sub (1, 400) })
      end
    end
    for name in pairs (done) do
      if not open[name] then done[name] = nil end
    end
  end

  return asks
end
