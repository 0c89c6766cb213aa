-- @description Punchin: Inpaint selection
-- @version 0.1.0
-- @author Punchin
-- @about New takes of the selected bars, which follow chords and drums.
-- @noindex

local folder = debug.getinfo (1, "S").source:match ("^@(.*[/\\])") .. "lib/"
local module = assert (loadfile (folder .. "load.lua")) (folder)
module ("here").click ("inpaint")
module ("tend") ()
