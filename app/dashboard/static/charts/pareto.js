/** Two objectives against each other, a third one as colour, and the front of those that nothing beats in all. Pure. */

import { plural } from "../core/format.js";
import { valueOf } from "../core/values.js";
import { emptyPlot, fitted, horizontalAxis, plotRoom, roomBeside, verticalAxis } from "./axes.js";
import { ranks } from "./colours.js";
import { brokenMarks, marksPath, radiusFor } from "./marks.js";
import { focusedExtent, linearScale, padded } from "./scale.js";
import { drawing, group, shape, steps } from "./scene.js";

const LEVELS = 10;

/**
 * @param {object} data
 * @param {import("../core/trial_rows.js").Row[]} data.rows
 * @param {object[]} data.objectives across, up, and maybe one more, told by colour
 * @param {Set<number>} data.front the server's: it knows the constraints and what is excluded
 * @param {Set<number>} [data.broken] numbers of trials that break a constraint: hollow
 * @param {Set<number>} [data.chosen] numbers of trials to be marked
 */
export function paretoChart({ rows, objectives: [first, second, third = null], front, broken = new Set(), chosen = new Set() }, size) {
  const found = placedTrials(rows, [first, second, third]);
  const label = `${first.metric} against ${second.metric} of ${plural(found.length, "trial")}; ${front.size} on the front`;
  if (!found.length) return { scene: drawing(size, label, emptyPlot(size, "No completed trial yet.")), hits: [], room: null };
  const plain = plotRoom(size, { bottom: 46 });
  const y = scaleOf(second, found.map(({ b }) => b), [plain.bottom, plain.top]);
  const room = roomBeside(y, plain);
  const x = scaleOf(first, found.map(({ a }) => a), [room.left, room.right]);
  const levels = third ? ranks(found.map(({ c }) => c), third.goal) : null;
  const hits = found.map((each, index) => ({
    ...each,
    isFront: front.has(each.number),
    isBroken: broken.has(each.number),
    level: levels ? Math.min(LEVELS - 1, Math.floor((levels[index] ?? 0) * LEVELS)) : null,
    x: within(x, each.a),
    y: within(y, each.b),
  }));
  const onwards = first.goal === "maximize" ? -1 : 1; // from the better end: each level is reached until the next trial
  const best = hits.filter(({ isFront }) => isFront).sort((p, q) => onwards * (p.x - q.x));
  const others = hits.filter(({ isFront, isBroken }) => !isFront && !isBroken);
  const radius = radiusFor(found.length, room.width);
  return {
    scene: drawing(
      size,
      label,
      verticalAxis(y, room, { title: `${second.metric} ${arrow(second)}` }),
      horizontalAxis(x, room, { title: "" }),
      shape("text.title", { x: room.right, y: size.height - 4, "text-anchor": "end" }, fitted(`${first.metric} ${arrow(first)}`, room.right)),
      third
        ? group("levelled", levelled(others, radius), group("on-front", levelled(best, 5.5)))
        : [group("marks", group("mark.completed", shape("path", { d: marksPath("disc", others, radius) }))), frontLine(best)],
      brokenMarks(hits, radius),
      group("chosen-marks", shape("path", { d: marksPath("disc", hits.filter(({ number }) => chosen.has(number)), 8.5) })),
    ),
    hits,
    room,
  };
}

function placedTrials(rows, objectives) {
  const [first, second, third] = objectives;
  return rows
    .filter(({ state }) => state === "completed")
    .map((row) => ({
      number: row.number,
      state: row.state,
      a: valueOf(row.metrics, first.metric),
      b: valueOf(row.metrics, second.metric),
      c: third ? (valueOf(row.metrics, third.metric) ?? null) : null,
    }))
    .filter(({ a, b }) => typeof a === "number" && typeof b === "number");
}

function scaleOf({ goal }, values, range) {
  return linearScale(padded(focusedExtent(values, goal)), range);
}

/** Of two objectives the front is a line; of three it is none in this plot. */
function frontLine(best) {
  return group("best", shape("path.line", { d: steps(best.map(({ x, y }) => [x, y])) }), shape("path.front", { d: marksPath("disc", best, 4.5) }));
}

function levelled(hits, radius) {
  return Array.from({ length: LEVELS }, (_, level) => hits.filter((hit) => hit.level === level)).map((here, level) =>
    here.length ? shape(`path.level-${level}`, { d: marksPath("disc", here, radius) }) : null,
  );
}

export function paretoTable({ rows, objectives, front, broken = new Set() }) {
  return {
    columns: ["trial", "front", ...(broken.size ? ["broken"] : []), ...objectives.map(({ metric }) => metric)],
    rows: rows
      .filter(({ state }) => state === "completed")
      .map((row) => [
        row.number,
        front.has(row.number),
        ...(broken.size ? [broken.has(row.number)] : []),
        ...objectives.map(({ metric }) => valueOf(row.metrics, metric) ?? null),
      ]),
  };
}

function arrow({ goal }) {
  return goal === "maximize" ? "↑" : "↓";
}

function within(scale, value) {
  const [low, high] = scale.domain;
  return scale(Math.min(high, Math.max(low, value)));
}
