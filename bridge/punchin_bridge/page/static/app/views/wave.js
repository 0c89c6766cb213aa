// The song's waveform: bars, chords, what has takes, the region, and where it is heard. Dragging chooses the region.
import { effect, html, signal, useEffect, useRef } from "/vendor/vendor.js";
import { ask } from "/app/api.js";
import { heard, loaded, player, playing, position, seek, SONG } from "/app/audition.js";
import { colour, fill, fitted, peaksOf, wave } from "/app/draw.js";
import { chordName, clock } from "/app/format.js";
import { group, groups, quietly, region, shapes, snapped, song, songId, view } from "/app/state.js";
import { texts } from "/app/texts.js";

/** @typedef {import("/app/types.js").SongDetail} SongDetail */
/** @typedef {{start: number, end: number, low: Float32Array, high: Float32Array}} Shape */

const RULER = 20;
const CHORDS = 20;
const LEAST = 64; // samples that are seen at least
const GRIP = 6; // pixels from an edge within which it is taken

/** @type {import("/app/types.js").Sig<Shape | null>} */
export const shape = signal(null);
/** @type {{start: number, end: number} | null} */
let dragging = null;
const dragged = signal(0);

// ---- what is drawn -------------------------------------------------------------------------------------------

let wanted = "";

/** @param {SongDetail} of @param {{start: number, end: number}} seen @param {number} width */
async function fetchShape(of, seen, width) {
  const key = `${of.id} ${seen.start} ${seen.end} ${width} ${shapes.value}`;
  if (key === wanted) return;
  wanted = key;
  const path = `/api/peaks/${of.id}?from=${seen.start}&to=${seen.end}&px=${width}`;
  const answer = await quietly(() => ask(path));
  if (!answer || key !== wanted) return;
  const both = new Float32Array(await answer.arrayBuffer());
  const count = both.length / 2;
  shape.value = { ...seen, low: both.subarray(0, count), high: both.subarray(count) };
}

/** What is seen: of a DAW's group its window, else what of the song was zoomed to. */
function seen() {
  if (songId.value) return view.value;
  const window = heard.value;
  return window ? { start: window.start, end: window.start + window.samples } : { start: 0, end: 1 };
}

/** @param {HTMLCanvasElement} canvas */
function draw(canvas) {
  const { to, width, height } = fitted(canvas);
  const { start, end } = seen();
  const of = song.value;
  const here = dragging ?? region.value ?? group.value;
  const rate = of?.rate ?? group.value?.rate ?? 44_100;
  const x = (/** @type {number} */ sample) => ((sample - start) / (end - start)) * width;
  const bottom = height - (of?.chords.length ? CHORDS : 0);
  const ink = (/** @type {string} */ name) => colour(canvas, name);

  for (const each of groups.value) {
    if (!of || each.song !== of.id || !each.takes.length) continue;
    to.fillStyle = ink("hole");
    to.fillRect(x(each.start), RULER, Math.max(2, x(each.end) - x(each.start)), 3);
  }
  if (here) {
    to.fillStyle = ink("region");
    to.fillRect(x(here.start), RULER, Math.max(1, x(here.end) - x(here.start)), bottom - RULER);
  }
  const found = peaks(start, end, Math.round(width));
  if (found) {
    const at = x(found.start);
    const gain = fill(found);
    wave(to, found, at, x(found.end) - at, RULER + 4, bottom - RULER - 8, ink("wave"), gain);
    if (here) {
      to.save();
      to.beginPath();
      to.rect(x(here.start), RULER, x(here.end) - x(here.start), bottom - RULER);
      to.clip();
      wave(to, found, at, x(found.end) - at, RULER + 4, bottom - RULER - 8, ink("wave-region"), gain);
      to.restore();
    }
  }
  if (here) {
    to.fillStyle = ink("accent");
    for (const edge of [here.start, here.end]) to.fillRect(x(edge) - 1, RULER, 2, bottom - RULER);
  }
  ruler(to, of, rate, start, end, width, bottom, ink);
  chords(to, of, x, width, bottom, height, ink);
  const at = position();
  if (at !== null && heard.value?.has_song !== undefined) {
    to.fillStyle = ink("ink");
    to.fillRect(x(at), RULER, 1.5, bottom - RULER);
  }
}

