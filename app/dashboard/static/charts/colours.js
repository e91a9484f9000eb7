/** A run of colours from worst to best, and back from a share to one of them. Pure. */

const STEPS = 24;

/**
 * Mixes stops given as [red, green, blue], evenly spaced from worst to best.
 * @returns {[number, number, number][]}
 */
export function ramp(stops, steps = STEPS) {
  return Array.from({ length: steps }, (_, step) => {
    const at = (step / (steps - 1)) * (stops.length - 1);
    const index = Math.min(stops.length - 2, Math.floor(at));
    return stops[index].map((from, channel) => Math.round(from + (stops[index + 1][channel] - from) * (at - index)));
  });
}

/** The ranks of values as shares from 0 (worst) to 1 (best); null where there is no value. Ties share the better rank. */
export function ranks(values, goal) {
  const sorted = Float64Array.from(values.filter((value) => value !== null)).sort();
  const last = Math.max(1, sorted.length - 1);
  return values.map((value) => {
    if (value === null) return null;
    const better = goal === "maximize" ? sorted.length - countUpTo(sorted, value, true) : countUpTo(sorted, value, false);
    return 1 - better / last;
  });
}

/** How many of the sorted values are below a value, or at it. */
function countUpTo(sorted, value, isInclusive) {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value || (isInclusive && sorted[middle] === value)) low = middle + 1;
    else high = middle;
  }
  return low;
}
