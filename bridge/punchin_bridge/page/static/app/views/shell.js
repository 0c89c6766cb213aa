// The page as a whole: what is open, what is shown, what went wrong.
import { html, useEffect, useRef } from "/vendor/vendor.js";
import { KEYS } from "/app/keys.js";
import {
  choosingPacks, dawGroup, dawGroups, dismiss, group, helping, hosts, link, notices, showGroup, showSong, song, songId, songs, take, uploads,
} from "/app/state.js";
import { texts } from "/app/texts.js";
import { Abx, test } from "/app/views/abx.js";
import { Jobs } from "/app/views/jobs.js";
import { Make } from "/app/views/make.js";
import { Packs, Pulling } from "/app/views/packs.js";
import { Matrix } from "/app/views/matrix.js";
import { Notes } from "/app/views/notes.js";
import { Seams } from "/app/views/seams.js";
import { Song } from "/app/views/song.js";
import { Takes } from "/app/views/takes.js";

export function Shell() {
  if (link.value === "refused") return html`<${Refused} />`;
  const shows = songId.value || group.value;
  return html`<${Header} />
    <main>
      <${Jobs} />
      <${Pulling} />
      ${shows
        ? html`<${Song} />
            <div class=${songId.value ? `columns ${group.value?.takes.length ? "heard" : ""}` : ""}>
              <div>${test.value ? html`<${Abx} />` : html`<${Takes} /><${Matrix} /><${Seams} /><${Notes} />`}</div>
              ${song.value && html`<${Make} />`}
            </div>`
        : html`<${Welcome} />`}
    </main>
    <${Notices} />
    <${Help} />
    <${Packs} />`;
}

function Header() {
  const shown = songId.value || dawGroup.value;
  const pick = (/** @type {any} */ event) => {
    const [kind, id] = event.target.value.split(" ");
    if (kind === "song") showSong(id);
    else if (kind === "group") showGroup(id);
  };
  return html`<header>
    <h1>${texts.brand}</h1>
    ${(songs.value.length > 0 || dawGroups.value.length > 0) &&
    html`<select aria-label=${texts.song.label} value=${songId.value ? `song ${shown}` : `group ${shown}`} onChange=${pick}>
      ${!shown && html`<option value="group ">…</option>`}
      ${songs.value.map((each) => html`<option key=${each.id} value=${`song ${each.id}`}>${each.name}</option>`)}
      ${dawGroups.value.length > 0 &&
      dawGroups.value.map(
        (each) => html`<option key=${each.id} value=${`group ${each.id}`}>${each.program}: ${each.title}, ${each.place}</option>`,
      )}
    </select>`}
    <${Choose} text=${texts.open_song} />
    <span class="grow"></span>
    ${hosts.value.map((each) => html`<span class="chip" key=${each.host} title=${each.host}>${each.program}${each.project ? ` · ${each.project}` : ""}</span>`)}
    ${link.value === "gone" && html`<span class="chip bad" role="status">${texts.gone}</span>`}
    <button class="quiet" onClick=${() => (choosingPacks.value = true)}>${texts.packs.title}</button>
    <button class="quiet" aria-pressed=${helping.value} onClick=${() => (helping.value = !helping.value)}>${texts.help}<kbd>?</kbd></button>
  </header>`;
}

/** A button that opens a file. @param {{text: string, big?: boolean}} props */
function Choose({ text, big }) {
  const chosen = (/** @type {any} */ event) => {
    void take([...event.target.files], "song");
    event.target.value = "";
  };
  return html`<label class="button ${big ? "primary big" : ""}">${text}<input class="hidden-file" type="file" accept="audio/*"
    aria-label=${text} onChange=${chosen} /></label>`;
}

function Welcome() {
  const words = texts.welcome;
  return html`<section class="welcome">
    <svg viewBox="0 0 120 40" aria-hidden="true"><g stroke-width="3" stroke-linecap="round">
      <path class="w" d="M6 16v8M14 12v16M22 8v24M30 14v12M90 13v14M98 7v26M106 13v14M114 17v6" />
      <path class="a" d="M40 6v28M48 12v16M56 3v34M64 10v20M72 5v30M80 13v14" /></g></svg>
    <h2>${words.title}</h2>
    <p><b>${words.drop}</b> <span class="dim">${words.formats}</span></p>
    <${Choose} text=${words.choose} big />
    <p class="dim">${words.daw}</p>
    <p class="dim">${words.folders}</p>
  </section>`;
}

function Refused() {
  const words = texts.refused;
  return html`<main class="refused"><section class="welcome" role="alert"><h2>${words.title}</h2><p>${words.text}</p>
    <pre>${words.command}</pre></section></main>`;
}

function Notices() {
  return html`<div class="notices" role="status" aria-live="polite">
    ${uploads.value.map((each) => html`<div class="notice" key=${each.name}>
      ${texts.waiting.uploading(each.name, each.share)}<progress max="1" value=${each.share}></progress></div>`)}
    ${notices.value.slice(-1).map((each) => html`<${Notice} key=${each.id} of=${each} hidden=${notices.value.length - 1} />`)}
  </div>`;
}

/** The last notice; those before it come back when it is read: together they would cover what they are about.
 * @param {{of: typeof notices.value[number], hidden: number}} props */
function Notice({ of, hidden }) {
  const { title, action } = of.more;
  return html`<div class="notice ${of.good ? "good" : "bad"}">
    <span title=${title}>${of.text} ${of.step && html`<span class="dim">${of.step}</span>`}</span>
    ${hidden > 0 && html`<span class="dim count">${texts.errors.more(hidden)}</span>`}
    ${action && html`<button onClick=${() => { action.do(); dismiss(of.id); }}>${action.text}</button>`}
    <button class="quiet" aria-label=${texts.errors.dismiss} onClick=${() => dismiss(of.id)}>✕</button></div>`;
}

function Help() {
  /** @type {{current: HTMLDialogElement | null}} */
  const ref = useRef(null);
  useEffect(() => {
    const dialog = /** @type {HTMLDialogElement} */ (ref.current);
    if (helping.value && !dialog.open) dialog.showModal();
    if (!helping.value && dialog.open) dialog.close();
  });
  void helping.value;
  return html`<dialog ref=${ref} aria-label=${texts.keys.title} onClose=${() => (helping.value = false)}>
    <h2>${texts.keys.title}</h2>
    <p class="dim">${texts.keys.note}</p>
    <dl>${KEYS.map((each) => html`<dt><kbd>${each.shown}</kbd></dt><dd>${each.text}</dd>`)}</dl>
    <button onClick=${() => (helping.value = false)}>${texts.close}</button>
  </dialog>`;
}