/** @param {number} start @param {number} end @param {number} width @returns {Shape | null} */
function peaks(start, end, width) {
  if (songId.value) return song.value ? shape.value : null;
  const buffer = loaded.value.has(SONG) ? player?.buffers.get(SONG) : undefined;
  return buffer ? { start, end, ...peaksOf(buffer, 0, buffer.length, width) } : null;
}

/** @param {CanvasRenderingContext2D} to @param {SongDetail | null} of @param {number} rate @param {number} start
 * @param {number} end @param {number} width @param {number} bottom @param {(name: string) => string} ink */
function ruler(to, of, rate, start, end, width, bottom, ink) {
  const x = (/** @type {number} */ sample) => ((sample - start) / (end - start)) * width;
  to.font = "11px system-ui, sans-serif";
  to.textBaseline = "middle";
  const tick = (/** @type {number} */ at, /** @type {string} */ text) => {
    to.fillStyle = ink("grid");
    to.fillRect(x(at), RULER - 5, 1, bottom - RULER + 5);
    to.fillStyle = ink("dim");
    to.fillText(text, x(at) + 4, RULER / 2);
  };
  if (of && of.bars.length > 1) {
    const each = (of.bars.at(-1) ?? 0) / (of.bars.length - 1);
    const most = Math.max(1, Math.ceil((46 * (end - start)) / width / each));
    const step = most <= 1 ? 1 : 2 ** Math.ceil(Math.log2(most));
    for (let i = 0; i < of.bars.length; i += step) {
      if (of.bars[i] >= start && of.bars[i] <= end) tick(of.bars[i], `${i + 1}`);
    }
    return;
  }
  const steps = [0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800];
  const step = steps.find((each) => (each * rate * width) / (end - start) > 64) ?? 3600;
  for (let t = Math.ceil(start / rate / step) * step; t * rate <= end; t += step) {
    tick(t * rate, clock(t, step < 1 ? 2 : 0));
  }
}

/** @param {CanvasRenderingContext2D} to @param {SongDetail | null} of @param {(sample: number) => number} x
 * @param {number} width @param {number} bottom @param {number} height @param {(name: string) => string} ink */
function chords(to, of, x, width, bottom, height, ink) {
  if (!of?.chords.length) return;
  to.font = "12px system-ui, sans-serif";
  to.textBaseline = "middle";
  let free = -1;
  for (const [start, end, label] of of.chords) {
    const [left, right] = [x(start), x(end)];
    if (right < 0 || left > width) continue;
    to.fillStyle = ink("grid");
    to.fillRect(left, bottom, 1, height - bottom);
    const text = chordName(label);
    if (Math.max(left, 0) + 4 < free || right - left < 14) continue;
    to.save();
    to.beginPath();
    to.rect(left, bottom, right - left, height - bottom);
    to.clip();
    to.fillStyle = ink("ink");
    to.fillText(text, Math.max(left, 0) + 4, (bottom + height) / 2);
    to.restore();
    free = Math.max(left, 0) + 4 + to.measureText(text).width;
  }
}

// ---- what the mouse does -------------------------------------------------------------------------------------

/** @param {HTMLCanvasElement} canvas @param {number} clientX */
function sampleAt(canvas, clientX) {
  const box = canvas.getBoundingClientRect();
  const { start, end } = seen();
  return start + ((clientX - box.left) / box.width) * (end - start);
}

/** @param {PointerEvent} event */
function press(event) {
  const canvas = /** @type {HTMLCanvasElement} */ (event.currentTarget);
  if (event.button !== 0) return;
  const at = sampleAt(canvas, event.clientX);
  const of = song.value;
  if (!of || event.offsetY < RULER) return hearFrom(at);
  canvas.setPointerCapture(event.pointerId);
  const near = ((seen().end - seen().start) / canvas.clientWidth) * GRIP;
  const here = region.value;
  let anchor = at;
  if (here && Math.abs(at - here.start) < near) anchor = here.end;
  else if (here && Math.abs(at - here.end) < near) anchor = here.start;
  const began = event.clientX;
  let moved = anchor !== at;
  canvas.onpointermove = (move) => {
    moved ||= Math.abs(move.clientX - began) > 3;
    if (!moved) return;
    dragging = snapped(of, anchor, sampleAt(canvas, move.clientX), move.altKey);
    dragged.value += 1;
  };
  canvas.onpointerup = canvas.onpointercancel = () => {
    canvas.onpointermove = canvas.onpointerup = canvas.onpointercancel = null;
    const made = dragging;
    dragging = null;
    if (made) region.value = made;
    else if (!moved) click(of, at);
    dragged.value += 1;
  };
}

