// What the page knows: parts as the bridge tells them, and what was chosen here.
import { batch, computed, effect, signal } from "/vendor/vendor.js";
import { act, ask, get, Refused, upload } from "/app/api.js";
import { texts } from "/app/texts.js";

/** @typedef {import("/app/types.js").Group} Group */
/** @typedef {import("/app/types.js").Job} Job */
/** @typedef {import("/app/types.js").SongDetail} SongDetail */

// ---- as the bridge tells them --------------------------------------------------------------------------------

/** @type {import("/app/types.js").Sig<"connecting" | "open" | "gone" | "refused">} */
export const link = signal("connecting");
/** @type {import("/app/types.js").Sig<{version: string, parameters: any[], most_takes: number} | null>} */
export const session = signal(null);
/** @type {import("/app/types.js").Sig<{id: string, name: string, revision: number}[]>} */
export const songs = signal([]);
/** @type {import("/app/types.js").Sig<Job[]>} */
export const jobs = signal([]);
/** @type {import("/app/types.js").Sig<Group[]>} */
export const groups = signal([]);
/** @type {import("/app/types.js").Sig<any[]>} */
export const hosts = signal([]);
/** @type {import("/app/types.js").Sig<Record<string, {value: any, normalized: number | null, touched: boolean}>>} */
export const knobs = signal({});
/** @typedef {{name: string, state: string, version: string, engines: string[], licence: string, bytes: number}} Pack */
/** @typedef {{name: string, title: string, size: string, memory: string}} Offer */
/** @typedef {{name: string, state: string, line: string, fraction: number, error: {message: string,
 *   next_step: string} | null}} Pull */
/** @type {import("/app/types.js").Sig<Pack[]>} */
export const packs = signal([]);
/** @type {import("/app/types.js").Sig<Offer[]>} */
export const offers = signal([]);
/** @type {import("/app/types.js").Sig<Pull | null>} */
export const pull = signal(null);
/** How busy the daemon is in a sentence, and the job of ours on each of its seats, or "".
 * @type {import("/app/types.js").Sig<{line: string, jobs: string[]}>} */
export const seats = signal({ line: "", jobs: [] });
/** Computers that can make takes, and whether each does now.
 * @type {import("/app/types.js").Sig<Record<string, boolean>>} */
export const remotes = signal({});
export const choosingPacks = signal(false);
/** Counts up when the shape of a song was read further. */
export const shapes = signal(0);

let troubles = -1;
const parts = { songs, jobs, groups, hosts, knobs, pull, seats };

/** @param {string} part @param {any} value */
export function told(part, value) {
  if (part in parts) parts[/** @type {keyof typeof parts} */ (part)].value = value;
  if (part === "shape") shapes.value += 1;
  if (part === "trouble") {
    if (troubles >= 0 && value.count > troubles && value.error) complain(value.error);
    troubles = value.count;
  }
}

/** Ask which computers can make takes. */
export async function lookAtRemotes() {
  remotes.value = (await quietly(() => get("/api/remotes"))) ?? remotes.value;
}

/** Ask which packs there are. */
export async function lookAtPacks() {
  const found = await quietly(() => get("/api/packs"));
  if (!found) return;
  packs.value = found.here;
  offers.value = found.offers;
}

let fetched = "";
effect(() => {
  const now = pull.value;
  const state = now ? `${now.name} ${now.state}` : "";
  if (state !== fetched && now && now.state !== "running" && fetched) void lookAtPacks();
  fetched = state;
});

// ---- what is looked at ---------------------------------------------------------------------------------------

/** The open song that is shown, or "" while a group of a DAW is. */
export const songId = signal("");
/** @type {import("/app/types.js").Sig<SongDetail | null>} */
export const song = signal(null);
/** The group of a DAW that is shown, where no song is. */
export const dawGroup = signal("");
/** The region, in samples of the song. @type {import("/app/types.js").Sig<{start: number, end: number} | null>} */
export const region = signal(null);
/** What of the song is seen, in samples. */
export const view = signal({ start: 0, end: 1 });
/** @type {import("/app/types.js").Sig<"inpaint" | "transfer">} */
export const engine = signal("inpaint");
/** What takes shall not follow, though it is there. @type {import("/app/types.js").Sig<Set<string>>} */
export const unfollowed = signal(new Set());
/** @type {import("/app/types.js").Sig<{id: number, text: string, step: string, good: boolean, more: More}[]>} */
export const notices = signal([]);
/** @type {import("/app/types.js").Sig<{name: string, share: number}[]>} */
export const uploads = signal([]);
export const helping = signal(false);

