/** From values to pixels and to readable ticks. Pure. */

/** @typedef {{(value: number): number, invert: (pixel: number) => number, domain: [number, number], ticks: (count: number) => number[], log: boolean}} Scale */

/** @returns {Scale} */
export function linearScale([low, high], [from, to]) {
  const span = high - low || 1;
  const scale = (value) => from + ((value - low) / span) * (to - from);
  const invert = (pixel) => low + ((pixel - from) / (to - from || 1)) * span;
  return Object.assign(scale, { invert, domain: [low, high], ticks: (count) => niceTicks(low, high, count), log: false });
}

/** @returns {Scale} for values above zero */
export function logScale([low, high], [from, to]) {
  const exponents = linearScale([Math.log10(low), Math.log10(high)], [from, to]);
  const scale = (value) => exponents(Math.log10(value));
  const invert = (pixel) => 10 ** exponents.invert(pixel);
  return Object.assign(scale, { invert, domain: [low, high], ticks: (count) => logTicks(low, high, count), log: true });
}

/** Round numbers within [low, high], about `count` of them. */
export function niceTicks(low, high, count = 5) {
  if (!(high > low)) return [low];
  const step = niceStep((high - low) / Math.max(1, count));
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  // Powers of ten as exponents: 3 * 0.1 is not 0.3, 3 / 10 is.
  const inverse = 1 / step;
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, k) =>
    inverse >= 1 ? ((first + k) / Math.round(inverse * 1e9)) * 1e9 : (first + k) * step,
  );
}

/** Powers of ten within [low, high], with 2s and 5s between when there are few. */
export function logTicks(low, high, count = 5) {
  const powers = [];
  for (let exponent = Math.floor(Math.log10(low)); exponent <= Math.ceil(Math.log10(high)); exponent += 1)
    powers.push(exponent);
  const multiples = powers.length > 3 ? [1] : [1, 2, 5];
  const ticks = powers
    .flatMap((exponent) => multiples.map((factor) => Number(`${factor}e${exponent}`)))
    .filter((tick) => tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9));
  if (ticks.length < 2) return niceTicks(low, high, count);
  const every = Math.ceil(ticks.length / Math.max(2, count + 2));
  return ticks.filter((_, index) => index % every === 0);
}

/** Smallest and largest of the finite values; null when there is none. */
export function extent(values) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value === null || value === undefined || !Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : null;
}

/** A little air on both sides; a single value gets a range around it. */
export function padded([low, high], share = 0.06) {
  const room = (high - low) * share || Math.abs(high) * 0.1 || 1;
  return [low - room, high + room];
}

/** The same for a logarithmic axis. */
export function paddedLog([low, high], share = 0.06) {
  const room = (high / low) ** share;
  return room > 1 ? [low / room, high * room] : [low / 1.5, high * 1.5];
}

/**
 * The range worth looking at: one diverged trial must not press all others into a line.
 * On the bad side it ends where Tukey's far fence does (third quartile and three interquartile ranges).
 */
export function focusedExtent(values, goal) {
  const sorted = Float64Array.from(values).sort();
  if (sorted.length < 8) return extent(sorted);
  const quartile = (share) => sorted[Math.floor(share * (sorted.length - 1))];
  const [first, third] = [quartile(0.25), quartile(0.75)];
  const fence = 3 * (third - first);
  const [low, high] = [sorted[0], sorted[sorted.length - 1]];
  if (fence === 0) return [low, high];
  return goal === "maximize" ? [Math.max(low, first - fence), high] : [low, Math.min(high, third + fence)];
}

function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  const share = rough / power;
  return power * (share <= 1 ? 1 : share <= 2 ? 2 : share <= 5 ? 5 : 10);
}
