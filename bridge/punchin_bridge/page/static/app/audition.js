// What is heard now: the group's audio in the player, which of it, how loud, and which part of it in a loop.
import { batch, computed, effect, signal, untracked } from "/vendor/vendor.js";
import { ask, get } from "/app/api.js";
import { becomes, emptied, growingOf, isGrowing, lay, since } from "/app/growing.js";
import { Player } from "/app/player.js";
import { group, jobs, quietly } from "/app/state.js";

/** @typedef {import("/app/types.js").Group} Group */
/** @typedef {{lufs: number | null, peak: number, gain: number}} Level */
/** @typedef {{start: number, samples: number, rate: number, region: [number, number], takes: string[],
 *   has_song: boolean}} Heard */

export const SONG = "song";
const MOST_BYTES = 192 * 2 ** 20; // of buffers in this tab

/** @type {import("/app/types.js").Sig<Heard | null>} */
export const heard = signal(null);
/** Levels by name, once they are measured; null where a file is gone. @type {import("/app/types.js").Sig<Record<string, Level | null>>} */
export const levels = signal({});
/** Names of what is loaded. @type {import("/app/types.js").Sig<Set<string>>} */
export const loaded = signal(new Set());
export const chosen = signal(SONG);
export const playing = signal(false);
export const matched = signal(true);
export const leadIn = signal(true);
export const blind = signal(false);
export const onlyFavourites = signal(false);
/** Whether only what the chosen take changes is heard. */
export const difference = signal(false);

/** Names in the order of their keys: the song, then takes from the first. */
export const order = computed(() => [
  SONG,
  ...(group.value?.takes ?? []).filter((take) => !onlyFavourites.value || take.note.favourite).map((take) => take.id),
]);

/** Takes that grow; none in blind mode, for they would say which takes are new. */
export const growing = computed(() => (blind.value ? [] : growingOf(group.value, jobs.value)));

/** All that can be heard: what {@link order} names, and the takes that grow. */
export const candidates = computed(() => [...order.value, ...growing.value.map((each) => each.name)]);

/** The chosen take; none while the song is, or one that grows. */
export const chosenTake = computed(() => group.value?.takes.find((each) => each.id === chosen.value));

/** @type {Player | null} */
export let player = null;
let shown = "";

/** The address that a group's audio is asked with. @param {Group} of */
export const query = (of) => (of.song ? `?song=${of.song}&start=${of.start}&end=${of.end}` : "");

/** The player for this rate; the sound card's own where it must be. @param {number} rate */
function playerFor(rate) {
  if (player && player.context.sampleRate === rate) return player;
  if (player) void (/** @type {AudioContext} */ (player.context).close());
  let context;
  try {
    context = new AudioContext({ sampleRate: rate, latencyHint: "interactive" });
  } catch {
    context = new AudioContext({ latencyHint: "interactive" });
  }
  player = new Player(context);
  return player;
}

let lastPlace = "";

// Hear another group, or the same with other takes.
effect(() => {
  const of = group.value;
  const state = of ? `${of.song}|${of.id}|${of.start}|${of.end}|${of.takes.map((take) => take.id).join()}` : "";
  const place = of ? `${of.song}|${of.start}|${of.end}|${of.song ? "" : of.id}` : "";
  if (state === shown) return;
  const moved = place !== lastPlace;
  shown = state;
  lastPlace = place;
  untracked(() => void change(of, state, moved));
});

/** @param {Group | null} of @param {string} state @param {boolean} moved */
async function change(of, state, moved) {
  if (moved) {
    stop();
    for (const name of [...(player?.buffers.keys() ?? [])]) player?.remove(name);
    grown.clear();
    batch(() => {
      loaded.value = new Set();
      heard.value = null;
      levels.value = {};
      chosen.value = SONG;
      difference.value = false;
    });
    player?.subtract("");
  }
  if (!of) return;
  const found = /** @type {Heard | null} */ (await quietly(() => get(`/api/group/${of.id}${query(of)}`)));
  if (!found || state !== shown) return;
  heard.value = found;
  const at = playerFor(found.rate);
  at.setLevels(gains());
  setLoop();
  void measure(of, state);
  for (const name of [SONG, ...found.takes.reverse()]) {
    if (state !== shown) return;
    await load(of, name, state);
  }
}

/** Until levels are measured, all are heard as they are. @param {Group} of @param {string} state */
async function measure(of, state) {
  const found = await quietly(() => get(`/api/levels/${of.id}${query(of)}`));
  if (!found || state !== shown) return;
  levels.value = found;
  player?.setLevels(gains());
}

/** @param {Group} of @param {string} name @param {string} state */
async function load(of, name, state) {
  if (!player || player.buffers.has(name) || !heard.value) return;
  const { samples, rate } = heard.value;
  if (bytes() + 8 * samples > MOST_BYTES && name !== chosen.value) return;
  const answer = await quietly(() => ask(`/api/audio/${of.id}/${name}${query(of)}`));
  if (!answer || state !== shown || !player) return;
  const channels = Number(answer.headers.get("X-Channels"));
  const raw = new Float32Array(await answer.arrayBuffer());
  if (state !== shown || raw.length !== channels * samples) return;
  const buffer = new AudioBuffer({ numberOfChannels: channels, length: samples, sampleRate: rate });
  for (let channel = 0; channel < channels; channel++) {
    buffer.copyToChannel(raw.subarray(channel * samples, (channel + 1) * samples), channel);
  }
  drop(4 * raw.length);
  player.add(name, buffer);
  loaded.value = new Set(player.buffers.keys());
}