/** The group that is heard: the region's of the song, or the DAW's. @type {import("/app/types.js").Comp<Group | null>} */
export const group = computed(() => {
  if (!songId.value) return groups.value.find((each) => each.id === dawGroup.value) ?? null;
  const here = region.value;
  if (!here || !song.value) return null;
  const known = groups.value.find(
    (each) => each.song === songId.value && each.start === here.start && each.end === here.end,
  );
  return known ?? virtual(song.value, here);
});

/** Failed jobs that were read. @type {import("/app/types.js").Sig<Set<string>>} */
export const dismissed = signal(new Set());
const MOST_FAILED = 3;

/** Jobs at work, and those that failed last: the last ones first. */
export const working = computed(() => {
  const failed = jobs.value.filter((job) => job.phase === "failed" && !dismissed.value.has(job.job)).slice(-MOST_FAILED);
  return jobs.value
    .filter((job) => ["preparing", "queued", "running"].includes(job.phase) || failed.includes(job))
    .reverse();
});

/** Jobs whose takes came while this page was open and were not looked at yet, the last ones first. */
export const unheard = computed(() =>
  jobs.value
    .filter((job) => ["ready", "held", "placed"].includes(job.phase) && fresh.value.has(job.job))
    .filter((job) => !group.value?.jobs.includes(job.job) && groups.value.some((each) => each.jobs.includes(job.job)))
    .slice(-3)
    .reverse(),
);
/** Jobs that were seen at work, less those whose takes were looked at. @type {import("/app/types.js").Sig<Set<string>>} */
const fresh = signal(new Set());
effect(() => {
  const seen = new Set(fresh.peek());
  for (const job of working.value) seen.add(job.job);
  for (const job of group.value?.jobs ?? []) seen.delete(job);
  fresh.value = seen;
});

/** Show the takes of a job. @param {Job} job */
export function showJob(job) {
  const found = groups.value.find((each) => each.jobs.includes(job.job));
  if (!found) return;
  if (!found.song) return showGroup(found.id);
  showSong(found.song);
  region.value = { start: found.start, end: found.end };
}

export const dawGroups = computed(() => groups.value.filter((each) => !each.song));

/** A region of which there are no takes yet. @param {SongDetail} of @param {{start: number, end: number}} here */
function virtual(of, here) {
  return /** @type {Group} */ ({
    id: "region", title: of.name, program: "", place: "", start: here.start, end: here.end, rate: of.rate,
    song: of.id, source: "", origin: 0, takes: [], jobs: [],
  });
}

// ---- songs ---------------------------------------------------------------------------------------------------

/** Show a song. @param {string} id */
export function showSong(id) {
  batch(() => {
    if (songId.value !== id) {
      region.value = null;
      song.value = null;
    }
    songId.value = id;
    dawGroup.value = "";
  });
}

/** Show what a DAW's job is about. @param {string} id */
export function showGroup(id) {
  batch(() => {
    songId.value = "";
    song.value = null;
    region.value = null;
    dawGroup.value = id;
  });
}

let asked = "";
effect(() => {
  const known = songs.value.find((each) => each.id === songId.value);
  const wanted = known ? `${known.id} ${known.revision}` : "";
  if (wanted === asked) return;
  asked = wanted;
  if (known) void describe(known.id, wanted);
});

/** @param {string} id @param {string} wanted */
async function describe(id, wanted) {
  const found = await quietly(() => get(`/api/song/${id}`));
  if (!found || asked !== wanted) return;
  const isNew = song.value?.id !== id;
  batch(() => {
    song.value = found;
    if (isNew) {
      view.value = { start: 0, end: found.samples };
      const last = groups.value.filter((each) => each.song === id).at(-1);
      region.value ??= last ? { start: last.start, end: last.end } : null;
      for (const note of found.notes) notify(note);
    }
  });
}

/** The bar lines nearest to two samples, or the samples where there are none; never nothing, never outside.
 * @param {SongDetail} of @param {number} start @param {number} end @param {boolean} [exactly] */
export function snapped(of, start, end, exactly = false) {
  let [first, last] = [Math.min(start, end), Math.max(start, end)];
  if (of.bars.length > 1 && !exactly) {
    const from = nearest(of.bars, first);
    let to = nearest(of.bars, last);
    if (to <= from) to = Math.min(from + 1, of.bars.length - 1);
    const begin = of.bars[to <= from ? from - 1 : from];
    first = begin;
    last = of.bars[to];
  }
  first = Math.round(Math.max(0, Math.min(first, of.samples - 1)));
  last = Math.round(Math.max(first + 1, Math.min(last, of.samples)));
  return { start: first, end: last };
}

