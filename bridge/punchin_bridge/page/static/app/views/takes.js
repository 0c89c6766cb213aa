// The takes of the region, to be switched between while they play.
import { html } from "/vendor/vendor.js";
import {
  blind, candidates, choose, chosen, difference, growing, heard, leadIn, levels, loaded, matched, onlyFavourites, player,
  playing, SONG, toggle, toggleDifference, toggleLeadIn, toggleMatched,
} from "/app/audition.js";
import { colour, fitted, peaksOf, wave } from "/app/draw.js";
import { decibels, following } from "/app/format.js";
import { isGrowing } from "/app/growing.js";
import { doing, download, group, jobs, notify } from "/app/state.js";
import { texts } from "/app/texts.js";
import { start } from "/app/views/abx.js";
import { Details } from "/app/views/details.js";
import { useDrawing } from "/app/views/drawing.js";
import { repeatable } from "/app/views/jobs.js";
import { Shape } from "/app/views/shape.js";

const words = texts.takes;
const MOST_HEARD = 16;
const LONG = 118; // seconds: the window ends with its region where the region is longer
const NAMES = { chord: texts.make.chord, drums: texts.make.drums, piano: texts.make.piano };

/** @typedef {import("/app/types.js").Take} Take */

export function Takes() {
  const of = group.value;
  if (!of) return null;
  const window = heard.value;
  const again = repeatable(of.jobs);
  const rate = loaded.value.size ? player?.context.sampleRate : undefined;
  return html`<section class="panel takes" aria-label=${words.title}>
    <div class="bar">
      <h2>${words.title}</h2>
      <span class="grow"></span>
      <button id="play" aria-pressed=${playing.value} disabled=${!loaded.value.has(chosen.value)} onClick=${() => void toggle()}>
        ${playing.value ? words.stop : words.play}<kbd>Space</kbd></button>
      <button aria-pressed=${leadIn.value} title=${words.lead_in_text} onClick=${toggleLeadIn}>${words.lead_in}<kbd>L</kbd></button>
      <button aria-pressed=${matched.value} title=${words.matched_text} onClick=${toggleMatched}>
        ${words.matched}<kbd>M</kbd></button>
      <button aria-pressed=${blind.value} title=${words.blind_text} onClick=${() => (blind.value = !blind.value)}>
        ${words.blind}<kbd>X</kbd></button>
      <button aria-pressed=${difference.value} title=${words.difference_text} disabled=${!of.takes.length} onClick=${toggleDifference}>
        ${words.difference}<kbd>D</kbd></button>
      ${of.takes.some((take) => take.note.favourite) &&
      html`<button aria-pressed=${onlyFavourites.value} title=${words.only_favourites_text}
        onClick=${() => (onlyFavourites.value = !onlyFavourites.value)}>${words.only_favourites}</button>`}
      <button title=${words.abx_text} disabled=${!of.takes.length} onClick=${start}>${words.abx}</button>
      ${again &&
      html`<button title=${texts.jobs.again_text} onClick=${() => void doing("again", { job: again.job })}>
        ${texts.jobs.again}</button>`}
    </div>
    ${of.takes.length > MOST_HEARD && html`<p class="dim">${words.first(MOST_HEARD)}</p>`}
    ${rate && window && rate !== window.rate && html`<p class="dim">${words.resampled}</p>`}
    ${window && !window.has_song && html`<p class="dim">${words.no_song}</p>`}
    ${window && window.region[1] === window.samples && window.samples > LONG * window.rate && html`<p class="dim">${words.long}</p>`}
    <div class="list" role="radiogroup" aria-label=${words.title}>
      ${shuffled().map((name, index) => isGrowing(name)
        ? html`<${Grows} key=${name} name=${name} index=${index} />`
        : html`<${Row} key=${name} name=${name} index=${index} />`)}
    </div>
    ${!of.takes.length && !growing.value.length && html`<p class="dim">${words.none}</p>`}
  </section>`;
}

/** In blind mode the order says nothing; it is drawn once for each set of names. */
function shuffled() {
  const names = candidates.value;
  if (!blind.value) return names;
  const key = names.join();
  if (drawn.key !== key) {
    const mixed = [...names];
    for (let i = mixed.length - 1; i > 0; i--) {
      const j = crypto.getRandomValues(new Uint32Array(1))[0] % (i + 1);
      [mixed[i], mixed[j]] = [mixed[j], mixed[i]];
    }
    drawn = { key, names: mixed };
  }
  return drawn.names;
}
let drawn = { key: "", names: /** @type {string[]} */ ([]) };

/** The name at a key's number, as it is shown. @param {number} index */
export const nameAt = (index) => shuffled()[index];

/** The shown name before or after the chosen one. @param {number} by */
export function neighbour(by) {
  const names = shuffled();
  return names[(names.indexOf(chosen.value) + by + names.length) % names.length];
}

/** @param {{name: string, index: number}} props */
function Row({ name, index }) {
  const of = group.value;
  const take = of?.takes.find((each) => each.id === name);
  const isBlind = blind.value;
  const level = levels.value[name];
  const numbered = take && of ? words.take(of.takes.indexOf(take) + 1) : words.song;
  const title = isBlind ? words.letter(index) : take?.note.name || numbered;
  const isChosen = chosen.value === name;
  return html`<div class="take ${isChosen ? "chosen" : ""}" data-take=${isBlind ? "" : name}>
    <button class="pick" role="radio" aria-checked=${isChosen} tabindex=${isChosen ? 0 : -1} onClick=${() => choose(name)}>
      <kbd>${index < 10 ? index : ""}</kbd>
      <span class="name"><b>${title}</b>${!isBlind && html`<span class="dim"> ${take ? about(take) : ""}</span>`}</span>
      ${!isBlind && html`<span class="dim level">${said(name, level)}</span>`}
      ${isBlind ? html`<span class="mini"></span>` : html`<${Mini} name=${name} isTake=${!!take} />`}
    </button>
    ${take && !isBlind && html`<${Star} take=${take} />`}
    ${take && !isBlind && html`<${Does} take=${take} />`}
    ${take && !isBlind && isChosen && html`<${Details} take=${take} />`}
  </div>`;
}

