/** Every trial's value by number, and the best so far. Pure: data and size in, scene and places out. */

import { bestSoFar } from "../core/history_points.js";
import { formatNumber, formatResult, plural } from "../core/format.js";
import { emptyPlot, horizontalAxis, plotRoom, roomBeside, verticalAxis } from "./axes.js";
import { MARK_OF, marksPath, radiusFor } from "./marks.js";
import { extent, focusedExtent, linearScale, logScale, padded, paddedLog } from "./scale.js";
import { drawing, group, px, shape, steps } from "./scene.js";

const RUG = 20; // pixels below the plot for trials without a value
const SHOWN_LAST = ["waiting", "cancelled", "infeasible", "failed", "pruned", "completed", "running"]; // painted in this order

/**
 * @param {object} history
 * @param {import("../core/history_points.js").Point[]} history.points
 * @param {{metric: string, goal: string, target?: number}} history.objective
 * @param {"focus" | "all" | "log"} history.range
 * @param {boolean} history.trusted whether only the server's own best column may be believed
 * @param {{width: number, height: number}} size
 */
export function historyChart({ points, objective, range = "focus", zoom = null, trusted = false }, size) {
  const shown = zoom ? points.filter(({ number }) => number >= zoom[0] && number <= zoom[1]) : points;
  const label = describe(points, objective);
  if (!shown.length)
    return {
      scene: drawing(size, label, emptyPlot(size, "No trials yet: the first results appear here by themselves.")),
      hits: [],
      room: null,
    };
  const best = bestSoFar(points, objective, { trusted });
  const plain = plotRoom(size, { bottom: 30 + RUG, right: 20 });
  const y = valueScale(shown, objective, range, plain);
  const room = roomBeside(y, plain);
  const x = linearScale(spread(extent(shown.map(({ number }) => number))), [room.left, room.right]);
  const places = placesOf(shown, x, y, room);
  const scene = drawing(
    size,
    label,
    verticalAxis(y, room, { title: titleOf(objective, y.log), ...(places.some(({ hasValue }) => hasValue) ? {} : { ticks: [] }) }),
    horizontalAxis(x, room, {
      title: "trial",
      at: room.bottom + RUG,
      ticks: x.ticks(room.width / 90).filter(Number.isInteger),
    }),
    targetLine(objective, y, room),
    marks(places, radiusFor(shown.length, room.width)),
    bestLine(best, x, y, room),
  );
  return { scene, hits: places, room, x };
}

/** The same as a table. */
export function historyTable({ points, objective }) {
  return {
    columns: ["trial", "state", objective.metric],
    rows: points.map(({ number, state, value }) => [number, state, value]),
  };
}

function describe(points, objective) {
  const last = bestSoFar(points, objective).at(-1);
  const sofar = last ? `; best ${formatNumber(last.value, 6)} at trial ${last.number}` : "";
  return `${objective.metric} of ${plural(points.length, "trial")} by number${sofar}`;
}

function titleOf({ metric, goal }, isLog) {
  return `${metric} ${goal === "maximize" ? "↑" : "↓"}${isLog ? " (log)" : ""}`;
}

function spread([low, high]) {
  return high - low < 9 ? [low, low + 9] : [low, high];
}

function valueScale(shown, objective, range, room) {
  const values = shown.map(({ value }) => value).filter((value) => value !== null && Number.isFinite(value));
  const vertical = [room.bottom, room.top + 6];
  if (!values.length) return linearScale([0, 1], vertical);
  const worth = range === "focus" ? focusedExtent(values, objective.goal) : extent(values);
  if (range === "log") {
    const above = extent(values.filter((value) => value > 0));
    if (above) return logScale(paddedLog(above), vertical);
  }
  return linearScale(padded(worth), vertical);
}

function placesOf(shown, x, y, room) {
  const [low, high] = y.domain;
  return shown.map((point) => {
    const hasValue = point.value !== null && Number.isFinite(point.value) && !(y.log && point.value <= 0);
    const level = hasValue ? y(Math.min(high, Math.max(low, point.value))) : room.bottom + RUG - 7;
    return {
      ...point,
      x: x(point.number),
      y: level,
      hasValue,
      isOutside: hasValue && (point.value < low || point.value > high),
    };
  });
}

function marks(places, radius) {
  return group(
    "marks",
    SHOWN_LAST.map((state) => {
      const here = places.filter((place) => place.state === state);
      if (!here.length) return null;
      const valued = here.filter(({ hasValue, isOutside }) => hasValue && !isOutside);
      const edge = here.filter(({ isOutside }) => isOutside);
      const rug = here.filter(({ hasValue }) => !hasValue);
      return group(
        `mark.${state}`,
        valued.length ? shape("path", { d: marksPath(MARK_OF[state], valued, radius) }) : null,
        edge.length ? shape("path.outside", { d: marksPath("diamond", edge, radius * 0.8) }) : null,
        rug.length
          ? shape("path.rug", { d: marksPath(state === "failed" ? "cross" : MARK_OF[state], rug, Math.min(3, radius)) })
          : null,
      );
    }),
  );
}

function bestLine(best, x, y, room) {
  if (!best.length) return null;
  const inside = (value) => (y.log && value <= 0 ? room.bottom : Math.min(room.bottom, Math.max(room.top, y(value))));
  const from = best.findLastIndex(({ number }) => x(number) <= room.left);
  const seen = best.slice(Math.max(0, from)).filter(({ number }) => x(number) <= room.right + 0.5);
  if (!seen.length) return null;
  const last = seen.at(-1);
  const [atX, atY] = [Math.max(room.left, x(last.number)), inside(last.value)];
  const flips = atX > room.right - 70;
  return group(
    "best",
    shape("path.line", {
      d: steps(
        seen.map(({ number, value }) => [Math.max(room.left, x(number)), inside(value)]),
        room.right,
      ),
    }),
    shape("circle.peak", { cx: px(atX), cy: px(atY), r: 5 }),
    shape(
      "text.peak",
      { x: px(flips ? atX - 9 : atX + 9), y: px(Math.max(room.top + 2, atY - 8)), "text-anchor": flips ? "end" : "start" },
      formatResult(last.value),
    ),
  );
}

function targetLine({ target }, y, room) {
  if (target === undefined || target === null) return null;
  const [low, high] = y.domain;
  if (target < low || target > high) return null;
  return group(
    "target",
    shape("line", { x1: room.left, x2: room.right, y1: px(y(target)), y2: px(y(target)) }),
    shape("text.tick", { x: room.left + 4, y: px(y(target) - 5) }, `target ${formatNumber(target)}`),
  );
}
