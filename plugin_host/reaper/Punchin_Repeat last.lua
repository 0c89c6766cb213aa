-- @description Punchin: Repeat last
-- @version 0.1.0
-- @author Punchin
-- @about The last request once more, with other seeds.
-- @noindex

local folder = debug.getinfo (1, "S").source:match ("^@(.*[/\\])") .. "lib/"
local module = assert (loadfile (folder .. "load.lua")) (folder)
module ("here").click ("repeat")
module ("tend") ()
