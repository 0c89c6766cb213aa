// What is known of a take, and what the musician writes down about it.
import { html } from "/vendor/vendor.js";
import { doing, packs } from "/app/state.js";
import { texts } from "/app/texts.js";

const words = texts.details;

/** @typedef {import("/app/types.js").Take} Take */

/** @param {{take: Take}} props */
export function Details({ take }) {
  const write = (/** @type {Record<string, unknown>} */ what) => void doing("write", { take: take.id, ...what });
  const pack = packs.value.find((each) => each.name === (take.models.pack ?? "").split(" ")[0]);
  const made = /** @type {[string, string][]} */ ([
    [words.created, take.created.replace("T", " ")],
    [words.seed, String(take.seed)],
    [words.text, take.text],
    [words.pack, take.models.pack ?? ""],
    [words.licence, pack?.licence ?? ""],
    ...Object.entries(take.models).filter(([name]) => name !== "pack" && !name.startsWith("sha256")).map(([name, value]) => [name, String(value)]),
    [words.file, take.path],
  ]);
  return html`<details class="about"><summary>${words.title}</summary>
    <div class="fields">
      <label>${words.name} <input type="text" maxlength="200" value=${take.note.name ?? ""}
        onChange=${(/** @type {any} */ e) => write({ name: e.target.value })} /></label>
      <label class="grow">${words.comment} <input class="wide" type="text" maxlength="2000" value=${take.note.comment ?? ""}
        onChange=${(/** @type {any} */ e) => write({ comment: e.target.value })} /></label>
    </div>
    ${(take.note.report ?? []).length > 0 && html`<h3>${words.report}</h3><${Rows} rows=${take.note.report ?? []} />`}
    <h3>${words.recipe}</h3><${Rows} rows=${made.filter(([, value]) => value)} />
  </details>`;
}

/** @param {{rows: [string, string][]}} props */
const Rows = ({ rows }) =>
  html`<table><tbody>${rows.map(([name, value]) => html`<tr><th scope="row">${name}</th><td>${value}</td></tr>`)}</tbody></table>`;
