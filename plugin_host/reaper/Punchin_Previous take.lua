-- @description Punchin: Previous take
-- @version 0.1.0
-- @author Punchin
-- @about Show the take before.
-- @noindex

local folder = debug.getinfo (1, "S").source:match ("^@(.*[/\\])") .. "lib/"
local module = assert (loadfile (folder .. "load.lua")) (folder)
module ("here").click ("previous_take")
module ("tend") ()
