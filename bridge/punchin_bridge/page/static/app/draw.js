// Draws waveforms on canvases. Pure: what is given, onto what is given.

/** @typedef {{low: Float32Array, high: Float32Array}} Peaks */

/** Colours of the style sheet. @param {Element} element @param {string} name */
export const colour = (element, name) => getComputedStyle(element).getPropertyValue(`--${name}`).trim();

/** A canvas as large as it is shown; its context, in CSS pixels. @param {HTMLCanvasElement} canvas */
export function fitted(canvas) {
  const scale = globalThis.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const to = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  to.setTransform(scale, 0, 0, scale, 0, 0);
  to.clearRect(0, 0, width, height);
  return { to, width, height };
}

/** @param {CanvasRenderingContext2D} to @param {Peaks} peaks @param {number} x @param {number} width
 * @param {number} top @param {number} height @param {string} fill @param {number} [gain] */
export function wave(to, peaks, x, width, top, height, fill, gain = 1) {
  const count = peaks.low.length;
  const middle = top + height / 2;
  to.fillStyle = fill;
  for (let i = 0; i < count; i++) {
    const low = Math.max(-1, peaks.low[i] * gain);
    const high = Math.min(1, peaks.high[i] * gain);
    const from = middle - (high * height) / 2;
    to.fillRect(x + (i * width) / count, from, Math.max(0.7, width / count), Math.max(1, ((high - low) * height) / 2));
  }
}

/** The peaks of samples of a buffer, over all channels. @param {AudioBuffer} buffer @param {number} start
 * @param {number} end @param {number} count @returns {Peaks} */
export function peaksOf(buffer, start, end, count) {
  const low = new Float32Array(count);
  const high = new Float32Array(count);
  const stride = Math.max(1, Math.floor((end - start) / count / 256));
  for (let channel = 0; channel < buffer.numberOfChannels; channel++) {
    const data = buffer.getChannelData(channel);
    for (let i = 0; i < count; i++) {
      const from = start + Math.floor((i * (end - start)) / count);
      const to = Math.min(data.length, start + Math.ceil(((i + 1) * (end - start)) / count));
      for (let k = Math.max(0, from); k < to; k += stride) {
        if (data[k] < low[i]) low[i] = data[k];
        if (data[k] > high[i]) high[i] = data[k];
      }
    }
  }
  return { low, high };
}

/** The gain that fills the height with the largest of all peaks; silence stays flat. @param {Peaks} peaks */
export function fill(peaks) {
  let top = 0;
  for (const each of peaks.high) top = Math.max(top, each);
  for (const each of peaks.low) top = Math.max(top, -each);
  return top > 1e-4 ? Math.min(0.96 / top, 30) : 1;
}

/** One line through samples `[start, end)` of a buffer's first channel. @param {CanvasRenderingContext2D} to
 * @param {AudioBuffer} buffer @param {number} start @param {number} end @param {number} width @param {number} height
 * @param {number} scale @param {string} stroke */
export function line(to, buffer, start, end, width, height, scale, stroke) {
  const data = buffer.getChannelData(0);
  to.strokeStyle = stroke;
  to.lineWidth = 1.5;
  to.beginPath();
  for (let i = start; i < end; i++) {
    const x = ((i - start) / (end - start - 1)) * width;
    const y = height / 2 - ((data[i] ?? 0) / scale) * height * 0.46;
    if (i === start) to.moveTo(x, y);
    else to.lineTo(x, y);
  }
  to.stroke();
}

/** The largest sample of two buffers between two samples. @param {AudioBuffer[]} buffers @param {number} start
 * @param {number} end */
export function largest(buffers, start, end) {
  let found = 1e-3;
  for (const buffer of buffers) {
    const data = buffer.getChannelData(0);
    for (let i = Math.max(0, start); i < Math.min(end, data.length); i++) found = Math.max(found, Math.abs(data[i]));
  }
  return found;
}
