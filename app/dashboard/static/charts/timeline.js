/** Who ran what when: a lane for each worker, a bar for each trial. Pure. */

import { formatClock, formatDuration, plural, shorten } from "../core/format.js";
import { emptyPlot, plotRoom } from "./axes.js";
import { extent, linearScale } from "./scale.js";
import { drawing, group, px, shape } from "./scene.js";

const LANE = 22;
const STATES = ["completed", "pruned", "running", "infeasible", "failed", "cancelled", "waiting", "lost", "released"];

/** @param {{rows: import("../core/trial_rows.js").Row[], now: number}} data */
export function timelineChart({ rows, now }, { width }) {
  const started = rows.filter(({ startedAt, worker }) => startedAt !== null && worker); // what was imported ran nowhere
  const lanes = lanesOf(started, now);
  const label = `${plural(started.length, "trial")} on ${plural(lanes.length, "lane")} by time`;
  const height = Math.max(120, lanes.length * LANE + 64);
  if (!started.length)
    return {
      scene: drawing({ width, height }, label, emptyPlot({ width, height }, "No worker has run a trial yet.")),
      hits: [],
      room: null,
      height,
    };
  const room = plotRoom({ width, height }, { left: Math.min(170, width * 0.26), top: 12, bottom: 36 });
  const [from] = extent(started.map(({ startedAt }) => startedAt));
  const [, end] = extent(started.map((row) => row.finishedAt ?? (row.state === "running" ? now : row.startedAt)));
  const to = Math.max(from + 1000, end);
  const x = linearScale([from, to], [room.left, room.right]);
  const hits = lanes.flatMap((lane, index) => lane.rows.map((row) => barOf(row, x, room.top + index * LANE, now)));
  const bars = STATES.map((state) => {
    const here = hits.filter((hit) => hit.state === state);
    return here.length
      ? shape(`path.${state}`, {
          d: here
            .map(({ left, right, top }) => `M${px(left)} ${top}h${Math.max(1, px(right - left))}v${LANE - 8}H${px(left)}z`)
            .join(""),
        })
      : null;
  });
  const labels = lanes.map(({ worker, first }, index) =>
    first
      ? shape(
          "text.tick",
          { x: room.left - 10, y: room.top + index * LANE + 11, "text-anchor": "end" },
          shorten(worker, Math.floor(room.left / 7.5)),
        )
      : null,
  );
  return {
    scene: drawing({ width, height }, label, timeAxis(x, room, from), group("bars", bars), group("axis", labels)),
    hits,
    room,
    height,
  };
}

export function timelineTable({ rows }) {
  const time = (moment) => (moment === null ? "" : new Date(moment).toISOString());
  return {
    columns: ["trial", "state", "worker", "attempt", "started", "ended"],
    rows: rows.map((row) => [row.number, row.state, row.worker, row.attempt, time(row.startedAt), time(row.finishedAt)]),
  };
}

/** Trials that overlap on one worker get lanes of their own. */
export function lanesOf(rows, now) {
  const byWorker = new Map();
  for (const row of [...rows].sort((a, b) => a.startedAt - b.startedAt)) {
    const { worker } = row;
    if (!byWorker.has(worker)) byWorker.set(worker, []);
    const lanes = byWorker.get(worker);
    const free = lanes.find((lane) => lane.end <= row.startedAt);
    const end = row.finishedAt ?? (row.state === "running" ? now : row.startedAt);
    if (free) Object.assign(free, { end }).rows.push(row);
    else lanes.push({ worker, first: !lanes.length, end, rows: [row] });
  }
  return [...byWorker.entries()].sort(([a], [b]) => a.localeCompare(b)).flatMap(([, lanes]) => lanes);
}

function barOf(row, x, top, now) {
  const left = x(row.startedAt);
  const right = Math.max(left + 1, x(row.finishedAt ?? (row.state === "running" ? now : row.startedAt)) - 0.7);
  return { number: row.number, state: row.state, row, left, right, top, x: (left + right) / 2, y: top + (LANE - 8) / 2 };
}

function timeAxis(x, room, from) {
  const [low, high] = x.domain;
  const step = timeStep((high - low) / Math.max(2, room.width / 110));
  const ticks = Array.from({ length: Math.floor((high - low) / step) + 1 }, (_, index) => low + index * step);
  return group(
    "axis",
    ticks.map((tick) => shape("line.grid", { x1: px(x(tick)), x2: px(x(tick)), y1: room.top - 4, y2: room.bottom })),
    ticks.map((tick) =>
      shape(
        "text.tick",
        { x: px(x(tick)), y: room.bottom + 16, "text-anchor": "middle" },
        tick === low ? formatClock(from) : `+${formatDuration((tick - low) / 1000)}`,
      ),
    ),
  );
}

function timeStep(rough) {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400, 172800, 604800];
  return (steps.find((step) => step * 1000 >= rough) ?? 604800 * Math.ceil(rough / 604800000)) * 1000;
}
