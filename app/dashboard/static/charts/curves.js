/** Learning curves: a metric by step, a line for each trial. Pure. */

import { formatNumber, plural } from "../core/format.js";
import { emptyPlot, horizontalAxis, plotRoom, roomBeside, verticalAxis } from "./axes.js";
import { extent, focusedExtent, linearScale, logScale, padded, paddedLog } from "./scale.js";
import { drawing, group, line, px, shape } from "./scene.js";

/**
 * @typedef {{number: number, state: string, kind?: string, attempt?: number, isBest?: boolean, points: {step: number, value: number}[]}} Curve
 * @param {{curves: Curve[], metric: string, goal?: string, range?: "focus" | "all" | "log"}} data
 */
export function curvesChart({ curves, metric, goal = "minimize", range = "focus", nothing = "No measurements yet." }, size) {
  const drawn = curves.filter(({ points }) => points.length);
  const label = `${metric} by step of ${plural(drawn.length, "trial")}`;
  if (!drawn.length) return { scene: drawing(size, label, emptyPlot(size, nothing)), hits: [], room: null };
  const plain = plotRoom(size, { right: 46 });
  const y = valueScale(
    drawn.flatMap(({ points }) => points.map(({ value }) => value)),
    goal,
    range,
    plain,
  );
  const room = roomBeside(y, plain);
  const [first, last] = extent(drawn.flatMap(({ points }) => points.map(({ step }) => step)));
  const x = linearScale(first === last ? [first - 1, last + 1] : [first, last], [room.left, room.right]);
  const placed = drawn.map((curve) => ({
    ...curve,
    places: curve.points.map(({ step, value }) => ({ x: x(step), y: inside(y, value), step, value })),
  }));
  const scene = drawing(
    size,
    label,
    verticalAxis(y, room, { title: `${metric}${y.log ? " (log)" : ""}` }),
    horizontalAxis(x, room, { title: "step", ticks: x.ticks(room.width / 90).filter(Number.isInteger) }),
    placed.filter(({ isBest }) => !isBest).map(curveLine),
    placed.filter(({ isBest }) => isBest).map(curveLine),
  );
  const hits = placed.flatMap(({ places, ...curve }) =>
    places.map((place) => ({ ...place, number: curve.number, state: curve.state, attempt: curve.attempt })),
  );
  return { scene, hits, room };
}

export function curvesTable({ curves, metric }) {
  const rows = curves.flatMap(({ number, attempt, points }) =>
    points.map(({ step, value }) => [number, attempt ?? 1, step, value]),
  );
  return { columns: ["trial", "attempt", "step", metric], rows };
}

function valueScale(values, goal, range, room) {
  const vertical = [room.bottom, room.top + 4];
  if (range === "log") {
    const above = extent(values.filter((value) => value > 0));
    if (above) return logScale(paddedLog(above), vertical);
  }
  return linearScale(padded(range === "focus" ? focusedExtent(values, goal) : extent(values)), vertical);
}

function inside(y, value) {
  const [low, high] = y.domain;
  return y(Math.min(high, Math.max(low, value)));
}

function curveLine({ places, state, kind, isBest, number }) {
  const end = places.at(-1);
  return group(
    `curve.${kind ?? (isBest ? "best" : state)}`,
    shape("path.line", { d: line(places.map(({ x, y }) => [x, y])) }),
    places.length < 40 ? places.map(({ x, y }) => shape("circle.dot", { cx: px(x), cy: px(y), r: 2 })) : null,
    shape("circle.end", { cx: px(end.x), cy: px(end.y), r: 3 }),
    isBest ? shape("text.peak", { x: px(end.x + 7), y: px(end.y + 4) }, `#${formatNumber(number)}`) : null,
  );
}
