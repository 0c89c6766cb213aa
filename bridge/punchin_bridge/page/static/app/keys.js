// The keyboard: one table, which also is the help.
import { blind, choose, chosenTake, toggle, toggleDifference, toggleLeadIn, toggleMatched } from "/app/audition.js";
import { doing, helping, punch, song } from "/app/state.js";
import { answer, end, listen, test } from "/app/views/abx.js";
import { texts } from "/app/texts.js";
import { beside } from "/app/views/matrix.js";
import { nameAt, neighbour } from "/app/views/takes.js";
import { fit, zoom } from "/app/views/wave.js";

const does = texts.keys.does;

/** @type {{keys: string[], shown: string, text: string, do: (key: string) => void}[]} */
export const KEYS = [
  { keys: [" "], shown: "Space", text: does.play, do: () => void toggle() },
  {
    keys: [..."0123456789"], shown: "0 … 9", text: does.choose,
    do: (key) => nameAt(+key) && choose(nameAt(+key)),
  },
  { keys: ["ArrowUp"], shown: "↑", text: does.above, do: () => choose(beside(-1, 0) ?? neighbour(-1)) },
  { keys: ["ArrowDown"], shown: "↓", text: does.below, do: () => choose(beside(1, 0) ?? neighbour(1)) },
  { keys: ["ArrowLeft", "ArrowRight"], shown: "← →", text: does.beside, do: (key) => walk(key) },
  { keys: ["l", "L"], shown: "L", text: does.lead_in, do: toggleLeadIn },
  { keys: ["m", "M"], shown: "M", text: does.matched, do: toggleMatched },
  { keys: ["x", "X"], shown: "X", text: does.blind, do: () => (blind.value = !blind.value) },
  { keys: ["d", "D"], shown: "D", text: does.difference, do: toggleDifference },
  { keys: ["f", "F"], shown: "F", text: does.favourite, do: favourite },
  { keys: ["z", "Z"], shown: "Z", text: does.zoom, do: () => zoomed() },
  { keys: ["+", "="], shown: "+", text: does.zoom_in, do: () => zoom(0.5) },
  { keys: ["-"], shown: "−", text: does.zoom_out, do: () => zoom(2) },
  { keys: ["p", "P"], shown: "P", text: does.punch, do: () => song.value && void punch() },
  { keys: ["?"], shown: "?", text: does.help, do: () => (helping.value = !helping.value) },
];

/** @param {string} key */
function walk(key) {
  const found = beside(0, key === "ArrowRight" ? 1 : -1);
  if (found) choose(found);
}

function favourite() {
  const take = chosenTake.value;
  if (take && !blind.value) void doing("write", { take: take.id, favourite: !take.note.favourite });
}

/** Keys of a test by ear, which has nothing else. @type {Record<string, () => void>} */
const TESTING = {
  a: () => listen("a"), b: () => listen("b"), x: () => listen("x"), " ": () => void toggle(),
  ArrowLeft: () => answer("a"), ArrowRight: () => answer("b"), Escape: end,
};

let isNear = false;
function zoomed() {
  isNear = !isNear;
  fit(!isNear);
}

/** Keys count everywhere but in fields, and where they would press a button, not on it. @param {KeyboardEvent} event */
export function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (document.querySelector("dialog[open]")) return; // it has keys of its own
  const at = /** @type {HTMLElement} */ (event.target);
  const writes = at.matches("textarea, select, input:not([type=checkbox], [type=range], [type=file])");
  if (writes) {
    if (event.key === "Escape") at.blur();
    return;
  }
  if (event.key === " " && at.matches("button:not(.pick), input, summary, label")) return;
  if (event.key === "Enter" || (event.key.startsWith("Arrow") && at.matches("input, summary"))) return;
  if (test.value) {
    const does = TESTING[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (does) {
      event.preventDefault();
      does();
    }
    return;
  }
  const found = KEYS.find((each) => each.keys.includes(event.key));
  if (!found) return;
  event.preventDefault();
  found.do(event.key);
}
