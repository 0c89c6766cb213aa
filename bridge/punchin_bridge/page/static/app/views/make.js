// What new takes are made with: what they follow, the knobs that matter, the rest of them, and the button.
import { html, signal, useEffect, useRef } from "/vendor/vendor.js";
import { act } from "/app/api.js";
import { doing, engine, followed, punch, quietly, region, song, songId, take, unfollowed } from "/app/state.js";
import { texts } from "/app/texts.js";
import { Knob, Knobs } from "/app/views/knobs.js";

const words = texts.make;
const CONTROLS = /** @type {const} */ (["chord", "drums", "piano"]);
const KINDS = { chord: "chords", drums: "drums", piano: "piano", tempo: "tempo" };
const ACCEPT = { chord: ".mid,.midi,.smf,.lab,.txt", drums: "audio/*", piano: ".mid,.midi,.smf", tempo: ".mid,.midi,.txt,.beats" };

export function Make() {
  if (!song.value) return null;
  const transfers = engine.value === "transfer";
  return html`<section class="panel make" aria-label=${words.title}>
    <div class="bar">
      <h2>${words.title}</h2>
      <span class="grow"></span>
      <div class="tabs" role="radiogroup" aria-label=${words.title}>
        ${/** @type {const} */ (["inpaint", "transfer"]).map(
          (each) => html`<button role="radio" aria-checked=${engine.value === each} onClick=${() => (engine.value = each)}>
            ${words[each]}</button>`,
        )}
      </div>
    </div>
    <p class="dim">${transfers ? words.transfer_text : words.inpaint_text}</p>
    ${transfers
      ? html`<${Knob} name="to" label=${words.to} hint=${words.to_hint} />
          <${Knob} name="source" label=${words.from} hint=${words.from_hint} />
          <${Knob} name="task" label=${words.task} />`
      : html`<fieldset class="follow"><legend>${words.follow}</legend>
          ${CONTROLS.map((each) => html`<${Follow} key=${each} control=${each} />`)}
          <${Typed} />
          <${Knob} name="chords_from" label=${words.chords_from} />
          <${Knob} name="piano_from" label=${words.piano_from} /></fieldset>`}
    <div class="row"><${Knob} name="takes" label=${words.takes} /><${Knob} name="seed" label=${words.seed} /></div>
    <details>
      <summary>${words.more}</summary>
      <${Knobs} engine=${engine.value} but=${["takes", "seed", "to", "source", "task", "chords_from", "piano_from"]} />
    </details>
    ${transfers && html`<${Sweep} />`}
    <button class="primary big" id="punch" disabled=${!region.value} onClick=${() => void punch()}
      title=${region.value ? "" : words.no_region}>${transfers ? words.transfer_now : words.punch}<kbd>P</kbd></button>
  </section>`;
}

/** A grid of values, all with one seed: its takes are walked through as a matrix. */
function Sweep() {
  const here = region.value;
  const go = (/** @type {Event} */ event) => {
    event.preventDefault();
    const over = String(new FormData(/** @type {HTMLFormElement} */ (event.currentTarget)).get("over") ?? "").trim();
    if (here && over) void doing("sweep", { song: songId.value, ...here, over });
  };
  return html`<form class="typed" onSubmit=${go}>
    <input name="over" type="text" maxlength="500" placeholder=${words.sweep_hint} aria-label=${words.sweep} disabled=${!here} />
    <button class="quiet" disabled=${!here} title=${words.sweep_text}>${words.sweep}</button>
  </form>`;
}

/** @param {{control: "chord" | "drums" | "piano"}} props */
function Follow({ control }) {
  const name = song.value?.follows[control] ?? "";
  const isOn = followed.value.includes(control);
  const turn = () => {
    const off = new Set(unfollowed.value);
    off.has(control) ? off.delete(control) : off.add(control);
    unfollowed.value = off;
  };
  const drop = (/** @type {DragEvent} */ event) => {
    event.preventDefault();
    event.stopPropagation();
    void take(event.dataTransfer?.files ?? [], KINDS[control]);
  };
  const chosen = (/** @type {any} */ event) => {
    void take([...event.target.files], KINDS[control]);
    event.target.value = "";
  };
  return html`<div class="control" data-control=${control} onDrop=${drop}
    onDragOver=${(/** @type {DragEvent} */ e) => e.preventDefault()}>
    <label class="check"><input type="checkbox" checked=${isOn} disabled=${!name} onChange=${turn} /> ${words[control]}</label>
    <span class="file ${name ? "" : "dim"}" title=${name}>${name === "typed" ? words.typed : name || words.drop[control]}</span>
    ${name
      ? html`<button class="quiet" aria-label=${`${words.forget}: ${words[control]}`}
          onClick=${() => void doing("forget", { song: songId.value, what: control })}>✕</button>`
      : html`<label class="quiet button">${words.file}<input class="hidden-file" type="file" accept=${ACCEPT[control]}
          aria-label=${`${words[control]}: ${words.file}`} onChange=${chosen} /></label>`}
  </div>`;
}

/** Chords as they are typed, and what is wrong with them.
 * @type {import("/app/types.js").Sig<{song: string, text: string, wrong: string} | null>} */
const typing = signal(null);

function Typed() {
  const here = region.value;
  const typed = typing.value?.song === songId.value ? typing.value : null;
  const shown = typed?.text ?? song.value?.typed_chords ?? "";
  /** @type {{current: HTMLElement | null}} */
  const sentence = useRef(null);
  useEffect(() => {
    if (typed?.wrong) sentence.current?.scrollIntoView({ block: "nearest" });
  }, [typed?.wrong]);
  const write = (/** @type {any} */ event) => (typing.value = { song: songId.value, text: event.target.value, wrong: "" });
  const set = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!here || !shown.trim()) return;
    const said = { song: songId.value, text: shown, wrong: "" };
    const done = await quietly(() => act("chords", { song: said.song, text: shown, ...here }), (error) => {
      said.wrong = `${error.message} ${error.next_step}`;
    });
    if ((typing.value?.text ?? shown) === shown) typing.value = done ? null : said; // else it was written on meanwhile
  };
  return html`<form class="typed" onSubmit=${set}>
    <input name="chords" type="text" maxlength="2000" placeholder=${words.type_chords} aria-label=${words.type_chords}
      value=${shown} disabled=${!here} onInput=${write}
      aria-invalid=${Boolean(typed?.wrong)} aria-describedby="chords-wrong" />
    <button class="quiet" disabled=${!here}>${words.use_chords}</button>
    <p id="chords-wrong" ref=${sentence} class="bad" role="alert">${typed?.wrong}</p>
  </form>`;
}
