-- What Ardour does for Punchin, ten times a second: the session that all hosts share, and what is Ardour's alone.
--
-- Called with its modules; returns the function of the tick. Ardour calls it no more while it waits: for the musician, in
-- a dialog, or while files are taken in. A bridge that misses us meanwhile takes us back.

local here, project, takes, packs, session, clock = ...

local BUDGET = 16000 -- microseconds of reading in one tick: a frame of the screen
local SETTLED = 2 * clock.SECOND -- after a session was opened, until the musician is asked anything

local lost, opened = {}, 0 -- jobs whose takes were never saved; when the session was opened

-- Takes that stood here, in a session that died or was closed before it was saved: their files are here, so ask.
local function offer_lost ()
  if #lost == 0 or here.now () - opened < SETTLED then return end
  local record = table.remove (lost)
  local track = project.track (record.track)
  local question = ("%s.\n\nThey stood here, but the session was not saved since. Lay them again?"):format (record.undo)
  if track and here.agrees (question) then
    local fine, mistake = pcall (takes.place, record, track, record.start)
    if not fine then here.say ("The takes could not be placed: " .. tostring (mistake)) end
  end
end

local ardour = session ({
  name = "Ardour",
  program = "Ardour " .. (ARDOUR.revision or ""),
  budget = BUDGET,
  keeps_projects = false, -- a session that is opened closes the one before
  can = { "commit" },
  actions = {
    commit = takes.commit,
    packs = packs.open,
    settings = function () return nil, "Settings are a dialog of Ardour: the action Settings (Punchin)." end,
  },
  opened = function ()
    lost, opened = takes.unsaved (), here.now ()
  end,
  ticked = offer_lost,
})

return function ()
  local mistake = ardour.tick ()
  if mistake then print ("Punchin: " .. mistake) end -- in Ardour's log
end
