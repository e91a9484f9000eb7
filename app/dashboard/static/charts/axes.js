/** The frame of a plot: grid, ticks, titles. Pure. */

import { formatNumber, formatPower, shorten } from "../core/format.js";
import { group, px, shape } from "./scene.js";

/** Pixels of what says that there is nothing to draw: between lines, of a character, beside them. */
const [LINE, CHARACTER, MARGIN] = [20, 7.5, 12];
/** Pixels of a character of a tick and of a title. */
export const TICK_CHARACTER = 6.6;
const TITLE_CHARACTER = 7;

/** The room a plot has inside its drawing. */
export function plotRoom({ width, height }, { left = 56, right = 14, top = 26, bottom = 30 } = {}) {
  return {
    left,
    top,
    right: width - right,
    bottom: height - bottom,
    width: width - left - right,
    height: height - top - bottom,
  };
}

/** Ticks and grid lines of the vertical axis, with its title above it. */
export function verticalAxis(scale, room, { title, ticks = scale.ticks(room.height / 38), format = formatTicks(ticks) }) {
  const lines = ticks.map((tick) =>
    shape("line.grid", { x1: room.left, x2: room.right, y1: px(scale(tick)), y2: px(scale(tick)) }),
  );
  const labels = ticks.map((tick) =>
    shape("text.tick", { x: room.left - 8, y: px(scale(tick) + 4), "text-anchor": "end" }, format(tick)),
  );
  return group("axis", lines, labels, shape("text.title", { x: 0, y: 12, "text-anchor": "start" }, fitted(title, room.right)));
}

/** Ticks of the horizontal axis, with its title before the first. */
export function horizontalAxis(
  scale,
  room,
  { title, ticks = scale.ticks(room.width / 90), format = formatTicks(ticks), at = room.bottom },
) {
  const labels = ticks.map((tick) =>
    shape("text.tick", { x: px(scale(tick)), y: at + 18, "text-anchor": "middle" }, format(tick)),
  );
  const marks = ticks.map((tick) => shape("line.grid", { x1: px(scale(tick)), x2: px(scale(tick)), y1: at, y2: at + 4 }));
  const base = shape("line.base", { x1: room.left, x2: room.right, y1: at, y2: at });
  return group(
    "axis",
    base,
    marks,
    labels,
    title ? shape("text.title", { x: room.left - 14, y: at + 18, "text-anchor": "end" }, title) : null,
  );
}

/** A title as far as there is room for it. */
export function fitted(title, width) {
  return shorten(title, Math.floor(width / TITLE_CHARACTER));
}

/** One way to write all ticks of an axis: with as many decimals as tell them apart. */
export function formatTicks(ticks) {
  if (ticks.length < 2) return (tick) => formatNumber(tick, 10);
  const size = Math.max(...ticks.map(Math.abs));
  const step = Math.min(...ticks.slice(1).map((tick, index) => Math.abs(tick - ticks[index])));
  const ratio = Math.max(...ticks.slice(1).map((tick, index) => Math.abs(tick / (ticks[index] || tick))));
  const power = (tick) => formatPower(tick, step / 1000);
  const isLog = ratio >= 4.9;
  if (isLog || (ratio >= 1.9 && step < 1e-3)) return (tick) => (isShort(tick) ? formatNumber(tick) : power(tick));
  if (!isShort(size)) return power;
  const decimals = Math.min(14, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
  return (tick) => tick.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

/** Whether a number is short when it is written out. */
function isShort(value) {
  return value === 0 || (Math.abs(value) >= 1e-3 && Math.abs(value) < 1e6);
}

/** The same room, with as much of it at the left as the ticks of the vertical axis need. */
export function roomBeside(scale, room) {
  const ticks = scale.ticks(room.height / 38);
  const longest = Math.max(0, ...ticks.map(formatTicks(ticks)).map(({ length }) => length));
  const left = Math.max(room.left, Math.ceil(longest * TICK_CHARACTER) + 12);
  return { ...room, left, width: room.right - left };
}

/** What to draw when there is nothing to draw yet; a long text in several lines, for text in a drawing does not wrap. */
export function emptyPlot({ width, height }, text) {
  const lines = wrapped(text, Math.max(12, Math.floor((width - 2 * MARGIN) / CHARACTER)));
  const top = height / 2 - ((lines.length - 1) * LINE) / 2;
  const rows = lines.map((line, row) =>
    shape("text.nothing", { x: width / 2, y: top + row * LINE, "text-anchor": "middle" }, line),
  );
  return group("nothing", ...rows);
}

/** A text in lines of at most so many characters, as far as its words allow. */
export function wrapped(text, most) {
  const lines = [];
  for (const word of text.split(" ")) {
    const longer = lines.length ? `${lines.at(-1)} ${word}` : word;
    if (lines.length && longer.length <= most) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}
