-- The time line of the project in front: its rate, seconds and samples, tempos and time signatures, the transport. Changes
-- nothing but the time selection, when asked.

local json = ...
local line = {}

local CURRENT = 0
local NOTE_VALUES = { [1] = true, [2] = true, [4] = true, [8] = true, [16] = true, [32] = true, [64] = true }
local USUAL_RATE = 48000

-- The project's own rate, or that of the audio device. REAPER closes the device when it likes, such as when another window
-- is in front; so the device's rate is kept with the project, and holds until another is heard.
function line.rate ()
  if reaper.GetSetProjectInfo (CURRENT, "PROJECT_SRATE_USE", 0, false) > 0 then
    return math.floor (reaper.GetSetProjectInfo (CURRENT, "PROJECT_SRATE", 0, false))
  end
  local is_open, text = reaper.GetAudioDeviceInfo ("SRATE")
  local _, kept = reaper.GetProjExtState (CURRENT, "Punchin", "rate")
  local rate = is_open and tonumber (text)
  if not rate or rate <= 0 then return math.tointeger (tonumber (kept)) or USUAL_RATE end
  rate = math.floor (rate)
  if kept ~= tostring (rate) then reaper.SetProjExtState (CURRENT, "Punchin", "rate", tostring (rate)) end
  return rate
end

-- In all that follows, `rate` is at which samples are counted: the project's, where it is nil.

function line.sample_of (seconds, rate)
  return math.floor (seconds * (rate or line.rate ()) + 0.5)
end

-- The second of a sample, from which the sample comes back however REAPER rounds: never a hair before it.
function line.second_of (sample, rate)
  local second = sample / rate
  if second * rate < sample then second = second + math.abs (second) * 2.0 ^ -52 end
  return second
end

function line.quarter_at (sample, rate)
  return reaper.TimeMap2_timeToQN (CURRENT, sample / (rate or line.rate ()))
end

function line.sample_at (quarter, rate)
  return line.sample_of (reaper.TimeMap2_QNToTime (CURRENT, quarter), rate)
end

-- The sample after the last of the line.
function line.last ()
  return line.sample_of (reaper.GetProjectLength (CURRENT))
end

-- The sample that is heard now and how many pass in a second; where the song stands, that of the cursor and 0.
function line.playing ()
  local rate, state = line.rate (), reaper.GetPlayStateEx (CURRENT)
  if state & 1 == 0 then return reaper.GetCursorPositionEx (CURRENT) * rate, 0 end
  return reaper.GetPlayPositionEx (CURRENT) * rate, reaper.Master_GetPlayRate (CURRENT) * rate
end

-- A sample as REAPER's ruler calls it.
function line.shown (sample)
  return reaper.format_timestr_pos (sample / line.rate (), "", -1)
end

-- Make samples `start` to `stop` the time selection.
function line.select (start, stop)
  local rate = line.rate ()
  reaper.GetSet_LoopTimeRange2 (CURRENT, true, false, start / rate, stop / rate, false)
end

function line.is_recording ()
  return reaper.GetPlayStateEx (CURRENT) & 4 ~= 0
end

-- ---- time ----------------------------------------------------------------------------------------------------

-- What the ruler calls the first bar: "project start measure" in the project's settings.
local function first_bar ()
  local known, offset = reaper.get_config_var_string ("projmeasoffs")
  return 1 + (known and math.tointeger (tonumber (offset)) or 0)
end

-- The project's clock, as a Timeline. Tempos glide evenly in time; they count quarters, also in 6/8.
function line.timeline ()
  local numerator, denominator, bpm = reaper.TimeMap_GetTimeSigAtTime (CURRENT, 0)
  local tempos = json.array ({ { quarter = 0.0, bpm = bpm, curve = "steady" } })
  local signatures = json.array ({ { quarter = 0.0, numerator = numerator, denominator = denominator } })
  for i = 0, reaper.CountTempoTimeSigMarkers (CURRENT) - 1 do
    local found, time, _, _, speed, count, value, glides = reaper.GetTempoTimeSigMarker (CURRENT, i)
    if found then
      local quarter = math.max (0.0, reaper.TimeMap2_timeToQN (CURRENT, time))
      local tempo = { quarter = quarter, bpm = speed, curve = glides and "time" or "steady" }
      if quarter == 0 then tempos[1] = tempo else tempos[#tempos + 1] = tempo end
      if count > 0 and NOTE_VALUES[value] then -- else it changes the tempo alone
        local signature = { quarter = quarter, numerator = count, denominator = value }
        if quarter == 0 then signatures[1] = signature else signatures[#signatures + 1] = signature end
      end
    end
  end
  return { rate = line.rate (), tempos = tempos, metres = signatures, origin = 0.0, first_bar = first_bar () }
end

return line
