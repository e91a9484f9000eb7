/** Two objectives against each other, and the front of those that nothing beats in both. Pure. */

import { plural } from "../core/format.js";
import { valueOf } from "../core/values.js";
import { emptyPlot, horizontalAxis, plotRoom, verticalAxis } from "./axes.js";
import { marksPath, radiusFor } from "./marks.js";
import { focusedExtent, linearScale, padded } from "./scale.js";
import { drawing, group, shape, steps } from "./scene.js";

/**
 * @param {{rows: import("../core/trial_rows.js").Row[], objectives: [object, object], front: Set<number>}} data
 *   the front is the server's: it knows the constraints and what is excluded
 */
export function paretoChart({ rows, objectives: [first, second], front }, size) {
  const found = rows
    .map((row) => ({
      number: row.number,
      state: row.state,
      a: valueOf(row.metrics, first.metric),
      b: valueOf(row.metrics, second.metric),
    }))
    .filter(({ a, b, state }) => typeof a === "number" && typeof b === "number" && state === "completed");
  const label = `${first.metric} against ${second.metric} of ${plural(found.length, "trial")}; ${front.size} on the front`;
  if (!found.length) return { scene: drawing(size, label, emptyPlot(size, "No completed trial yet.")), hits: [], room: null };
  const room = plotRoom(size, { bottom: 46 });
  const x = linearScale(
    padded(
      focusedExtent(
        found.map(({ a }) => a),
        first.goal,
      ),
    ),
    [room.left, room.right],
  );
  const y = linearScale(
    padded(
      focusedExtent(
        found.map(({ b }) => b),
        second.goal,
      ),
    ),
    [room.bottom, room.top],
  );
  const hits = found.map((each) => ({ ...each, isFront: front.has(each.number), x: within(x, each.a), y: within(y, each.b) }));
  const radius = radiusFor(found.length, room.width);
  const best = hits.filter(({ isFront }) => isFront).sort((p, q) => p.x - q.x);
  return {
    scene: drawing(
      size,
      label,
      verticalAxis(y, room, { title: `${second.metric} ${arrow(second)}` }),
      horizontalAxis(x, room, { title: "" }),
      shape("text.title", { x: room.right, y: size.height - 4, "text-anchor": "end" }, `${first.metric} ${arrow(first)}`),
      group(
        "marks",
        group(
          "mark.completed",
          shape("path", {
            d: marksPath(
              "disc",
              hits.filter(({ isFront }) => !isFront),
              radius,
            ),
          }),
        ),
      ),
      group(
        "best",
        shape("path.line", { d: steps(best.map(({ x: across, y: up }) => [across, up])) }),
        shape("path.front", { d: marksPath("disc", best, 4.5) }),
      ),
    ),
    hits,
    room,
  };
}

export function paretoTable({ rows, objectives, front }) {
  return {
    columns: ["trial", "front", ...objectives.map(({ metric }) => metric)],
    rows: rows
      .filter(({ state }) => state === "completed")
      .map((row) => [
        row.number,
        front.has(row.number),
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