// ---- takes that grow -----------------------------------------------------------------------------------------

/** How far each is in the player, by name: its try, and the samples of its region.
 * @type {Map<string, {round: number, came: number}>} */
const grown = new Map();
const fetching = new Set();

effect(() => {
  const names = growing.value.map((each) => each.name);
  if (!loaded.value.has(SONG)) return;
  settle(names);
  untracked(() => names.forEach((name) => void follow(name)));
});

/** Go on with the take where one grew that is chosen, once it can be heard. @param {string[]} names what still grows */
function settle(names) {
  const known = [...grown.keys(), ...(isGrowing(chosen.value) ? [chosen.value] : [])];
  for (const name of new Set(known.filter((each) => !names.includes(each)))) {
    const take = blind.value ? null : becomes(name, group.value, jobs.value);
    const isHeard = chosen.value === name;
    if (isHeard && (take === "" || (take && !loaded.value.has(take)))) continue;
    untracked(() => {
      if (isHeard) choose(take ?? SONG);
      grown.delete(name);
      player?.remove(name);
      loaded.value = new Set(player?.buffers.keys());
    });
  }
}

/** Bring into the player what has come of a take, until no more has. @param {string} name */
async function follow(name) {
  if (fetching.has(name)) return;
  fetching.add(name);
  try {
    while (await grow(name));
  } finally {
    fetching.delete(name);
  }
}

/** Whether there was more of a take, and was brought into the player. @param {string} name */
async function grow(name) {
  const each = growing.value.find((one) => one.name === name);
  const song = player?.buffers.get(SONG);
  const window = heard.value;
  if (!each || !song || !window) return false;
  let buffer = player?.buffers.get(name);
  const known = grown.get(name);
  const from = buffer && known?.round === each.round ? known.came : 0;
  if (from >= each.samples) return false;
  if (!buffer && bytes() + 4 * song.length * song.numberOfChannels > MOST_BYTES && name !== chosen.value) return false;
  const place = lastPlace;
  const audio = await quietly(() => since(each, from));
  if (!audio?.length || place !== lastPlace || !player || !growing.value.some((one) => one.name === name)) return false;
  const holes = each.job.holes.map((hole) => /** @type {[number, number]} */ (hole.map((edge) => edge - window.start)));
  if (!buffer || !from) buffer = emptied(song, holes);
  lay(buffer, audio, each.job.start - window.start + from, holes);
  grown.set(name, { round: each.round, came: from + audio.length });
  player.add(name, buffer);
  loaded.value = new Set(player.buffers.keys());
  return true;
}

const bytes = () =>
  [...(player?.buffers.values() ?? [])].reduce((sum, each) => sum + 4 * each.length * each.numberOfChannels, 0);

/** Make room: the takes that were loaded first go. @param {number} more */
function drop(more) {
  for (const name of [...(player?.buffers.keys() ?? [])]) {
    if (bytes() + more <= MOST_BYTES) return;
    if (name !== SONG && name !== chosen.value) player?.remove(name);
  }
}

const gains = () =>
  new Map(Object.entries(levels.value).map(([name, level]) => [name, matched.value ? (level?.gain ?? 1) : 1]));

function setLoop() {
  if (!player || !heard.value) return;
  const { region, samples } = heard.value;
  if (leadIn.value) player.setLoop(0, samples);
  else player.setLoop(region[0], region[1]);
}

// ---- what keys and buttons do --------------------------------------------------------------------------------

export async function toggle() {
  if (playing.value) return stop();
  if (!player || !heard.value) return;
  await (/** @type {AudioContext} */ (player.context).resume());
  player.chosen = chosen.value;
  player.play();
  playing.value = true;
}

/** Hear this one, whatever is shown as chosen: for tests by ear. @param {string} name */
export function hear(name) {
  player?.choose(name);
}

/** Loop the region alone, for as long as something is tested by ear: around it, levels would tell. @param {boolean} alone */
export function loopRegion(alone) {
  leadIn.value = !alone;
  setLoop();
}

export function stop() {
  player?.stop();
  playing.value = false;
}

/** @param {string} name */
export function choose(name) {
  if (!candidates.value.includes(name) || levels.value[name] === null) return;
  chosen.value = name;
  player?.choose(name);
  const of = group.value;
  if (growing.value.some((each) => each.name === name)) void follow(name);
  else if (of && heard.value) void load(of, name, shown);
}

export function toggleMatched() {
  matched.value = !matched.value;
  player?.setLevels(gains());
}

export function toggleLeadIn() {
  leadIn.value = !leadIn.value;
  setLoop();
}

/** Hear what a take changes, and nothing where it is the song. */
export function toggleDifference() {
  difference.value = !difference.value;
  player?.subtract(difference.value ? SONG : "");
}

/** Go to a sample of the window. @param {number} sample */
export function seek(sample) {
  if (!player || !heard.value) return;
  const [start, end] = player.loop;
  const at = Math.max(start, Math.min(sample, end - 1));
  if (playing.value) player.play(at);
  else player.offset = at;
}

/** Where it is heard, as a sample of the project; null where nothing is. */
export function position() {
  return player && heard.value ? heard.value.start + player.position() : null;
}
