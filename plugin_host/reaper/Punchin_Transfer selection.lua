-- @description Punchin: Transfer selection
-- @version 0.1.0
-- @author Punchin
-- @about The selected bars on another instrument, or in another genre.
-- @noindex

local folder = debug.getinfo (1, "S").source:match ("^@(.*[/\\])") .. "lib/"
local module = assert (loadfile (folder .. "load.lua")) (folder)
module ("here").click ("ask_transfer")
module ("tend") ()
