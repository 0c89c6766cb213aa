// The notes that are heard in the song and in the chosen take, twelve rows from C up, under the chords.
import { html, signal } from "/vendor/vendor.js";
import { ask } from "/app/api.js";
import { blind, chosenTake, heard, query, SONG } from "/app/audition.js";
import { colour, fitted } from "/app/draw.js";
import { chordName } from "/app/format.js";
import { group, quietly, song } from "/app/state.js";
import { texts } from "/app/texts.js";
import { useDrawing } from "/app/views/drawing.js";

const words = texts.notes;
const LABELS = 18;
const GAP = 4;
const FAINT = 0.08;

/** What was fetched, by address. @type {import("/app/types.js").Sig<Map<string, Float32Array>>} */
const known = signal(new Map());
const opened = signal(false);
const asked = new Set();

/** @param {import("/app/types.js").Group} of @param {string} name */
function chromaOf(of, name) {
  const path = `/api/chroma/${of.id}/${name}${query(of)}`;
  if (!asked.has(path)) {
    asked.add(path);
    void quietly(() => ask(path)).then(async (answer) => {
      if (!answer) return;
      const data = new Float32Array(await answer.arrayBuffer());
      known.value = new Map([...known.peek(), [path, data]]);
    });
  }
  return known.value.get(path);
}

/** @param {CanvasRenderingContext2D} to @param {Float32Array} data @param {number} top @param {number} height
 * @param {number} width @param {string} fill */
function rows(to, data, top, height, width, fill) {
  const frames = data.length / 12;
  to.fillStyle = fill;
  for (let frame = 0; frame < frames; frame++) {
    for (let note = 0; note < 12; note++) {
      const strength = data[12 * frame + note];
      if (strength < FAINT) continue;
      to.globalAlpha = Math.min(1, strength * 1.3);
      to.fillRect((frame / frames) * width, top + ((11 - note) / 12) * height, width / frames + 0.6, height / 12);
    }
  }
  to.globalAlpha = 1;
}

/** @param {HTMLCanvasElement} canvas */
function draw(canvas) {
  const { to, width, height } = fitted(canvas);
  const of = group.value;
  const window = heard.value;
  if (!of || !window) return;
  const each = (height - LABELS - GAP) / 2;
  const x = (/** @type {number} */ sample) => (sample / window.samples) * width;
  to.fillStyle = colour(canvas, "region");
  to.fillRect(x(window.region[0]), LABELS, x(window.region[1]) - x(window.region[0]), height - LABELS);
  const ofSong = chromaOf(of, SONG);
  if (ofSong) rows(to, ofSong, LABELS, each, width, colour(canvas, "wave-region"));
  const ofTake = chosenTake.value ? chromaOf(of, chosenTake.value.id) : undefined;
  if (ofTake) rows(to, ofTake, LABELS + each + GAP, each, width, colour(canvas, "accent"));
  to.font = "12px system-ui, sans-serif";
  for (const [start, end, label] of song.value?.chords ?? []) {
    if (x(end - window.start) < LABELS || x(start - window.start) > width) continue;
    const at = Math.max(0, x(start - window.start));
    to.fillStyle = colour(canvas, "grid");
    to.fillRect(at, 0, 1, height);
    to.fillStyle = colour(canvas, "ink");
    to.fillText(chordName(label), at + 4, 12);
  }
}

function Strip() {
  const ref = useDrawing(draw);
  return html`<canvas class="notes" ref=${ref} role="img" aria-label=${words.text}></canvas>`;
}

export function Notes() {
  if (!group.value || blind.value) return null;
  return html`<section class="panel" aria-label=${words.title}>
    <details open=${opened.value} onToggle=${(/** @type {any} */ e) => (opened.value = e.target.open)}>
      <summary>${words.title} <span class="dim">${words.text}</span></summary>
      ${opened.value && html`<${Strip} />`}
    </details>
  </section>`;
}
