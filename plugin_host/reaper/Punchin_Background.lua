-- @description Punchin: new takes of the selection
-- @version 0.1.0
-- @author Punchin
-- @about
--   New takes of the selected bars that follow chords, drums or a piano, or the selection on another instrument, made
--   on your own computer. Needs Punchin itself: install it, and run `punchin host install reaper` once.
-- @metapackage
-- @provides
--   [main] Punchin_*.lua
--   [nomain] lib/*.lua
--   [nomain] ../lua/*.lua > lib/

-- Keeps REAPER and Punchin's bridge in touch: hears clicks, reads stems, shows progress, places takes. The other actions
-- start it.

local folder = debug.getinfo (1, "S").source:match ("^@(.*[/\\])") .. "lib/"
local module = assert (loadfile (folder .. "load.lua")) (folder)
local here = module ("here")
if here.is_tended () then return end -- another copy runs

-- Whatever holds REAPER up so long that we seem to be gone: a second start takes our place, and REAPER asks nothing.
if reaper.set_action_options then reaper.set_action_options (1 | 2) end

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
