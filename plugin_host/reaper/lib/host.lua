-- What REAPER does for Punchin at every tick: the session that all hosts share, and what is REAPER's alone.
--
-- Called with its modules; returns { tick, leave }.

local here, takes, dialogs, packs, session = ...

local BUDGET = 6000 -- microseconds of reading in one tick

local reaper_session = session ({
  name = "REAPER",
  program = here.PROGRAM,
  budget = BUDGET,
  keeps_projects = true, -- tabs
  can = { "commit" },
  actions = {
    commit = takes.commit,
    packs = packs.open,
    settings = function () dialogs.settings () return true end,
    ask_transfer = function () dialogs.transfer () return true end,
  },
})

return {
  leave = reaper_session.leave,
  tick = function ()
    local mistake = reaper_session.tick ()
    if mistake then reaper.ShowConsoleMsg ("Punchin: " .. mistake .. "\n") end
  end,
}
