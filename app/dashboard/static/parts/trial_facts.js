/** What there is to say of one trial: its metrics, where it came from, its attempts, its learning curve. */

import { curvesChart, curvesTable } from "../charts/curves.js";
import { element } from "../core/element.js";
import { formatDuration, formatNumber, formatTime } from "../core/format.js";
import { rowOf } from "../core/trial_rows.js";
import { secondsOf, valueOf } from "../core/values.js";
import { figure } from "./figure.js";
import { facts } from "./pieces.js";
import { select } from "./select.js";

export function metricsList(trial, study) {
  const names = new Set([...study.objectives.map(({ metric }) => metric), ...Object.keys(trial.metrics ?? {})]);
  return element(
    "dl.parameters",
    {},
    [...names].map((name) => {
      const [value, mean, deviation] = [
        valueOf(trial.metrics, name),
        valueOf(trial.predicted?.mean, name),
        valueOf(trial.predicted?.deviation, name),
      ];
      const expected =
        mean === undefined ? null : element("span.hint", {}, `expected ${formatNumber(mean)} ± ${formatNumber(deviation, 2)}`);
      return element(
        "div",
        {},
        element("dt", {}, name),
        element(
          "dd",
          {},
          element("span.value", { title: value === undefined ? null : String(value) }, formatNumber(value, 6)),
          expected,
        ),
      );
    }),
  );
}

export function aboutList(trial) {
  return facts([
    ["id", element("code", {}, trial.id)],
    ["chosen by", trial.source],
    ["worker", trial.worker],
    ["attempt", trial.attempt],
    ["last step", trial.step],
    ["created", formatTime(trial.created_at)],
    ["started", trial.started_at ? formatTime(trial.started_at) : null],
    ["ended", trial.finished_at ? formatTime(trial.finished_at) : null],
    ["took", trial.started_at ? formatDuration(secondsOf(rowOf(trial))) : null],
    ["repeats", trial.retry_of],
    ["weights from trial", trial.parent],
    ["goes on from", trial.continues],
    ["goes on as", trial.continued_by],
  ]);
}

export function attemptsTable(attempts) {
  return element(
    "div.scroller",
    {},
    element(
      "table",
      {},
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          ["attempt", "worker", "started", "outcome"].map((name) => element("th", { scope: "col" }, name)),
        ),
      ),
      element(
        "tbody",
        {},
        attempts.map((each) =>
          element(
            "tr",
            {},
            element("td", {}, formatNumber(each.attempt)),
            element("td", {}, each.worker),
            element("td", {}, formatTime(each.started_at)),
            element("td", {}, each.outcome ?? "running", each.reason ? element("small", {}, each.reason) : null),
          ),
        ),
      ),
    ),
  );
}

/** The learning curve of one trial, a line for each attempt, for the metric one chooses. */
export function curveFigure(trial, measurements, objectives) {
  if (!measurements.length) return null;
  const names = [...new Set(measurements.flatMap(({ metrics }) => Object.keys(metrics)))];
  const objective = objectives.find(({ metric }) => names.includes(metric)) ?? { metric: names[0], goal: "minimize" };
  let metric = objective.metric;
  const curves = () =>
    [...Map.groupBy(measurements, ({ attempt }) => attempt)].map(([attempt, points]) => ({
      number: trial.number,
      attempt,
      state: attempt === trial.attempt ? trial.state : "cancelled",
      points: points
        .map(({ step, metrics }) => ({ step, value: valueOf(metrics, metric) }))
        .filter(({ value }) => value !== undefined)
        .sort((a, b) => a.step - b.step),
    }));
  const made = figure({
    title: "Learning curve",
    level: "h3",
    filename: `trial-${trial.number}-curve`,
    height: 190,
    controls:
      names.length > 1
        ? [
            select("Metric", names, metric, (chosen) => {
              metric = chosen;
              made.redraw();
            }).node,
          ]
        : [],
    draw: (size) => curvesChart({ curves: curves(), metric, goal: objective.goal }, size),
    table: () => curvesTable({ curves: curves(), metric }),
    tell: (hit) => [
      `Step ${hit.step}`,
      [
        [metric, formatNumber(hit.value, 6)],
        ["attempt", String(hit.attempt)],
      ],
    ],
  });
  return made;
}
