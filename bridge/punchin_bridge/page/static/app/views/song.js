// The song: its waveform, its region in bars or seconds, its tempo.
import { html } from "/vendor/vendor.js";
import { clock } from "/app/format.js";
import { doing, group, groups, nearest, region, snapped, song, songId } from "/app/state.js";
import { texts } from "/app/texts.js";
import { fit, Wave, zoom } from "/app/views/wave.js";

const words = texts.song;

export function Song() {
  const of = song.value;
  const here = group.value;
  return html`<section class="panel song" aria-label=${words.label}>
    <div class="bar">
      <h2>${of?.name ?? here?.title}</h2>
      ${!songId.value && here && html`<span class="dim">${here.program}</span>`}
      ${of && html`<${History} />`}
      ${of ? html`<${Region} />` : here && html`<span class="dim">${here.place}</span>`}
      <span class="grow"></span>
      ${of && html`<${Tempo} key=${of.id} />`}
    </div>
    <${Wave} />
    ${of &&
    html`<div class="bar under">
      <span class="dim">${here ? "" : words.drag}</span>
      <span class="grow"></span>
      <button class="quiet" onClick=${() => zoom(0.5)}>${words.zoom_in}</button>
      <button class="quiet" onClick=${() => zoom(2)}>${words.zoom_out}</button>
      <button class="quiet" disabled=${!region.value} onClick=${() => fit(false)}>${words.zoom_region}</button>
      <button class="quiet" onClick=${() => fit(true)}>${words.fit}</button>
    </div>`}
  </section>`;
}

/** Regions that have takes, for who comes back to a song. */
function History() {
  const here = groups.value.filter((each) => each.song === songId.value && each.takes.length);
  if (!here.length) return null;
  const go = (/** @type {any} */ event) => {
    const found = here.find((each) => each.id === event.target.value);
    if (found) region.value = { start: found.start, end: found.end };
  };
  return html`<select aria-label=${words.history} value=${group.value?.id ?? ""} onChange=${go}>
    ${!here.some((each) => each.id === group.value?.id) && html`<option value=${group.value?.id ?? ""}>${words.history}</option>`}
    ${here.map((each) => html`<option key=${each.id} value=${each.id}>${each.place} (${each.takes.length})</option>`)}
  </select>`;
}

/** The region as numbers: for hands that do not drag. */
function Region() {
  const of = song.value;
  if (!of) return null;
  const here = region.value;
  if (of.bars.length > 1) {
    const count = of.bars.length - 1;
    const first = here ? nearest(of.bars, here.start) + 1 : "";
    const last = here ? nearest(of.bars, here.end) : "";
    const set = (/** @type {number} */ from, /** @type {number} */ to) => {
      const begin = Math.min(count, Math.max(1, from || 1));
      const end = Math.min(count, Math.max(begin, to || begin));
      region.value = { start: of.bars[begin - 1], end: of.bars[end] };
    };
    return html`<span class="fields">
      <label>${words.bars}
        <input class="short" id="region-first" type="number" min="1" max=${count} value=${first}
          onChange=${(/** @type {any} */ e) => set(+e.target.value, Math.max(+last, +e.target.value))} /></label>
      <label>${words.to}
        <input class="short" id="region-last" type="number" min="1" max=${count} value=${last}
          onChange=${(/** @type {any} */ e) => set(Math.min(+first || 1, +e.target.value), +e.target.value)} /></label>
      ${here && html`<span class="dim">${clock(here.start / of.rate)} – ${clock(here.end / of.rate)}</span>`}
    </span>`;
  }
  const set = (/** @type {number} */ from, /** @type {number} */ to) => {
    region.value = snapped(of, from * of.rate, to * of.rate, true);
  };
  const [first, last] = here ? [here.start / of.rate, here.end / of.rate] : [0, 0];
  return html`<span class="fields">
    <label>${words.seconds}
      <input class="number" id="region-first" type="number" min="0" step="0.01" value=${here ? first.toFixed(3) : ""}
        onChange=${(/** @type {any} */ e) => set(+e.target.value, Math.max(last, +e.target.value + 0.1))} /></label>
    <label>${words.to}
      <input class="number" id="region-last" type="number" min="0" step="0.01" value=${here ? last.toFixed(3) : ""}
        onChange=${(/** @type {any} */ e) => set(Math.min(first, +e.target.value - 0.1), +e.target.value)} /></label>
  </span>`;
}

function Tempo() {
  const of = song.value;
  if (!of) return null;
  const set = (/** @type {Event} */ event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    const said = (/** @type {string} */ name) => Number(form.get(name));
    if (said("bpm") > 0) {
      void doing("tempo", { song: songId.value, bpm: said("bpm"), downbeat: said("downbeat"), beats: said("beats") });
    } else void doing("forget", { song: songId.value, what: "tempo" });
  };
  const bpm = of.bpm ? String(Math.round(of.bpm * 1000) / 1000) : "";
  return html`<form class="fields" key=${of.revision} onSubmit=${set} title=${of.bpm ? "" : words.no_tempo}>
    <label>${words.tempo}
      <input class="number" name="bpm" type="number" min="0" max="999" step="any" value=${bpm} placeholder=${words.bpm} />
    </label>
    <label class="wide-only">${words.downbeat}
      <input class="number" name="downbeat" type="number" step="any" value=${Math.round(of.downbeat * 1e4) / 1e4} /></label>
    <label class="wide-only">
      <input class="short" name="beats" type="number" min="1" max="32" value=${of.beats} /> ${words.beats}</label>
    <button class="quiet">${words.set}</button>
  </form>`;
}
