/** A grid of values as shades: what a network looks at in an image, or along a series. Pure. */

import { plural } from "../core/format.js";
import { drawing, group, px, shape } from "./scene.js";

const LEVELS = 10;
const LARGEST_CELL = 34;

/** One grid out of `(channels, rows, columns)`, `(channels, length)` or `(features)`: channels are added up. @returns {number[][]} */
export function gridOf(values) {
  if (typeof values[0] === "number") return [values];
  if (typeof values[0][0] === "number") return [sum(values)];
  return values[0].map((_, row) => sum(values.map((channel) => channel[row])));
}

/** @param {{grid: number[][], label: string}} data */
export function heatChart({ grid, label }, { width }) {
  const columns = grid[0].length;
  const isSeries = grid.length === 1;
  const cell = Math.min(LARGEST_CELL, width / columns);
  const [wide, tall] = [isSeries ? width / columns : cell, isSeries ? 44 : cell];
  const most = Math.max(...grid.flat(), 1e-12);
  const size = { width, height: Math.ceil(grid.length * tall) };
  const paths = Array.from({ length: LEVELS }, () => "");
  const hits = [];
  grid.forEach((row, y) =>
    row.forEach((value, x) => {
      paths[Math.min(LEVELS - 1, Math.floor((LEVELS * Math.max(0, value)) / most))] += `M${px(x * wide)} ${px(y * tall)}h${px(wide)}v${px(tall)}h${px(-wide)}z`;
      hits.push({ row: y, column: x, value, share: value / most, x: (x + 0.5) * wide, y: (y + 0.5) * tall });
    }),
  );
  return {
    scene: drawing(
      size,
      `${label}: ${plural(grid.length, "row")} of ${plural(columns, "value")}`,
      group("heat", paths.map((d, level) => (d ? shape(`path.level-${level}`, { d }) : null))),
    ),
    hits,
    height: size.height,
  };
}

function sum(lines) {
  return lines[0].map((_, index) => lines.reduce((total, values) => total + values[index], 0));
}