/** The index of the number nearest to `x` in a rising list. @param {number[]} list @param {number} x */
export function nearest(list, x) {
  let low = 0;
  let high = list.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (list[middle] <= x) low = middle;
    else high = middle;
  }
  return Math.abs(list[high] - x) < Math.abs(list[low] - x) ? high : low;
}

/** Files that were dropped or chosen: a song, or what it follows. @param {Iterable<File>} files @param {string} [as] */
export async function take(files, as) {
  for (const file of files) {
    const kind = as ?? kindOf(file.name, songId.value !== "");
    if (!kind) complain({ message: `${file.name}: ${texts.errors.unknown_file}`, next_step: "" });
    else if (kind !== "song" && !songId.value) complain({ message: texts.errors.no_song, next_step: "" });
    else await handIn(file, kind);
  }
}

/** @param {File} file @param {string} kind */
async function handIn(file, kind) {
  const coming = { name: file.name, share: 0 };
  uploads.value = [...uploads.value, coming];
  const found = await quietly(() =>
    upload(file, kind, kind === "song" ? null : songId.value, (share) => {
      coming.share = share;
      uploads.value = [...uploads.value];
    }),
  );
  uploads.value = uploads.value.filter((each) => each !== coming);
  if (found && kind === "song") showSong(found);
}

/** What a file is by its name; "" for none that we know. @param {string} name @param {boolean} hasSong */
export function kindOf(name, hasSong) {
  const ending = name.toLowerCase().split(".").at(-1) ?? "";
  if (["mid", "midi", "smf"].includes(ending)) return "chords";
  if (["lab", "txt"].includes(ending)) return "chords";
  if (["wav", "wave", "flac", "aif", "aiff", "mp3", "ogg", "opus", "m4a", "w64", "rf64", "caf"].includes(ending)) {
    return "song";
  }
  return hasSong ? "" : "song"; // reading it says what it is
}

// ---- what is asked for ---------------------------------------------------------------------------------------

/** Controls that are there and wanted. */
export const followed = computed(() =>
  ["chord", "drums", "piano"].filter((each) => song.value?.follows[each] && !unfollowed.value.has(each)),
);

export function punch() {
  const here = region.value;
  if (!here || !song.value) return complain({ message: texts.make.no_region, next_step: "" });
  const follow = engine.value === "inpaint" ? followed.value : [];
  return quietly(() => act("punch", { song: songId.value, ...here, engine: engine.value, follow }));
}

/** Ask, and show what is wrong. @param {string} what @param {Record<string, unknown>} more */
export const doing = (what, more) => quietly(() => act(what, more));

/** Get a file that needs our token, and hand it to the browser. @param {string} path @param {string} name */
export async function download(path, name) {
  const answer = await quietly(() => ask(path));
  if (!answer) return;
  const address = URL.createObjectURL(await answer.blob());
  const anchor = document.createElement("a");
  anchor.href = address;
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** What was asked for; null where it was refused, which `say` shows. @template T @param {() => Promise<T>} what
 * @param {(error: {message: string, next_step: string}) => void} [say] @returns {Promise<T | null>} */
export async function quietly(what, say = complain) {
  try {
    return await what();
  } catch (error) {
    if (error instanceof Refused) {
      if (error.status === 401) link.value = "refused";
      say({ message: error.message, next_step: error.next_step });
      return null;
    }
    throw error;
  }
}

// ---- notices -------------------------------------------------------------------------------------------------

let number = 0;

/** @param {{message: string, next_step: string}} error */
export function complain(error) {
  show(error.message, error.next_step, false);
}

/** What is seen when one points at it, and what can be done about it.
 * @typedef {{title?: string, action?: {text: string, do: () => void}}} More */

/** @param {string} text @param {More} [more] */
export function notify(text, more) {
  show(text, "", true, more);
}

/** @param {string} text @param {string} step @param {boolean} good @param {More} [more] */
function show(text, step, good, more = {}) {
  if (notices.value.some((each) => each.text === text)) return; // said already, by another way
  const id = ++number;
  notices.value = [...notices.value.slice(-3), { id, text, step, good, more }];
  setTimeout(() => dismiss(id), good ? 8000 : 20_000);
}

/** @param {number} id */
export function dismiss(id) {
  notices.value = notices.value.filter((each) => each.id !== id);
}
