// Jobs at work, of the page and of all DAWs, as they go.
import { html } from "/vendor/vendor.js";
import { choose } from "/app/audition.js";
import { nameOf } from "/app/growing.js";
import { dismissed, doing, jobs, seats, showJob, unheard, working } from "/app/state.js";
import { texts } from "/app/texts.js";
import { Shape } from "/app/views/shape.js";

const words = texts.jobs;

/** @typedef {import("/app/types.js").Job} Job */

export function Jobs() {
  if (!working.value.length && !unheard.value.length) return null;
  return html`<section class="panel jobs" aria-label=${words.title}>
    <ul>
      ${unheard.value.map((job) => html`<${Ready} key=${job.job} job=${job} />`)}
      ${working.value.map((job) => html`<${Row} key=${job.job} job=${job} />`)}
    </ul>
    ${seats.value.line && html`<p class="dim seats" aria-live="polite">${seats.value.line}</p>`}
  </section>`;
}

/** @param {{job: Job}} props */
const What = ({ job }) =>
  html`<span class="what"><b>${job.track}</b>
    <span class="dim"> ${job.place}${job.host.startsWith("page-") ? "" : ` · ${job.program}`}</span></span>`;

/** Takes that nobody has looked at yet. @param {{job: Job}} props */
function Ready({ job }) {
  return html`<li data-job=${job.job}><${What} job=${job} /><span class="line">${job.line}</span>
    <button class="primary" onClick=${() => showJob(job)}>${words.listen}</button></li>`;
}

/** @param {string} job */
const dismiss = (job) => (dismissed.value = new Set([...dismissed.value, job]));

/** @param {{job: Job}} props */
function Row({ job }) {
  const failed = job.phase === "failed";
  const seat = seats.value.line && seats.value.jobs.indexOf(job.job) + 1;
  return html`<li class=${failed ? "failed" : ""} data-job=${job.job}>
    <${What} job=${job} />
    <span class="line" aria-live="polite">${failed ? `${words.failed}: ${job.line}` : job.line}
      ${failed && job.error && html` <span class="dim">${job.error.next_step}</span>`}</span>
    ${failed
      ? html`<button class="quiet" title=${words.again_text}
          onClick=${() => void doing("again", { job: job.job })}>${words.again}</button>
          <button class="quiet" aria-label=${texts.errors.dismiss} onClick=${() => dismiss(job.job)}>✕</button>`
      : html`<${Grows} job=${job} /><progress max="1" value=${job.phase === "running" ? job.fraction : 0} aria-label=${job.line}></progress>
          ${seat ? html`<span class="dim">${words.seat(seat)}</span>` : null}
          <span class="dim time">${words.seconds(job.seconds)}</span>
          <button class="quiet" onClick=${() => void doing("stop", { job: job.job })}>${words.cancel}</button>`}
  </li>`;
}

/** The take that came last as far as it came, as a picture, and a way to hear it. @param {{job: Job}} props */
function Grows({ job }) {
  const last = job.previews.filter((each) => each.samples > 0).at(-1);
  if (!last) return null;
  const hear = () => {
    showJob(job);
    choose(nameOf(job.job, last.take));
  };
  return html`<span class="grows"><${Shape} shape=${last.shape} />
    <span class="dim">${words.grows(last.take + 1, last.samples / job.rate, (job.end - job.start) / job.rate)}</span>
    <button class="quiet" onClick=${hear}>${words.hear}</button></span>`;
}

/** The job that takes of a group came from last, if it can be made again. @param {string[]} names */
export const repeatable = (names) =>
  jobs.value.filter(
    (job) => names.includes(job.job) && (job.repeats || (job.host.startsWith("page-") && job.phase !== "failed")),
  ).at(-1);
