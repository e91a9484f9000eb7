/** A value over two parameters: a field of levels, and the trials on it. Pure. */

import { plural, shorten } from "../core/format.js";
import { emptyPlot, fitted, plotRoom } from "./axes.js";
import { marksPath } from "./marks.js";
import { drawing, group, px, shape } from "./scene.js";
import { parameterTicks } from "./slice.js";

const LEVELS = 10;

/**
 * @param {{columns: object, trials: object, x: ParameterAxis, y: ParameterAxis, goal: string, label: string}} data
 *   columns as the analysis `contour` answers them, row by row from below
 */
export function contourChart({ columns, trials, x, y, goal, label, nothing }, size) {
  const values = columns.mean ?? [];
  if (!values.length) return { scene: drawing(size, label, emptyPlot(size, nothing)), hits: [] };
  const room = plotRoom(size, { left: 78, bottom: 52, top: 12, right: 12 });
  const across = [...new Set(columns.x_place)].map((_, index) => x.place(columns.x[index]));
  const up = [...new Set(columns.y_place)].map((_, index) => y.place(columns.y[index * across.length]));
  const [left, top] = [bounds(across), bounds(up)];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const level = (value) => {
    const share = high > low ? (value - low) / (high - low) : 0.5;
    return Math.min(LEVELS - 1, Math.floor((goal === "maximize" ? share : 1 - share) * LEVELS));
  };
  const px0 = (at) => room.left + at * room.width;
  const py0 = (at) => room.bottom - at * room.height;
  const cells = Array.from({ length: LEVELS }, () => "");
  const hits = values.map((value, index) => {
    const [i, j] = [index % across.length, Math.floor(index / across.length)];
    const [x0, x1, y0, y1] = [px0(left[i]), px0(left[i + 1]), py0(top[j]), py0(top[j + 1])];
    cells[level(value)] += `M${px(x0)} ${px(y0)}H${px(x1 + 0.3)}V${px(y1 - 0.3)}H${px(x0)}Z`;
    return { index, value, x: (x0 + x1) / 2, y: (y0 + y1) / 2 };
  });
  const shown = (trials?.number ?? []).map((number, index) => ({ number, x: px0(x.place(trials.x[index])), y: py0(y.place(trials.y[index])) }));
  return {
    scene: drawing(
      size,
      `${label}; ${plural(shown.length, "trial")} on it`,
      cells.map((d, index) => (d ? shape(`path.level-${index}`, { d }) : null)),
      group("on-field", shape("path", { d: marksPath("disc", shown, 2) })),
      parameterTicks(x, { ...room, left: room.left - 5, width: room.width + 10 }),
      group("axis", y.ticks(Math.max(2, room.height / 40)).map(({ at, label: text }) => shape("text.tick", { x: room.left - 8, y: px(py0(at) + 4), "text-anchor": "end" }, shorten(text, 10)))),
      shape("text.title", { x: room.right, y: size.height - 6, "text-anchor": "end" }, `${fitted(x.name, size.width / 2 - 30)} →`),
      shape("text.title", { x: 0, y: size.height - 6 }, `↑ ${fitted(y.name, size.width / 2 - 30)}`),
    ),
    hits,
    range: [low, high],
  };
}

/** The edges of cells around places. */
function bounds(places) {
  const edges = places.slice(1).map((place, index) => (place + places[index]) / 2);
  return [0, ...edges, 1];
}
