// ABX: is X the one or the other? Pure, but for the dice.

/** @typedef {{a: string, b: string, x: "a" | "b", trials: number, hits: number}} Trial */

/** A new test of two names. @param {string} a @param {string} b @returns {Trial} */
export const begin = (a, b) => ({ a, b, x: drawn(), trials: 0, hits: 0 });

/** The test after an answer, with another X. @param {Trial} test @param {"a" | "b"} said @returns {Trial} */
export const answered = (test, said) => ({
  ...test,
  x: drawn(),
  trials: test.trials + 1,
  hits: test.hits + (said === test.x ? 1 : 0),
});

/** How likely so many hits, or more, are for someone who only guesses. @param {number} hits @param {number} trials */
export function chance(hits, trials) {
  let term = 0.5 ** trials; // of all wrong: binomial(trials, 0) / 2^trials
  let sum = 0;
  for (let k = 0; k <= trials; k++) {
    if (k >= hits) sum += term;
    term = (term * (trials - k)) / (k + 1);
  }
  return Math.min(1, sum);
}

/** @returns {"a" | "b"} */
const drawn = () => (crypto.getRandomValues(new Uint8Array(1))[0] & 1 ? "a" : "b");
