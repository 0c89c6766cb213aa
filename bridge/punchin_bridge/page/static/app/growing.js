// Takes while they grow: which there are, and what has come of them, laid into the song where it is heard.
import { ask } from "/app/api.js";

/** @typedef {import("/app/types.js").Group} Group */
/** @typedef {import("/app/types.js").Job} Job */
/** @typedef {import("/app/types.js").Preview & {name: string, job: Job}} Growing */

const WORKING = ["preparing", "queued", "running"];

const KIND = "preview ";

/** What a take is called in the player while it grows. @param {string} job @param {number} take */
export const nameOf = (job, take) => `${KIND}${job} ${take}`;

/** @param {string} name */
export const isGrowing = (name) => name.startsWith(KIND);

/** The takes of a group that grow. @param {Group | null} of @param {Job[]} jobs @returns {Growing[]} */
export const growingOf = (of, jobs) =>
  jobs
    .filter((job) => of?.jobs.includes(job.job))
    .flatMap((job) => job.previews.map((each) => ({ ...each, name: nameOf(job.job, each.take), job })));

/** The take that a preview has become; "" while it is not there yet, null where none will come.
 * @param {string} name @param {Group | null} of @param {Job[]} jobs */
export function becomes(name, of, jobs) {
  const [, id, take] = name.split(" ");
  const job = jobs.find((each) => each.job === id);
  if (!job || !of?.jobs.includes(id) || ["failed", "cancelled", "dropped"].includes(job.phase)) return null;
  if (WORKING.includes(job.phase)) return "";
  const path = job.takes[Number(take)]?.path;
  return of.takes.find((each) => each.path === path)?.id ?? "";
}

/** What has come from sample `from` of the region on; nothing where that preview is gone. @param {Growing} of
 * @param {number} from */
export async function since(of, from) {
  const answer = await ask(`/api/preview/${of.job.job}/${of.take}?round=${of.round}&from=${from}`);
  return new Float32Array(await answer.arrayBuffer());
}

/** The song with silence where a take will be. @param {AudioBuffer} song @param {[number, number][]} holes samples */
export function emptied(song, holes) {
  const { numberOfChannels, length, sampleRate } = song;
  const buffer = new AudioBuffer({ numberOfChannels, length, sampleRate });
  for (let channel = 0; channel < numberOfChannels; channel++) {
    const data = song.getChannelData(channel).slice();
    for (const [start, end] of holes) data.fill(0, Math.max(0, start), Math.max(0, end));
    buffer.copyToChannel(data, channel);
  }
  return buffer;
}

/** Lay mono audio into a buffer from sample `at` on, where a take will be. @param {AudioBuffer} buffer
 * @param {Float32Array} audio @param {number} at @param {[number, number][]} holes samples */
export function lay(buffer, audio, at, holes) {
  for (const [start, end] of holes) {
    const [first, last] = [Math.max(0, start, at), Math.min(buffer.length, end, at + audio.length)];
    if (first >= last) continue;
    const part = audio.slice(first - at, last - at);
    for (let channel = 0; channel < buffer.numberOfChannels; channel++) buffer.copyToChannel(part, channel, first);
  }
}
