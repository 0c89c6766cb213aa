// Model packs: those that are here, those that can be fetched, and how far that is.
import { html, signal, useEffect, useRef } from "/vendor/vendor.js";
import { get } from "/app/api.js";
import { choosingPacks, doing, lookAtPacks, lookAtRemotes, offers, packs, pull, quietly, remotes } from "/app/state.js";
import { texts } from "/app/texts.js";

const words = texts.packs;

/** @typedef {{name: string, title: string, to_fetch: number, licences: Record<string, string>,
 *   to_accept: string[], memory: string}} Plan */
/** @type {import("/app/types.js").Sig<Plan | null>} */
const plan = signal(null);
/** @type {import("/app/types.js").Sig<Set<string>>} */
const accepted = signal(new Set());

/** @param {number} bytes */
const size = (bytes) =>
  bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : bytes >= 1e6 ? `${Math.round(bytes / 1e6)} MB` : `${Math.ceil(bytes / 1e3)} kB`;

/** @param {string} name */
async function look(name) {
  accepted.value = new Set();
  plan.value = await quietly(() => get(`/api/packs/${name}`));
}

/** @param {{of: Plan}} props */
function Terms({ of }) {
  const turn = (/** @type {string} */ licence) => {
    const now = new Set(accepted.value);
    now.has(licence) ? now.delete(licence) : now.add(licence);
    accepted.value = now;
  };
  const fetch = async () => {
    if (await doing("fetch", { pack: of.name, accept: of.to_accept })) plan.value = null;
  };
  return html`<div class="terms">
    <p><b>${of.title}</b></p>
    <p>${words.fetches(size(of.to_fetch))} ${of.memory}</p>
    ${Object.values(of.licences).map((text) => html`<p class="licence">${text}</p>`)}
    ${of.to_accept.map(
      (licence) => html`<p><label class="check"><input type="checkbox" checked=${accepted.value.has(licence)}
        onChange=${() => turn(licence)} /> ${words.accept(licence)}</label></p>`,
    )}
    <button class="primary" disabled=${!of.to_accept.every((each) => accepted.value.has(each))} onClick=${fetch}>${words.fetch}</button>
    <button class="quiet" onClick=${() => (plan.value = null)}>${words.back}</button>
  </div>`;
}

/** Which computer makes takes, where there are several. */
function Remotes() {
  const names = Object.keys(remotes.value);
  if (names.length < 2) return null;
  const use = async (/** @type {any} */ event) => {
    await doing("useremote", { remote: event.target.value });
    await lookAtRemotes();
    await lookAtPacks();
  };
  return html`<p><label>${words.made} <select value=${names.find((name) => remotes.value[name])} onChange=${use}>
    ${names.map((name) => html`<option value=${name}>${name === "local" ? words.local : name}</option>`)}</select></label></p>`;
}

/** How far a pull is, also where the list is closed. */
export function Pulling() {
  const now = pull.value;
  if (now?.state !== "running") return null;
  return html`<section class="panel jobs" aria-label=${words.title}><ul><li>
    <span class="what"><b>${now.name}</b></span>
    <span class="line">${now.line}</span>
    <progress max="1" value=${now.fraction} aria-label=${now.name}></progress>
    <button class="quiet" onClick=${() => void doing("stopfetching", {})}>${texts.jobs.cancel}</button></li></ul></section>`;
}

export function Packs() {
  /** @type {{current: HTMLDialogElement | null}} */
  const ref = useRef(null);
  const isOpen = choosingPacks.value;
  useEffect(() => {
    const dialog = /** @type {HTMLDialogElement} */ (ref.current);
    if (isOpen && !dialog.open) {
      dialog.showModal();
      void lookAtRemotes();
    }
    if (!isOpen && dialog.open) dialog.close();
  }, [isOpen]);
  const close = () => {
    choosingPacks.value = false;
    plan.value = null;
  };
  const now = pull.value;
  return html`<dialog ref=${ref} class="packs" aria-label=${words.title} onClose=${close}>
    <h2>${words.title}</h2>
    ${now?.state === "failed" && html`<p class="bad">${now.error?.message} <span class="dim">${now.error?.next_step}</span></p>`}
    ${plan.value
      ? html`<${Terms} of=${plan.value} />`
      : html`<${Remotes} />
          <h3>${words.here}</h3>
          <ul>${packs.value.map((each) => html`<li key=${each.name}><b>${each.name}</b> ${each.version}
            <span class="dim"> ${each.engines.join(", ")} · ${size(each.bytes)} · ${each.licence || each.state}</span></li>`)}</ul>
          <h3>${words.offers}</h3>
          <ul>${offers.value.map((each) => html`<li key=${each.name}><div class="bar"><span class="grow"><b>${each.name}</b>
            <span class="dim"> ${each.title}. ${each.size}. ${each.memory}</span></span>
            <button disabled=${now?.state === "running"} onClick=${() => void look(each.name)}>${words.look}</button></div></li>`)}</ul>`}
    <button onClick=${close}>${texts.close}</button>
  </dialog>`;
}
