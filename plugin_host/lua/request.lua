-- Makes requests of what the musician selected: reads the project at the click, and says which stems have to be read. All
-- of it runs on the [host tick]; `here`, `project` and `takes` are the host's (see `session`).

local json, here, project, takes, guard, memory, params = ...
local request = {}

local WINDOW = 30 -- seconds that the model hears at once
local LONGEST, MOST_HOLES = 120, 64 -- seconds and holes of one request
local MOST_NAMES, LONGEST_NAME = 8192, 4096 -- that a request may have

local BY_EAR = params.chords_from.choices[2] -- in place of a track's name: what it would play is read by ear
local USUAL = { chords = "chords", piano = "piano" } -- tracks that are looked for nevertheless

-- The samples around `[start, stop)` that are of use: for an inpaint a window of the model with the region in its middle,
-- or at least a quarter of one on each side, as far as there is a song; a transfer hears the region alone.
local function around (engine, start, stop, seconds)
  if engine == "transfer" then return start, stop end
  local window = math.min (seconds, WINDOW) * project.rate ()
  local side = math.max (window // 4, (window - (stop - start)) // 2)
  local last = math.max (stop, project.last ())
  local till = math.min (last, math.max (stop + side, window)) -- near the start of the song more of what follows
  return math.max (0, math.min (start - side, till - window)), till
end

local function stem (job, audio, track, from, till, rate, kind, channels)
  local path = ("%s/%s-%s.wav"):format (audio, job, kind)
  local document = {
    id = project.id (track),
    name = project.name (track),
    audio = { as = "rendered", path = path, start = from },
    channels = channels,
  }
  return document, { track = track, kind = kind, channels = channels, start = from, stop = till, rate = rate, path = path }
end

-- Names of markers and regions as a request may have them. Which of them are chords, and how long those last, the bridge
-- finds out.
local function named (all)
  local names = json.array ()
  for _, one in ipairs (all) do
    if #names < MOST_NAMES and one.name ~= "" and #one.name <= LONGEST_NAME then names[#names + 1] = one end
  end
  return names
end

-- The track that plays a part by MIDI, or nil.
local function part_of (names, part)
  return project.named (names[part] == BY_EAR and USUAL[part] or names[part])
end

-- What is played around the region, for an inpaint: chords and a piano to follow. Returns the track of the drums, or nil and
-- why those that there are cannot be heard.
local function company (submit, names, target, from, till)
  local first, last = project.quarter_at (from), project.quarter_at (till)
  local chords = part_of (names, "chords")
  if chords then submit.chords, submit.chord_pedals = project.notes (chords, first, last) end
  if not submit.chords or #submit.chords == 0 then submit.chord_names = named (project.chord_names ()) end
  local piano = part_of (names, "piano")
  if piano then submit.piano, submit.piano_pedals = project.notes (piano, first, last) end
  return project.drums (names.drums, target, from, till)
end

local function inpaint_wish (settings)
  local wish = { engine = "inpaint", takes = settings.inpaint.takes, pack = settings.inpaint.pack }
  for part in pairs (USUAL) do
    if settings.tracks[part] == BY_EAR then wish[part] = BY_EAR end
  end
  if settings.inpaint.text ~= "" then wish.text = settings.inpaint.text end
  return wish
end

local function transfer_wish (settings)
  local set = settings.transfer
  if set.to == "" then return nil, "Say what it should become: the action Transfer selection asks for it." end
  local wish = { engine = "transfer", to = set.to, task = set.task, takes = set.takes, pack = set.pack }
  if set.source ~= "" then wish.source = set.source end
  return wish
end

local WISHES = { inpaint = inpaint_wish, transfer = transfer_wish }

-- What is filled of a region, as documents have it: nothing where that is all of it.
local function spans (holes)
  local list = json.array ()
  for i, hole in ipairs (holes or {}) do list[i] = { start = hole.start, ["end"] = hole.stop } end
  return list
end

-- Whether takes of `region` of `track` can be made and can stand there: what the musician should know of them, in sentences.
-- Nil and why not where that cannot be.
local function look (track, region)
  local remarks, said = json.array (), {}
  local why = project.unheard (track, region.start, region.stop)
  if why then return nil, why end
  for _, hole in ipairs (region.holes or { region }) do
    why = project.refusal (track, hole.start, hole.stop)
    if why then return nil, why end
    for _, remark in ipairs (project.remarks (track, hole.start, hole.stop)) do
      if not said[remark] then remarks[#remarks + 1] = remark end
      said[remark] = true
    end
  end
  return remarks
end

-- A request for `region` of `track`, { start, stop, holes } in samples: { job, submit, reading, clicked }. `audio` is where
-- stems go. Nil and why not where that cannot be.
local function make (job, audio, track, region, wish, clicked)
  local settings, engine = here.settings (), wish.engine
  local start, stop = region.start, region.stop
  local notes, refused = look (track, region)
  if not notes then return nil, refused end
  local from, till = around (engine, start, stop, settings.seconds)
  local line = project.timeline ()
  local rate = line.rate -- the job's own from here on: the project's may be the audio device's, and change
  local submit = {
    type = "submit",
    job = job,
    project = here.project (),
    timeline = line,
    region = { start = start, ["end"] = stop },
    holes = spans (region.holes),
    notes = notes,
    wish = wish,
    folder = project.folder (),
    guard = guard.of (track, start, stop, takes.sources (), rate),
  }
  local reading = {}
  submit.target, reading[1] = stem (
    job, audio, track, from, till, rate, "target", project.channels (track, start, stop))
  reading[1].region = region -- by what plays there, not around it, a host knows how to read the track
  if engine == "inpaint" then
    local drums, why = company (submit, settings.tracks, track, from, till)
    notes[#notes + 1] = why
    if drums then
      submit.drums, reading[2] = stem (
        job, audio, drums, from, till, rate, "drums", project.channels (drums, from, till))
    end
  end
  submit.read = (here.now () - clicked) / 1000000
  return { job = job, submit = submit, reading = reading, clicked = clicked }
end

-- A request for each of `regions`, a list of { start, stop } in samples from the left. Nil and why not where one cannot
-- be: none is made.
local function make_all (new_job, audio, track, regions, wish, clicked)
  local all, jobs = {}, json.array ()
  for i, region in ipairs (regions) do
    local one, why = make (new_job (), audio, track, region, wish, clicked)
    if not one then return nil, why end
    all[i], jobs[i] = one, one.job
  end
  memory.keep_asked ({ jobs = jobs, track = project.id (track), regions = regions, rate = project.rate (), wish = wish })
  return all
end

-- Samples `[start, stop)` as an area, which knows its quarters: where it belongs when the tempo was edited.
local function area (start, stop)
  return { start = start, stop = stop, first = project.quarter_at (start), last = project.quarter_at (stop) }
end

-- `areas`, a list of { start, stop } from the left, as the regions of requests. An inpaint fills several as holes of one
-- region, so that it hears all of them as one; a transfer takes one area at a time.
local function regions_of (areas, engine)
  local list = json.array ()
  for _, one in ipairs (areas) do
    local last, hole = list[#list], area (one.start, one.stop)
    local is_near = last and engine == "inpaint" and one.start - last.stop < WINDOW * project.rate ()
    if is_near and #last.holes < MOST_HOLES and one.stop - last.start <= LONGEST * project.rate () then
      last.holes[#last.holes + 1], last.stop = hole, one.stop
    else
      list[#list + 1] = { start = one.start, stop = one.stop, holes = json.array ({ hole }) }
    end
  end
  for _, region in ipairs (list) do
    if #region.holes == 1 then region.holes = nil end
  end
  return list
end

-- Requests for what is selected now, one for areas that are near each other; `wish` is what the settings say where it is nil.
-- `new_job` makes ids.
function request.selected (new_job, audio, engine, wish, clicked)
  local settings, why = here.settings (), nil
  local start, stop, track, more = project.selection (settings.tracks)
  if not start then return nil, stop end
  if not wish then
    wish, why = WISHES[engine] (settings)
    if not wish then return nil, why end
  end
  local regions = regions_of ({ { start = start, stop = stop }, table.unpack (more or {}) }, wish.engine)
  return make_all (new_job, audio, track, regions, wish, clicked)
end

-- Areas at the project's rate of now, which were counted at `rate`.
local function scaled (areas, rate)
  local scale, list = project.rate () / (rate or project.rate ()), json.array ()
  local function sample (at) return math.floor (at * scale + 0.5) end
  for i, one in ipairs (areas) do
    list[i] = area (sample (one.start), sample (one.stop))
    list[i].holes = one.holes and scaled (one.holes, rate)
  end
  return list
end

-- The last requests of this project once more, with other seeds.
function request.again (new_job, audio, clicked)
  local last = memory.asked ()
  if not last then return nil, "Nothing was asked for in this project yet." end
  local track = project.track (last.track)
  if not track then return nil, "The track of the last request is gone." end
  local wish = {}
  for key, value in pairs (last.wish) do wish[key] = value end
  wish.seed = nil -- a new one is drawn
  return make_all (new_job, audio, track, scaled (last.regions, last.rate), wish, clicked)
end

-- The holes of what was asked for as `job`, where their bars are now; nil where it had none.
local function moved (asked, job)
  for i, name in ipairs (asked.jobs) do
    local holes = name == job and asked.regions[i].holes
    if holes then
      local list = json.array ()
      for j, hole in ipairs (holes) do list[j] = area (project.sample_at (hole.first), project.sample_at (hole.last)) end
      return list
    end
  end
end

-- What was asked for as job `before`, as it was asked for, for samples `[start, stop)`: where its bars are now.
function request.anew (new_job, audio, before, start, stop, clicked)
  local one = memory.asked (before)
  if not one then return nil, "It is not known any more what was asked for." end
  local track = project.track (one.track)
  if not track then return nil, "The track is gone." end
  local region = { start = start, stop = stop, holes = moved (one, before) }
  return make_all (new_job, audio, track, json.array ({ region }), one.wish, clicked)
end

return request
