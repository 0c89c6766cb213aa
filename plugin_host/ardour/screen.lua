-- What Ardour shows of Punchin: progress as markers in the time line, all else as dialogs, for which the musician is waited.

local here, project, progress, clock = ...
local screen = {}

local READ = 15 * clock.SECOND -- until a remark is read
local regions = {} -- job -> where it is at work
local remarks = {} -- id of a marker -> { region, text, till }: a remark that is shown, `till` once it is

local fetching -- how far the model pack is that is fetched

local LATER = "Later: ask again when the session is opened"

-- A line of the bridge as the name of a marker, which needs no full stop.
local function mark (id, region, text, now)
  progress.show (id, region.start, region["end"], text:gsub ("%.$", ""), now)
end

-- A second from the playhead on.
local function beside_playhead ()
  local start = Session:transport_sample ()
  return { start = start, ["end"] = start + project.rate () }
end

-- What has no region is a model pack that is fetched.
function screen.work (job, region, text, _, now)
  if not region then fetching = text end
  regions[job] = region or regions[job] or beside_playhead ()
  mark (job, regions[job], text, now)
end

function screen.hide (id)
  if id == "pull" then fetching = nil end
  progress.hide (id)
end

function screen.sweep ()
  regions, remarks, fetching = {}, {}, nil
  progress.sweep ()
end

function screen.note (_, what, next_step)
  here.say (what, next_step)
end

-- Into Ardour's log, and for a while over the takes: a dialog would stop the musician's hands for what can wait. That there
-- are takes is seen.
function screen.remark (job, text)
  print ("Punchin: " .. text)
  if regions[job] then remarks["remark " .. job] = { region = regions[job], text = text:gsub ("^%d+ takes? placed%. ", "") } end
end

-- Ask where takes belong. Returns the key of a choice, or nil where that is left for later.
function screen.where (job, reason, choices)
  progress.hide (job)
  local values = { [LATER] = "later" }
  for _, choice in ipairs (choices) do values[choice[2]] = choice[1] end
  local answer = LuaDialog.Dialog ("Punchin: where do the takes belong?", {
    { type = "heading", title = reason .. " Nothing was placed yet." },
    { type = "radio", key = "where", title = "Place them", values = values, default = choices[1][2] },
  }):run ()
  if answer and answer.where ~= "later" then return answer.where end
end

-- ---- model packs ---------------------------------------------------------------------------------------------

local WIDTH = 100 -- letters of a line in a dialog, which wraps none
local NOTHING = "Nothing"
local DOES = { get = "Get %s", inpaint = "%s for new takes", transfer = "%s for transfers" }

local function wrapped (text)
  local lines, line = {}, ""
  for word in text:gmatch ("%S+") do
    if line ~= "" and #line + #word >= WIDTH then lines[#lines + 1], line = line, "" end
    line = line == "" and word or line .. " " .. word
  end
  lines[#lines + 1] = line
  return table.concat (lines, "\n")
end

-- Show the packs, and have the musician choose what to do. Returns a row and a key.
local function choose (rows)
  local fields, values, chosen = {}, { [NOTHING] = 0 }, { [0] = { "packs", "close" } }
  local function add (caption, id, key)
    chosen[#chosen + 1] = { id, key }
    values[caption] = #chosen
  end
  if fetching then add ("Stop " .. fetching, "pull", "stop") end
  for _, row in ipairs (rows) do
    fields[#fields + 1] = { type = "label", title = wrapped (row.text), align = "left" }
    for _, button in ipairs (row.buttons) do
      if DOES[button[1]] then add (DOES[button[1]]:format (row.id:gsub ("^pack ", "")), row.id, button[1]) end
    end
  end
  fields[#fields + 1] = { type = "dropdown", key = "does", title = "Do", values = values, default = NOTHING }
  local answer = LuaDialog.Dialog ("Punchin: model packs", fields):run ()
  return table.unpack (chosen[answer and answer.does or 0])
end

-- Show rows about model packs once they are known. Returns the row and the key that were chosen.
function screen.packs (rows)
  if not rows then return nil end
  if rows[1].id == "terms" then return "terms", here.agrees (rows[1].text) and "accept" or "decline" end
  if #rows > 1 then return choose (rows) end
end

-- A mark is shown as a range of a second.
function screen.marked (start, now)
  progress.hide ("mark")
  progress.show ("mark", start, start + project.rate (), "marked in", now)
end

function screen.settle (known)
  for job in pairs (regions) do
    if not known[job] then regions[job] = nil end
  end
  known.mark = true
  for id in pairs (remarks) do known[id] = true end
  progress.settle (known)
end

function screen.tick (now)
  for id, remark in pairs (remarks) do
    if not remark.till then
      remark.till = now + READ
      mark (id, remark.region, remark.text, now)
    elseif now > remark.till then
      remarks[id] = nil
      progress.hide (id)
    end
  end
end

-- Dialogs are answered where they are asked.
function screen.wake () end

return screen