/** A take that grows: heard like the others, as far as it has come. @param {{name: string, index: number}} props */
function Grows({ name, index }) {
  const here = growing.value.find((each) => each.name === name);
  if (!here) return null;
  const isChosen = chosen.value === name;
  const { start, end, rate } = here.job;
  return html`<div class="take growing ${isChosen ? "chosen" : ""}" data-growing=${name} title=${words.raw_text}>
    <button class="pick" role="radio" aria-checked=${isChosen} tabindex=${isChosen ? 0 : -1} onClick=${() => choose(name)}>
      <kbd>${index < 10 ? index : ""}</kbd>
      <span class="name"><b>${words.preview(here.take + 1)}</b>
        <span class="dim"> ${words.came(here.samples / rate, (end - start) / rate)}</span></span>
      <span class="dim level">${words.raw}</span>
      <${Shape} shape=${here.shape} />
    </button>
  </div>`;
}

/** @param {Take} take */
const about = (take) =>
  [take.to || following(take.follows, NAMES) || words.free, differing(take), words.seed(take.seed)].filter(Boolean).join(" · ");

/** The values of a take that are not those of all takes here. @param {Take} take */
const differing = (take) =>
  Object.entries(take.values)
    .filter(([name, value]) => group.value?.takes.some((each) => each.values[name] !== value))
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");

/** @param {string} name @param {{lufs: number | null, gain: number} | null | undefined} level */
function said(name, level) {
  if (level === null) return words.missing;
  if (!loaded.value.has(name)) return heard.value?.takes.includes(name) || name === SONG ? words.loading : "";
  if (!level) return heard.value?.takes.includes(name) || name === SONG ? "" : words.unmatched;
  if (level.lufs === null) return words.silent;
  return `${words.lufs(level.lufs)} · ${words.gain(matched.value ? decibels(level.gain) : 0)}`;
}

/** @param {{take: Take}} props */
function Star({ take }) {
  const is = !!take.note.favourite;
  return html`<button class="star quiet" aria-pressed=${is} aria-label=${words.favourite} title=${words.favourite}
    onClick=${() => void doing("write", { take: take.id, favourite: !is })}>${is ? "★" : "☆"}</button>`;
}

/** @param {string} path */
async function copied(path) {
  await navigator.clipboard.writeText(path);
  notify(words.copied);
}

/** What can be done with a take. @param {{take: Take}} props */
function Does({ take }) {
  const of = group.value;
  const job = jobs.value.find((each) => each.job === take.job);
  const use = async () => {
    if (await doing("use", { job: take.job, take: take.index })) notify(words.used);
  };
  const save = async () => {
    const done = await doing("save", { take: take.id });
    if (!done) return;
    const file = done.path.split(/[\\/]/).at(-1);
    notify(words.saved(file), { title: done.path, action: { text: words.copy, do: () => void copied(done.path) } });
  };
  const bin = async () => {
    const done = await doing("bin", { take: take.id });
    const restore = { text: words.restore, do: () => void doing("restore", { song: of?.song, file: done.file }) };
    if (done) notify(words.binned(done.file), { action: restore });
  };
  return html`<span class="does">
    ${job?.uses && html`<button class="primary" onClick=${use}>${words.use}</button>`}
    ${of?.song && html`<button class="primary" onClick=${save}>${words.save}</button>`}
    <button class="quiet" onClick=${() => void doing("show", { take: take.id })}>${words.show}</button>
    <button class="quiet" onClick=${() => void copied(take.path)}>${words.copy}</button>
    <button class="quiet" onClick=${() => void download(`/api/file/${take.id}`, take.file)}>${words.download}</button>
    ${of?.song && html`<button class="quiet" onClick=${bin}>${words.bin}</button>`}
  </span>`;
}

/** The largest sample of all that can be heard, as loud as it is heard: small waveforms share its scale. */
const loudest = () => {
  const known = Object.values(levels.value).flatMap((each) => (each ? [each.peak * (matched.value ? each.gain : 1)] : []));
  return known.length ? Math.max(1e-3, ...known) : 1;
};

/** A small waveform of what is heard; what the take fills stands out. @param {{name: string, isTake: boolean}} props */
function Mini({ name, isTake }) {
  const ref = useDrawing((canvas) => {
    const { to, width, height } = fitted(canvas);
    const buffer = loaded.value.has(name) ? player?.buffers.get(name) : undefined;
    const window = heard.value;
    if (!buffer || !window) return;
    const gain = (matched.value ? (levels.value[name]?.gain ?? 1) : 1) / loudest();
    const [left, right] = window.region.map((each) => (each / window.samples) * width);
    to.fillStyle = colour(canvas, "region");
    to.fillRect(left, 0, right - left, height);
    const peaks = peaksOf(buffer, 0, buffer.length, Math.max(1, Math.round(width)));
    wave(to, peaks, 0, width, 0, height, colour(canvas, "wave"), gain);
    if (!isTake) return;
    to.save();
    to.beginPath();
    to.rect(left, 0, right - left, height);
    to.clip();
    wave(to, peaks, 0, width, 0, height, colour(canvas, "accent"), gain);
    to.restore();
  }, [name]);
  return html`<canvas class="mini" ref=${ref} aria-hidden="true"></canvas>`;
}
