-- @description Punchin: background script
-- @version 0.1.0
-- @author Punchin
-- @about Keeps REAPER and Punchin's bridge in touch: shows progress, places takes. The other actions start it.
-- @noindex

local folder = debug.getinfo (1, "S").source:match ("^@(.*[/\\])") .. "lib/"
local module = assert (loadfile (folder .. "load.lua")) (folder)
local here = module ("here")
if here.is_tended () then return end -- another copy runs

local host = module ("host")

local function loop ()
  here.tend ()
  host.tick ()
  reaper.defer (loop)
end

reaper.atexit (function ()
  here.untend ()
  host.leave ()
end)
loop ()
