-- @description Punchin: Settings
-- @version 0.1.0
-- @author Punchin
-- @about How many takes, of what, and which tracks they follow.
-- @noindex

local folder = debug.getinfo (1, "S").source:match ("^@(.*[/\\])") .. "lib/"
local module = assert (loadfile (folder .. "load.lua")) (folder)
module ("here").click ("settings")
module ("tend") ()