/** A click shows the takes that lie there, or hears from there. @param {SongDetail} of @param {number} at */
function click(of, at) {
  const here = region.value;
  const found = groups.value.find((each) => each.song === of.id && each.start <= at && at < each.end);
  if (found && !(here && here.start <= at && at < here.end)) region.value = { start: found.start, end: found.end };
  else hearFrom(at);
}

/** @param {number} at */
function hearFrom(at) {
  if (heard.value) seek(Math.round(at) - heard.value.start);
  dragged.value += 1;
}

/** @param {WheelEvent} event */
function turn(event) {
  const of = song.value;
  if (!of || (!event.ctrlKey && !event.metaKey && Math.abs(event.deltaX) <= Math.abs(event.deltaY))) return;
  event.preventDefault();
  const canvas = /** @type {HTMLCanvasElement} */ (event.currentTarget);
  if (event.ctrlKey || event.metaKey) zoom(Math.exp(event.deltaY / 300), sampleAt(canvas, event.clientX));
  else scroll(event.deltaX / canvas.clientWidth);
}

/** See `factor` times as much, around a sample. @param {number} factor @param {number} [around] */
export function zoom(factor, around) {
  const of = song.value;
  if (!of) return;
  const { start, end } = view.value;
  const middle = around ?? (region.value ? (region.value.start + region.value.end) / 2 : (start + end) / 2);
  const length = Math.min(of.samples, Math.max(LEAST, Math.round((end - start) * factor)));
  const share = Math.min(1, Math.max(0, (middle - start) / (end - start)));
  show(Math.round(middle - share * length), length);
}

/** @param {number} by share of what is seen */
function scroll(by) {
  const { start, end } = view.value;
  show(start + Math.round(by * (end - start)), end - start);
}

/** @param {number} start @param {number} length */
function show(start, length) {
  const total = song.value?.samples ?? length;
  const first = Math.max(0, Math.min(start, total - length));
  view.value = { start: first, end: first + length };
}

/** See the region and as much again around it, or the whole song. @param {boolean} whole */
export function fit(whole) {
  const of = song.value;
  const here = region.value;
  if (!of) return;
  if (whole || !here) view.value = { start: 0, end: of.samples };
  else show(here.start - Math.round((here.end - here.start) / 2), Math.min(of.samples, 2 * (here.end - here.start)));
}

export function Wave() {
  /** @type {{current: HTMLCanvasElement | null}} */
  const ref = useRef(null);
  useEffect(() => {
    const canvas = /** @type {HTMLCanvasElement} */ (ref.current);
    const sized = signal(0);
    const observer = new ResizeObserver(() => (sized.value += 1));
    observer.observe(canvas);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const redraw = () => (sized.value += 1);
    dark.addEventListener("change", redraw);
    canvas.addEventListener("wheel", turn, { passive: false });
    const stopDrawing = effect(() => {
      void sized.value;
      void dragged.value;
      if (song.value && songId.value) {
        void fetchShape(song.value, view.value, Math.max(1, Math.min(4096, Math.round(canvas.clientWidth))));
      }
      draw(canvas);
    });
    let frame = 0;
    const stopMoving = effect(() => {
      cancelAnimationFrame(frame);
      if (!playing.value) return;
      const tick = () => {
        draw(canvas);
        frame = requestAnimationFrame(tick);
      };
      tick();
    });
    return () => {
      observer.disconnect();
      dark.removeEventListener("change", redraw);
      stopDrawing();
      stopMoving();
      cancelAnimationFrame(frame);
    };
  }, []);
  return html`<canvas class="wave" ref=${ref} role="img" aria-label=${texts.song.wave} onPointerDown=${press}></canvas>`;
}
