// A sweep's takes as a matrix: those of one seed that differ in one or two values, walked through with the arrow keys.
import { html } from "/vendor/vendor.js";
import { blind, choose, chosen } from "/app/audition.js";
import { group } from "/app/state.js";
import { texts } from "/app/texts.js";

const words = texts.matrix;

/** @typedef {import("/app/types.js").Take} Take */
/** @typedef {{seed: number, rows: [string, string[]], columns: [string, string[]], cells: Map<string, Take>}} Grid */

/** @param {string} row @param {string} column */
const key = (row, column) => `${row}\n${column}`;

/** Numbers by size, all else by letters. @param {string[]} values */
const sorted = (values) => [...new Set(values)].sort((a, b) => parseFloat(a) - parseFloat(b) || a.localeCompare(b));

/** The largest grid among takes: of one seed and one target, over the values in which they differ.
 * @param {Take[]} takes @returns {Grid | null} */
export function gridOf(takes) {
  /** @type {Map<string, Take[]>} */
  const bySeed = new Map();
  for (const take of takes) {
    if (!Object.keys(take.values).length) continue;
    const name = `${take.seed} ${take.to}`;
    bySeed.set(name, [...(bySeed.get(name) ?? []), take]);
  }
  const most = [...bySeed.values()].sort((a, b) => b.length - a.length)[0] ?? [];
  const names = Object.keys(most[0]?.values ?? {});
  const swept = names
    .map((name) => /** @type {[string, string[]]} */ ([name, sorted(most.map((take) => take.values[name] ?? ""))]))
    .filter(([, values]) => values.length > 1)
    .sort((a, b) => b[1].length - a[1].length);
  if (!swept.length || swept.length > 2) return null;
  const [columns, rows = /** @type {[string, string[]]} */ (["", [""]])] = swept;
  const cells = new Map(most.map((take) => [key(take.values[rows[0]] ?? "", take.values[columns[0]]), take]));
  return { seed: most[0].seed, rows, columns, cells };
}

/** The take beside the chosen one, by rows and columns; null where no grid is shown or it lies outside.
 * @param {number} down @param {number} right @returns {string | null} */
export function beside(down, right) {
  const grid = blind.value ? null : gridOf(group.value?.takes ?? []);
  const here = [...(grid?.cells ?? [])].find(([, take]) => take.id === chosen.value);
  if (!grid || !here) return null;
  const [row, column] = here[0].split("\n");
  const next = key(grid.rows[1][grid.rows[1].indexOf(row) + down], grid.columns[1][grid.columns[1].indexOf(column) + right]);
  return grid.cells.get(next)?.id ?? null;
}

export function Matrix() {
  const grid = blind.value ? null : gridOf(group.value?.takes ?? []);
  if (!grid) return null;
  const [rowName, rows] = grid.rows;
  const [columnName, columns] = grid.columns;
  return html`<section class="panel matrix" aria-label=${words.title}>
    <div class="bar"><h2>${words.title}</h2><span class="dim">${words.seed(grid.seed)}. ${words.text}</span></div>
    <table>
      <thead><tr><th scope="col">${rowName} ${rowName && "↓"} ${columnName} →</th>
        ${columns.map((column) => html`<th scope="col">${column}</th>`)}</tr></thead>
      <tbody>${rows.map((row) => html`<tr><th scope="row">${row}</th>
        ${columns.map((column) => html`<td><${Cell} take=${grid.cells.get(key(row, column))} name=${`${rowName} ${row} ${columnName} ${column}`} /></td>`)}
      </tr>`)}</tbody>
    </table>
  </section>`;
}

/** @param {{take: Take | undefined, name: string}} props */
function Cell({ take, name }) {
  if (!take) return html`<span class="dim">…</span>`;
  return html`<button aria-label=${name} aria-pressed=${chosen.value === take.id} onClick=${() => choose(take.id)}>
    ${take.note.favourite ? "★" : "▸"}</button>`;
}
