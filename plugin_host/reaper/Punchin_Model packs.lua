-- @description Punchin: Model packs
-- @version 0.1.0
-- @author Punchin
-- @about Which model packs there are: fetch one, under a licence that you accept, or choose one.
-- @noindex

local folder = debug.getinfo (1, "S").source:match ("^@(.*[/\\])") .. "lib/"
local module = assert (loadfile (folder .. "load.lua")) (folder)
module ("here").click ("packs")
module ("tend") ()
