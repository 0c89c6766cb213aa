// ABX of the chosen take and the song, or of two takes: what is heard, what is said, and how sure that is.
import { html, signal } from "/vendor/vendor.js";
import { answered, begin, chance } from "/app/abx.js";
import { choose, chosen, chosenTake, hear, loopRegion, order, playing, SONG, toggle } from "/app/audition.js";
import { group } from "/app/state.js";
import { texts } from "/app/texts.js";

const words = texts.abx;
export const MOST_TRIALS = 100;

/** @type {import("/app/types.js").Sig<import("/app/abx.js").Trial | null>} */
export const test = signal(null);
/** @type {import("/app/types.js").Sig<"a" | "b" | "x">} */
const at = signal("x");

/** Begin with the chosen take against the song. */
export function start() {
  const take = chosenTake.value?.id ?? order.value[1];
  if (!take) return;
  choose(take); // not one that grows: it would go over into its take
  test.value = begin(SONG, take);
  loopRegion(true);
  listen("x");
}

export function end() {
  test.value = null;
  loopRegion(false);
  hear(chosen.value);
}

/** @param {"a" | "b" | "x"} which */
export function listen(which) {
  const now = test.value;
  if (!now) return;
  at.value = which;
  hear(now[which === "x" ? now.x : which]);
  if (!playing.value) void toggle().then(() => hear(now[which === "x" ? now.x : which]));
}

/** @param {"a" | "b"} said */
export function answer(said) {
  if (!test.value || test.value.trials >= MOST_TRIALS) return;
  test.value = answered(test.value, said);
  listen("x");
}

/** @param {string} name */
function titled(name) {
  const takes = group.value?.takes ?? [];
  const index = takes.findIndex((take) => take.id === name);
  return index < 0 ? texts.takes.song : texts.takes.take(index + 1);
}

export function Abx() {
  const now = test.value;
  if (!now) return null;
  const names = order.value;
  const compare = (/** @type {"a" | "b"} */ side) => (/** @type {any} */ event) => {
    const other = side === "a" ? now.b : now.a;
    if (event.target.value === other) return;
    test.value = begin(side === "a" ? event.target.value : now.a, side === "b" ? event.target.value : now.b);
    listen("x");
  };
  const key = (/** @type {"a" | "b" | "x"} */ which) =>
    html`<button class=${which === "x" ? "big" : ""} aria-pressed=${at.value === which} onClick=${() => listen(which)}>
      ${words.hear[which]}<kbd>${which.toUpperCase()}</kbd></button>`;
  return html`<section class="panel abx" aria-label=${words.title}>
    <div class="bar"><h2>${words.title}</h2><span class="dim">${words.text}</span><span class="grow"></span>
      <button class="quiet" onClick=${end}>${texts.close}</button></div>
    <div class="bar">
      ${/** @type {const} */ (["a", "b"]).map(
        (side) => html`<label>${side.toUpperCase()}
          <select value=${now[side]} onChange=${compare(side)}>
            ${names.map((name) => html`<option value=${name}>${titled(name)}</option>`)}</select></label>`,
      )}
    </div>
    <div class="bar hearing">${key("a")}${key("x")}${key("b")}</div>
    <div class="bar hearing">
      <button class="primary" onClick=${() => answer("a")}>${words.is_a}<kbd>←</kbd></button>
      <button class="primary" onClick=${() => answer("b")}>${words.is_b}<kbd>→</kbd></button></div>
    <p role="status" aria-live="polite">${words.score(now.hits, now.trials, chance(now.hits, now.trials))}</p>
  </section>`;
}
