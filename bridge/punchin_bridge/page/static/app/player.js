// Hears one of several buffers at a time, all running in step. Knows no page: the same graph runs offline in tests.

/** Seconds of the ramp from one to the other. Equal gains: where both are the same, nothing is heard of it. */
export const FADE = 0.008;
const AHEAD = 0.05; // from the click to the first sample: what a graph of 17 sources needs to be built

/** @typedef {{source: AudioBufferSourceNode, gain: GainNode, from: number, to: number, at: number}} Voice */

export class Player {
  /** @param {BaseAudioContext} context */
  constructor(context) {
    this.context = context;
    /** @type {Map<string, AudioBuffer>} */
    this.buffers = new Map();
    /** @type {Map<string, number>} */
    this.levels = new Map();
    /** @type {Map<string, Voice>} */
    this.voices = new Map();
    this.chosen = "";
    this.base = ""; // what is heard turned over beside the chosen one: their difference
    this.loop = [0, 0]; // samples of the buffers
    this.startedAt = 0; // context time of sample `offset`
    this.offset = 0;
    this.playing = false;
  }

  /** What is heard, by name, and how loud (linear). What plays goes on. @param {Map<string, number>} levels */
  setLevels(levels) {
    this.levels = levels;
    if (this.playing) this.choose(this.chosen);
  }

  /** Hear this from now on; a buffer of that name that plays goes over into it between two samples.
   * @param {string} name @param {AudioBuffer} buffer */
  add(name, buffer) {
    this.buffers.set(name, buffer);
    if (!this.playing) return;
    const when = this.#grid(this.context.currentTime + AHEAD);
    this.#start(name, when, this.positionAt(when));
  }

  /** @param {string} name */
  remove(name) {
    this.buffers.delete(name);
    this.voices.get(name)?.source.stop();
    this.voices.delete(name);
  }

  /** Loop samples `[start, end)`; from where it is, if that lies inside. @param {number} start @param {number} end */
  setLoop(start, end) {
    if (this.loop[0] === start && this.loop[1] === end) return;
    const at = this.position();
    this.loop = [start, end];
    const inside = at >= start && at < end ? at : start;
    if (this.playing) this.play(inside);
    else this.offset = inside;
  }

  /** Play from a sample of the buffers on. @param {number} [from] @param {number} [when] context time */
  play(from = this.offset, when = this.context.currentTime + AHEAD) {
    this.#silence();
    this.startedAt = this.#grid(when);
    this.offset = Math.round(from);
    this.playing = true;
    for (const name of this.buffers.keys()) this.#start(name, this.startedAt, this.offset);
  }

  stop() {
    const at = this.position();
    this.#silence();
    this.playing = false;
    this.offset = at;
  }

  /** Hear this one from `when` on. @param {string} name @param {number} [when] context time */
  choose(name, when) {
    this.chosen = name;
    const at = when ?? this.context.currentTime + 0.003;
    for (const [each, voice] of this.voices) {
      const now = valueAt(voice, at);
      const to = this.#level(each);
      voice.gain.gain.cancelScheduledValues(at); // also the rest of a ramp that is on its way: it goes on as far as now
      voice.gain.gain.linearRampToValueAtTime(now, at);
      voice.gain.gain.linearRampToValueAtTime(to, at + FADE);
      Object.assign(voice, { from: now, to, at });
    }
  }

  /** The sample that is heard now. */
  position() {
    return this.playing ? this.positionAt(this.context.currentTime) : this.offset;
  }

  /** @param {number} time context time */
  positionAt(time) {
    const [start, end] = this.loop;
    const at = this.offset + Math.round(Math.max(0, time - this.startedAt) * this.rate);
    return at < end || end <= start ? at : start + ((at - end) % (end - start));
  }

  get rate() {
    for (const buffer of this.buffers.values()) return buffer.sampleRate;
    return this.context.sampleRate;
  }

  /** Hear what the chosen one has and `base` has not; all of it again with "". @param {string} base @param {number} [when] */
  subtract(base, when) {
    this.base = base;
    this.choose(this.chosen, when);
  }

  /** Both of a difference are as loud as the chosen one: where they are the same, nothing is left.
   * @param {string} name */
  #level(name) {
    const level = this.levels.get(this.chosen) ?? 1;
    if (name === this.chosen) return level;
    return name === this.base ? -level : 0;
  }

  /** A time that falls on a sample. @param {number} time */
  #grid(time) {
    return Math.ceil(time * this.context.sampleRate) / this.context.sampleRate;
  }

  /** @param {string} name @param {number} when @param {number} from */
  #start(name, when, from) {
    const buffer = /** @type {AudioBuffer} */ (this.buffers.get(name));
    const rate = buffer.sampleRate;
    const source = new AudioBufferSourceNode(this.context, { buffer });
    if (this.loop[1] > this.loop[0]) {
      source.loop = true;
      source.loopStart = this.loop[0] / rate;
      source.loopEnd = this.loop[1] / rate;
    }
    source.start(when, from / rate);
    const before = this.voices.get(name);
    if (before) {
      before.source.stop(when);
      source.connect(before.gain); // with the ramp that it may be in
      before.source = source;
      return;
    }
    const level = this.#level(name);
    const gain = new GainNode(this.context, { gain: level });
    source.connect(gain).connect(this.context.destination);
    this.voices.set(name, { source, gain, from: level, to: level, at: when });
  }

  #silence() {
    for (const voice of this.voices.values()) {
      voice.source.stop();
      voice.gain.disconnect();
    }
    this.voices.clear();
  }
}

/** Where a voice's ramp is: not every browser can hold it there. @param {Voice} voice @param {number} time */
function valueAt(voice, time) {
  const share = Math.min(1, Math.max(0, (time - voice.at) / FADE));
  return voice.from + (voice.to - voice.from) * share;
}
