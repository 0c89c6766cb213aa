// Both seams of the chosen take, 20 ms on either side: the song in grey, the take in colour.
import { html } from "/vendor/vendor.js";
import { blind, chosenTake, heard, loaded, matched, player, SONG } from "/app/audition.js";
import { colour, fitted, largest, line } from "/app/draw.js";
import { group } from "/app/state.js";
import { texts } from "/app/texts.js";
import { useDrawing } from "/app/views/drawing.js";

const REACH = 0.02;
const words = texts.seams;

/** @param {{edge: 0 | 1}} props */
function Seam({ edge }) {
  const ref = useDrawing((canvas) => {
    const { to, width, height } = fitted(canvas);
    void loaded.value;
    const window = heard.value;
    const song = player?.buffers.get(SONG);
    const take = player?.buffers.get(chosenTake.value?.id ?? "");
    if (!window || !song || !take) return;
    const reach = Math.round(REACH * window.rate);
    const at = window.region[edge];
    const scale = largest([song, take], at - reach, at + reach);
    to.fillStyle = colour(canvas, "region");
    if (edge === 0) to.fillRect(width / 2, 0, width / 2, height);
    else to.fillRect(0, 0, width / 2, height);
    line(to, song, at - reach, at + reach, width, height, scale, colour(canvas, "wave"));
    line(to, take, at - reach, at + reach, width, height, scale, colour(canvas, "accent"));
    void matched.value;
  }, [edge]);
  return html`<figure><canvas class="seam" ref=${ref} role="img" aria-label=${edge ? words.right : words.left}></canvas>
    <figcaption class="dim">${edge ? words.right : words.left}</figcaption></figure>`;
}

export function Seams() {
  if (!group.value || blind.value || !chosenTake.value) return null;
  return html`<section class="panel seams" aria-label=${words.title}>
    <div class="bar"><h2>${words.title}</h2></div>
    <div class="pair"><${Seam} edge=${0} /><${Seam} edge=${1} /></div>
  </section>`;
}
