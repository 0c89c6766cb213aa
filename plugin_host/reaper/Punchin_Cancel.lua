-- @description Punchin: Cancel
-- @version 0.1.0
-- @author Punchin
-- @about Stop the latest request.
-- @noindex

local folder = debug.getinfo (1, "S").source:match ("^@(.*[/\\])") .. "lib/"
local module = assert (loadfile (folder .. "load.lua")) (folder)
module ("here").click ("cancel")
module ("tend") ()
