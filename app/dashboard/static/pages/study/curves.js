/** Learning curves of the best trials, of those that run now, and of those that were stopped early. */

import { curvesChart, curvesTable } from "../../charts/curves.js";
import { element, fill } from "../../core/element.js";
import { formatNumber, plural } from "../../core/format.js";
import { setQuery } from "../../core/route.js";
import { isBetter, valueOf } from "../../core/values.js";
import { figure } from "../../parts/figure.js";
import { choice, stateLegend } from "../../parts/pieces.js";
import { select } from "../../parts/select.js";

const AT_ONCE = 4;
const WAYS = [
  ["best", "Best"],
  ["latest", "Latest"],
  ["pruned", "Stopped early"],
  ["running", "Running"],
];
const COUNT = 24; // one request each: the API tells measurements by trial

export function openTab({ api, feed, query, openTrial, fail }) {
  const ending = new AbortController();
  const [objective] = feed.study.objectives;
  const known = new Map();
  let way = query.get("show") ?? "best";
  let metric = query.get("metric") ?? objective.metric;
  let range = "focus";
  let reading = false;
  let again = false;

  const legend = stateLegend();
  const hint = element("p.hint", { role: "status" });
  const ways = choice("Which trials", WAYS, way, (chosen) => {
    way = chosen;
    setQuery({ show: chosen });
    read();
  });
  const ranges = choice(
    "Range of values",
    [
      ["focus", "Focus"],
      ["all", "All"],
      ["log", "Log"],
    ],
    range,
    (chosen) => {
      range = chosen;
      plot.redraw();
    },
  );
  const metrics = select("Metric", [metric], metric, (chosen) => {
    metric = chosen;
    setQuery({ metric: chosen });
    plot.redraw();
  });
  const plot = figure({
    title: "Learning curves",
    filename: `${feed.study.name}-curves`,
    legend: legend.node,
    hint,
    controls: [ways.node, metrics.node, ranges.node],
    height: (width) => Math.max(280, Math.min(460, width * 0.5)),
    draw: (size) => curvesChart({ curves: curves(), metric, goal: objective.goal, range }, size),
    table: () => curvesTable({ curves: curves(), metric }),
    tell: (hit) => [
      `Trial ${hit.number}, step ${hit.step}`,
      [
        [metric, formatNumber(hit.value, 6)],
        ["state", hit.state],
      ],
    ],
    open: openTrial,
  });
  const node = element("section.card", {}, plot.node);
  feed.wantRows();

  function chosenRows() {
    const rows = feed.rows.all.filter(({ step }) => step !== null);
    const by =
      {
        best: () =>
          rows
            .filter(({ state }) => state === "completed")
            .sort((a, b) =>
              isBetter(objective, valueOf(a.metrics, objective.metric), valueOf(b.metrics, objective.metric)) ? -1 : 1,
            ),
        latest: () => [...rows].reverse(),
        pruned: () => rows.filter(({ state }) => state === "pruned").reverse(),
        running: () => rows.filter(({ state }) => state === "running").reverse(),
      }[way] ?? (() => rows);
    return by().slice(0, COUNT);
  }

  function curves() {
    return chosenRows()
      .filter(({ number }) => known.has(number))
      .map((row) => {
        const points = known
          .get(row.number)
          .measurements.filter(({ attempt }) => attempt === row.attempt)
          .map(({ step, metrics: told }) => ({ step, value: valueOf(told, metric) }))
          .filter(({ value }) => typeof value === "number");
        return {
          number: row.number,
          state: row.state,
          attempt: row.attempt,
          isBest: row.number === feed.summary.best?.number,
          points,
        };
      });
  }

  async function read() {
    again = true;
    if (reading) return;
    reading = true;
    try {
      while (again && !ending.signal.aborted) {
        again = false;
        await readMissing();
      }
    } catch (error) {
      fail(error);
    } finally {
      reading = false;
    }
  }

  async function readMissing() {
    const missing = chosenRows().filter((row) => known.get(row.number)?.sequence !== row.sequence);
    while (missing.length && !ending.signal.aborted) {
      await Promise.all(
        missing.splice(0, AT_ONCE).map(async (row) => {
          known.set(row.number, { sequence: row.sequence, measurements: await api.measurements(row.id, ending.signal) });
        }),
      );
    }
    show();
  }

  function show() {
    const drawn = curves();
    const names = new Set([
      metric,
      ...chosenRows().flatMap(
        ({ number }) => known.get(number)?.measurements.flatMap(({ metrics: told }) => Object.keys(told)) ?? [],
      ),
    ]);
    metrics.setOptions([...names], metric);
    fill(
      hint,
      drawn.length
        ? `${plural(drawn.length, "trial")} of ${formatNumber(feed.rows.size)}`
        : "No trial of this kind has reported a step.",
    );
    legend.update(new Set(drawn.map(({ state }) => state)));
    plot.redraw();
  }

  return {
    node,
    update(changed) {
      if (changed.has("rows")) read();
    },
    close() {
      ending.abort();
      plot.close();
    },
  };
}
