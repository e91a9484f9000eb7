/** Numbers, times and words as people read them. Pure: the clock comes in. */

/** Four significant digits or so, never a misleading zero: 0.9813, 12,481, 1,234,568, 3.2e-7. */
export function formatNumber(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number" || !Number.isFinite(value)) return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return value.toLocaleString("en-US");
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e9) return trimExponent(value.toExponential(Math.max(0, digits - 2)));
  const whole = Math.max(digits, 1 + Math.floor(Math.log10(size))); // 105,279 is no 105,300
  return Number(value.toPrecision(whole)).toLocaleString("en-US", { maximumFractionDigits: 8 });
}

/** As a power of ten, with as many digits as it takes to be within `error`: 1e6, 2.5e6. */
export function formatPower(value, error) {
  const digits = Array.from({ length: 16 }, (_, index) => index);
  const enough = digits.find((index) => Math.abs(Number(value.toExponential(index)) - value) <= error) ?? 16;
  return value === 0 ? "0" : trimExponent(value.toExponential(enough));
}

/** A result that stands alone: an accuracy of 1 is "1.0", so that it reads as a measurement and not as a count. */
export function formatResult(value, digits = 5) {
  return Number.isInteger(value) && Math.abs(value) <= 1 ? value.toFixed(1) : formatNumber(value, digits);
}

/** A parameter's value: as exact as it is short. */
export function formatParameter(value) {
  if (value === undefined) return "–";
  if (typeof value === "number") return formatNumber(value, 5);
  if (Array.isArray(value)) return `[${value.map(formatParameter).join(", ")}]`;
  return typeof value === "string" && value.trim() ? value : JSON.stringify(value); // a blank in its quotes: it can be seen
}

/** @param {number | null} seconds */
export function formatDuration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const units = [
    ["d", 86400],
    ["h", 3600],
    ["min", 60],
    ["s", 1],
  ];
  const first = units.findIndex(([, size]) => seconds >= size);
  const [[unit, size], [smaller, smallerSize]] = [units[first], units[first + 1] ?? units[first]];
  const rounded = Math.round(seconds / smallerSize) * smallerSize;
  const whole = Math.floor(rounded / size);
  const rest = Math.round((rounded - whole * size) / smallerSize);
  return rest ? `${whole} ${unit} ${rest} ${smaller}` : `${whole} ${unit}`;
}

/** How long ago, in one unit. */
export function formatAgo(time, now = Date.now()) {
  if (time === null || time === undefined) return "–";
  const seconds = Math.max(0, (now - new Date(time).getTime()) / 1000);
  if (seconds < 5) return "just now";
  for (const [unit, size] of [
    ["d", 86400],
    ["h", 3600],
    ["min", 60],
  ])
    if (seconds >= size) return `${Math.floor(seconds / size)} ${unit} ago`;
  return `${Math.floor(seconds)} s ago`;
}

/** A moment in the reader's own time zone. */
export function formatTime(time) {
  if (time === null || time === undefined) return "–";
  return new Date(time).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });
}

export function formatClock(time) {
  return new Date(time).toLocaleTimeString("en-GB");
}

/** The time of day; of another day that day, too. */
export function formatMoment(time, now = new Date()) {
  const at = new Date(time);
  const day = at.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
  return at.toDateString() === now.toDateString() ? formatClock(time) : `${day}, ${formatClock(time)}`;
}

/** Bytes in the unit that suits them, of 1,000 each. */
export function formatBytes(bytes) {
  if (bytes === null || bytes === undefined) return "–";
  const unit = ["bytes", "KB", "MB", "GB", "TB"];
  const power = Math.min(unit.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  return `${formatNumber(bytes / 1000 ** power, 3)} ${unit[power]}`;
}

export function formatShare(share) {
  return share > 0 && share < 0.01 ? "< 1 %" : `${Math.round(share * 100)} %`;
}

export function plural(count, one, many = `${one}s`) {
  return `${formatNumber(count)} ${count === 1 ? one : many}`;
}

export function shorten(text, length) {
  return text.length <= length ? text : `${text.slice(0, Math.max(1, length - 1))}…`;
}

function trimExponent(text) {
  return text.replace(/\.?0+e/, "e").replace("e+", "e");
}
