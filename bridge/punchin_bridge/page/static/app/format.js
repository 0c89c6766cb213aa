// Numbers for people.

/** `1:23.4`, or `1:02:03.4`. @param {number} seconds @param {number} [digits] */
export function clock(seconds, digits = 1) {
  const sign = seconds < 0 ? "−" : "";
  const whole = Math.abs(seconds);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = (whole % 60).toFixed(digits).padStart(digits ? 3 + digits : 2, "0");
  return sign + (hours ? `${hours}:${String(minutes).padStart(2, "0")}` : `${minutes}`) + `:${rest}`;
}

/** A Harte label as musicians write it: `A:min7/b3` is `Am7/b3`. @param {string} label */
export function chordName(label) {
  if (label === "N") return "–";
  const [root, rest = ""] = label.split(":");
  const [kind, bass] = rest.split("/");
  const known = { maj: "", min: "m", min7: "m7", maj7: "maj7", hdim7: "m7♭5", dim: "°", dim7: "°7", aug: "+", minmaj7: "m(maj7)" };
  const shown = known[/** @type {keyof typeof known} */ (kind)] ?? kind.replace("min", "m").replace("maj", "maj");
  return `${root.replace("b", "♭").replace("#", "♯")}${shown}${bass ? `/${bass}` : ""}`;
}

/** Decibels of a linear gain. @param {number} gain */
export const decibels = (gain) => 20 * Math.log10(Math.max(gain, 1e-6));

/** What a take follows: `chords + drums × 0.5`. @param {Record<string, number>} follows @param {Record<string, string>} names */
export const following = (follows, names) =>
  Object.entries(follows)
    .map(([name, weight]) => (names[name] ?? name).toLowerCase() + (weight === 1 ? "" : ` × ${weight}`))
    .join(" + ");
