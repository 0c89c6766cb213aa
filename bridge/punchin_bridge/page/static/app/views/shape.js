// A small picture of a take that grows: the largest sample in each column of its region.
import { html } from "/vendor/vendor.js";
import { colour, fitted } from "/app/draw.js";
import { useDrawing } from "/app/views/drawing.js";

/** @param {{shape: number[]}} props */
export function Shape({ shape }) {
  const ref = useDrawing((canvas) => {
    const { to, width, height } = fitted(canvas);
    const each = width / shape.length;
    to.fillStyle = colour(canvas, "region");
    to.fillRect(0, 0, width, height);
    to.fillStyle = colour(canvas, "accent");
    const top = Math.max(10, ...shape);
    shape.forEach((column, i) => {
      const tall = (column / top) * (height - 2);
      if (column) to.fillRect(i * each, (height - tall) / 2, Math.max(1, each - 0.5), tall);
    });
  }, [shape.join()]);
  return html`<canvas class="mini" ref=${ref} aria-hidden="true"></canvas>`;
}
