/** One parameter against a metric, a mark for each trial. Pure. */

import { plural, shorten } from "../core/format.js";
import { valueOf } from "../core/values.js";
import { emptyPlot, plotRoom, roomBeside, TICK_CHARACTER, verticalAxis } from "./axes.js";
import { marksPath } from "./marks.js";
import { parameterAxis } from "./parameter_axis.js";
import { focusedExtent, linearScale, padded } from "./scale.js";
import { drawing, group, px, shape } from "./scene.js";

/** @param {{rows: import("../core/trial_rows.js").Row[], parameter: object, of?: (values: object) => *, objective: {metric: string, goal: string}, best?: number}} data */
export function sliceChart({ rows, parameter, of = (values) => valueOf(values, parameter.name), objective, best = null }, size) {
  const axis = parameterAxis(parameter);
  const plain = plotRoom(size, { left: 48, bottom: 34, top: 10 });
  const found = rows
    .map((row) => ({
      number: row.number,
      state: row.state,
      value: valueOf(row.metrics, objective.metric),
      at: axis.place(of(row.parameters)),
      shown: of(row.parameters),
    }))
    .filter(({ value, at }) => typeof value === "number" && at !== null);
  const label = `${objective.metric} against ${parameter.name} of ${plural(found.length, "trial")}`;
  if (!found.length) return { scene: drawing(size, label, emptyPlot(size, "no trial with a value")), hits: [], room: null };
  const y = linearScale(
    padded(
      focusedExtent(
        found.map(({ value }) => value),
        objective.goal,
      ),
    ),
    [plain.bottom, plain.top],
  );
  const room = roomBeside(y, plain);
  const [low, high] = y.domain;
  const hits = found.map((each) => ({
    ...each,
    x: room.left + 5 + (each.at + jitter(axis, each.number)) * (room.width - 10),
    y: y(Math.min(high, Math.max(low, each.value))),
    isOutside: each.value < low || each.value > high,
  }));
  const radius = found.length > 2000 ? 1.4 : found.length > 300 ? 2 : 3;
  const states = ["pruned", "completed"].map((state) => {
    const here = hits.filter((hit) => hit.state === state && !hit.isOutside);
    const edge = hits.filter((hit) => hit.state === state && hit.isOutside);
    return group(
      `mark.${state}`,
      here.length
        ? shape("path", { d: marksPath(state === "pruned" ? "wedge" : found.length > 2000 ? "square" : "disc", here, radius) })
        : null,
      edge.length ? shape("path.outside", { d: marksPath("diamond", edge, radius * 0.8) }) : null,
    );
  });
  const top = hits.find(({ number }) => number === best);
  return {
    scene: drawing(
      size,
      label,
      verticalAxis(y, room, { title: "" }),
      parameterTicks(axis, room),
      group("marks", states),
      top ? group("best", shape("circle.peak", { cx: px(top.x), cy: px(top.y), r: 5 })) : null,
    ),
    hits,
    room,
  };
}

// Trials of one choice would hide each other: spread them within its cell, always the same way.
export function jitter(axis, number) {
  const cells = axis.cells;
  if (cells === null) return 0;
  const share = ((number * 2654435761) % 2 ** 32) / 2 ** 32;
  return ((share - 0.5) * 0.5) / cells;
}

/** The base of a plot whose horizontal axis is a parameter. */
export function parameterTicks(axis, room) {
  const ticks = fitting(axis, axis.ticks(Math.max(2, room.width / 50)), room.width);
  const each = room.width / Math.max(1, ticks.length);
  return group(
    "axis",
    shape("line.base", { x1: room.left, x2: room.right, y1: room.bottom, y2: room.bottom }),
    ticks.map(({ at, label }) =>
      shape(
        "text.tick",
        { x: px(room.left + 5 + at * (room.width - 10)), y: room.bottom + 17, "text-anchor": "middle" },
        axis.isNumeric ? label : shorten(label, Math.max(3, Math.floor(each / TICK_CHARACTER))),
      ),
    ),
  );
}

/** Of numbers as many as stand apart: a number that is cut short is another number. */
function fitting(axis, ticks, width) {
  if (!axis.isNumeric) return ticks;
  const longest = Math.max(0, ...ticks.map(({ label }) => label.length + 2));
  const every = Math.max(1, Math.ceil((ticks.length * longest * TICK_CHARACTER) / width));
  return ticks.filter((_, index) => index % every === 0);
}
