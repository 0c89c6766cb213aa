-- Unix time from a clock of microseconds that only grows. Lua's own clock has whole seconds; but every look at both
-- narrows down where a second begins, and ticks look at least ten times a second.

local clock = { SECOND = 1000000 }
local earliest, latest = -math.huge, math.huge -- bounds of Unix time minus the clock's, in seconds

-- Look at both; `now` is what the growing clock says.
function clock.look (now)
  local second, at = os.time (), now / clock.SECOND
  if second - at > latest or second + 1 - at < earliest then earliest, latest = -math.huge, math.huge end -- it was set
  earliest, latest = math.max (earliest, second - at), math.min (latest, second + 1 - at)
end

-- Unix seconds at `now`.
function clock.wall (now)
  return now / clock.SECOND + (earliest + latest) / 2
end

return clock
