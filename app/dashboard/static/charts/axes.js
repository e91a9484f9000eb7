/** The frame of a plot: grid, ticks, titles. Pure. */

import { formatNumber } from "../core/format.js";
import { group, px, shape } from "./scene.js";

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
  return group("axis", lines, labels, shape("text.title", { x: 0, y: 12, "text-anchor": "start" }, title));
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

/** One way to write all ticks of an axis: with as many decimals as tell them apart. */
export function formatTicks(ticks) {
  if (ticks.length < 2) return (tick) => formatNumber(tick);
  const size = Math.max(...ticks.map(Math.abs));
  const step = Math.min(...ticks.slice(1).map((tick, index) => Math.abs(tick - ticks[index])));
  const ratio = Math.max(...ticks.slice(1).map((tick, index) => Math.abs(tick / (ticks[index] || tick))));
  if (size >= 1e6 || size < 1e-3 || (ratio >= 1.9 && step < 1e-3)) return (tick) => formatNumber(tick, 3);
  const decimals = Math.min(8, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
  const isLog = ratio >= 4.9;
  return (tick) =>
    isLog
      ? formatNumber(tick)
      : tick.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

/** What to draw when there is nothing to draw yet. */
export function emptyPlot({ width, height }, text) {
  return shape("text.nothing", { x: width / 2, y: height / 2, "text-anchor": "middle" }, text);
}
