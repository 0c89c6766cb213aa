// Every parameter, from the bridge's one table: a fader where it has one, a field, a choice. Surfaces move the same ones.
import { html } from "/vendor/vendor.js";
import { doing, knobs, packs, session } from "/app/state.js";
import { texts } from "/app/texts.js";

/** @param {string} name */
export const parameter = (name) => session.value?.parameters.find((each) => each.name === name);

/** @param {string} name @param {any} value */
const set = (name, value) => void doing("turn", { name, value });

/** @param {{name: string, label?: string, hint?: string}} props */
export function Knob({ name, label, hint }) {
  const of = parameter(name);
  const knob = knobs.value[name];
  if (!of || !knob) return null;
  const id = `knob-${name}`;
  const shown = label ?? name.replaceAll("_", " ");
  return html`<div class="knob ${knob.touched ? "touched" : ""}" title=${`${of.text} ${of.range}`}>
    <label for=${id}>${shown}</label>
    ${of.stops.length
      ? html`<select id=${id} value=${String(knob.value)}
          onChange=${(/** @type {any} */ e) => set(name, of.stops.find((/** @type {any} */ each) => String(each) === e.target.value))}>
          ${of.stops.map((/** @type {any} */ each) => html`<option value=${String(each)}>${each}</option>`)}
        </select>`
      : of.type === "str"
        ? html`<input id=${id} type="text" list=${name === "pack" ? "packs" : undefined} value=${knob.value} placeholder=${hint ?? of.unsaid} maxlength="200"
            onChange=${(/** @type {any} */ e) => set(name, e.target.value)} />`
        : html`<${Number_} of=${of} knob=${knob} id=${id} />`}
  </div>`;
}

/** @param {{of: any, knob: any, id: string}} props */
function Number_({ of, knob, id }) {
  const unsaid = of.unsaid && !knob.touched && knob.value === of.default && of.default < (of.low ?? -Infinity);
  const change = (/** @type {any} */ e) => {
    if (e.target.value === "") return set(of.name, of.default);
    set(of.name, +e.target.value);
  };
  return html`<span class="number-knob">
    ${of.ends &&
    html`<input type="range" min="0" max="1" step="any" tabindex="-1" aria-hidden="true" value=${knob.normalized ?? 0}
      onInput=${(/** @type {any} */ e) => set(of.name, plain(of, +e.target.value))} />`}
    <input id=${id} class="number" type="number" step=${of.type === "int" ? 1 : "any"} min=${of.low} max=${of.high}
      value=${unsaid ? "" : round(knob.value)} placeholder=${of.unsaid} onChange=${change} />
    ${of.unit && html`<span class="dim">${of.unit}</span>`}
  </span>`;
}

/** The plain value of a place of a fader, as the table says. @param {any} of @param {number} at */
function plain(of, at) {
  const [low, high] = of.ends;
  const value = of.log ? low * (high / low) ** at : low + (high - low) * at;
  return of.type === "int" ? Math.round(value) : Math.min(high, Math.max(low, value));
}

/** @param {any} value */
const round = (value) => (typeof value === "number" ? Math.round(value * 1000) / 1000 : value);

/** All parameters of an engine but those that are shown elsewhere. @param {{engine: string, but: string[]}} props */
export function Knobs({ engine, but }) {
  const method = knobs.value.method?.value;
  const shown = (session.value?.parameters ?? []).filter(
    (each) =>
      each.engines.includes(engine) && !but.includes(each.name) && (!each.methods.length || each.methods.includes(method)),
  );
  return html`<div class="knobs">
    ${shown.map((each) => html`<${Knob} key=${each.name} name=${each.name} />`)}
    <datalist id="packs">${packs.value.map((each) => html`<option value=${each.name} />`)}</datalist>
    <button class="quiet" type="button" onClick=${() => void doing("reset", {})}>${texts.make.reset}</button>
  </div>`;
}
