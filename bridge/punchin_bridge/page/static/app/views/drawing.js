// Canvases that are drawn anew whenever what they show changes.
import { effect, useEffect, useRef } from "/vendor/vendor.js";

/** The reference of a canvas on which `draw` draws: now, and again when a signal that it reads changes, or one of `when`.
 * @param {(canvas: HTMLCanvasElement) => void} draw @param {unknown[]} [when] */
export function useDrawing(draw, when = []) {
  /** @type {{current: HTMLCanvasElement | null}} */
  const ref = useRef(null);
  useEffect(
    () =>
      effect(() => {
        if (ref.current) draw(ref.current); // it may be being taken away
      }),
    when,
  );
  return ref;
}
