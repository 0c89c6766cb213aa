-- Has REAPER render what one track plays, effects and fader and all, as its render window does for "Stems (selected
-- tracks)". REAPER shows how far it is, and plays nothing meanwhile. Whatever happens, the settings of that window and the
-- selected tracks are afterwards what they were.

local here, project, tracks = ...

local CURRENT = 0
local RENDER = 42230 -- File: Render project, using the most recent render settings, auto-close render dialog
local HOUR = 3600000000 -- microseconds; a render takes as long as it takes
local FLOAT = "ZXZhdyAAAA==" -- the format "evaw" with 32 bits: WAV files of floats

-- The settings of the render window: numbers, and texts.
local function settings (start, stop, rate, folder, name)
  return {
    RENDER_SETTINGS = 2, -- stems only
    RENDER_BOUNDSFLAG = 0, -- from RENDER_STARTPOS to RENDER_ENDPOS
    RENDER_STARTPOS = project.second_of (start, rate),
    RENDER_ENDPOS = project.second_of (stop + 1, rate), -- a sample more: how REAPER rounds is its own matter
    RENDER_CHANNELS = 2,
    RENDER_SRATE = rate,
    RENDER_TAILFLAG = 0,
    RENDER_ADDTOPROJ = 0,
    RENDER_DITHER = 0,
    RENDER_NORMALIZE = 0, -- and neither limiter nor fades
  }, {
    RENDER_FILE = folder,
    RENDER_PATTERN = name,
    RENDER_FORMAT = FLOAT,
    RENDER_FORMAT2 = "",
  }
end

-- What is set now of the same names.
local function before (numbers, texts)
  local old_numbers, old_texts = {}, {}
  for name in pairs (numbers) do old_numbers[name] = reaper.GetSetProjectInfo (CURRENT, name, 0, false) end
  for name in pairs (texts) do
    local _, text = reaper.GetSetProjectInfo_String (CURRENT, name, "", false)
    old_texts[name] = text
  end
  return old_numbers, old_texts
end

local function set (numbers, texts)
  for name, value in pairs (numbers) do reaper.GetSetProjectInfo (CURRENT, name, value, true) end
  for name, text in pairs (texts) do reaper.GetSetProjectInfo_String (CURRENT, name, text, true) end
end

local function selected ()
  local list = {}
  for i = 0, reaper.CountSelectedTracks (CURRENT) - 1 do list[i + 1] = reaper.GetSelectedTrack (CURRENT, i) end
  return list
end

local function select (list)
  local is_meant = {}
  for _, track in ipairs (list) do is_meant[tracks.id (track)] = true end
  for _, track in ipairs (tracks.all ()) do reaper.SetTrackSelected (track, is_meant[tracks.id (track)] == true) end
end

-- Render samples `[start, stop)` of `track`, and one more, as stereo floats into a file in `folder`. Returns its path, or nil
-- and why not. REAPER is busy until it is done.
return function (track, start, stop, rate, folder, name)
  local numbers, texts = settings (start, stop, rate, folder, name)
  local old_numbers, old_texts = before (numbers, texts)
  local chosen, path = selected (), nil
  local fine, mistake = pcall (function ()
    select ({ track })
    set (numbers, texts)
    local _, targets = reaper.GetSetProjectInfo_String (CURRENT, "RENDER_TARGETS", "", false)
    path = targets:match ("^[^;]+")
    here.tend (HOUR)
    reaper.Main_OnCommandEx (RENDER, 0, CURRENT)
  end)
  here.tend ()
  set (old_numbers, old_texts)
  select (chosen)
  if not fine then return nil, tostring (mistake) end
  if not path or not reaper.file_exists (path) then return nil, "REAPER has not rendered " .. tracks.name (track) end
  return path
end
