-- @description Punchin: Next take
-- @version 0.1.0
-- @author Punchin
-- @about Show the next take of the item.
-- @noindex

local folder = debug.getinfo (1, "S").source:match ("^@(.*[/\\])") .. "lib/"
local module = assert (loadfile (folder .. "load.lua")) (folder)
module ("here").click ("next_take")
module ("tend") ()
