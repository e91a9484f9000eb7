/** Learning curves: those that run, the best and some of the rest, or one kind of them; what was stopped, and why. */

import { curvesChart, curvesTable } from "../../charts/curves.js";
import { rowsOf } from "../../core/analysis.js";
import { isAbort } from "../../core/api.js";
import { element, fill } from "../../core/element.js";
import { formatNumber, formatShare, plural } from "../../core/format.js";
import { setQuery } from "../../core/route.js";
import { isBetter, metricNames, valueOf } from "../../core/values.js";
import { figure } from "../../parts/figure.js";
import { choice, stateLegend, working } from "../../parts/pieces.js";
import { select } from "../../parts/select.js";

const WAYS = [
  ["some", "A bit of all"],
  ["best", "Best"],
  ["latest", "Latest"],
  ["pruned", "Stopped early"],
  ["running", "Running"],
];
const RANGES = [
  ["focus", "Focus"],
  ["all", "All"],
  ["log", "Log"],
];
const MOST = 40; // curves in one plot
const AT_ONCE = 4; // a metric that is no objective is told trial by trial
const CALM_MS = 2000;

export function openTab({ api, feed, query, openTrial, fail }) {
  const ending = new AbortController();
  const { objectives } = feed.study;
  let way = WAYS.some(([name]) => name === query.get("show")) ? query.get("show") : "some";
  let metric = query.get("metric") ?? objectives[0].metric;
  let range = "focus";
  let curves = [];
  let isRead = false;
  let busy = false;
  let again = false;

  const legend = stateLegend();
  const hint = element("p.hint", { role: "status" }, working("Reading…"));
  const stopped = element("div");
  const ways = choice("Which trials", WAYS, way, (chosen) => {
    way = chosen;
    setQuery({ show: chosen === "some" ? null : chosen });
    if (way !== "some") feed.wantRows();
    read();
  });
  const ranges = choice("Range of values", RANGES, range, (chosen) => {
    range = chosen;
    plot.redraw();
  });
  const metrics = select("Metric", [metric], metric, (chosen) => {
    metric = chosen;
    setQuery({ metric: chosen });
    read();
  });
  const plot = figure({
    title: "Learning curves",
    filename: `${feed.study.name}-curves`,
    legend: legend.node,
    hint,
    controls: [ways.node, metrics.node, ranges.node],
    height: (width) => Math.max(280, Math.min(460, width * 0.5)),
    draw: (size) => curvesChart({ curves, metric, goal: goalOf(metric), range, nothing: isRead ? undefined : "" }, size),
    table: () => curvesTable({ curves, metric }),
    tell: (hit) => [
      `Trial ${hit.number}, step ${hit.step}`,
      [
        [metric, formatNumber(hit.value, 6)],
        ["state", hit.state],
      ],
    ],
    open: openTrial,
  });
  const node = element("div.stack", {}, element("section.card", {}, plot.node), stopped);
  if (way !== "some") feed.wantRows();

  function goalOf(name) {
    return objectives.find((each) => each.metric === name)?.goal ?? "minimize";
  }

  /** One reading at a time, and not in a hurry: what changes meanwhile is read in the next. */
  async function read() {
    again = true;
    const isWaiting = way !== "some" && !feed.rows.size && !feed.rowsComplete; // the first rows will ask again
    if (busy || isWaiting) return;
    busy = true;
    try {
      while (again && !ending.signal.aborted) {
        again = false;
        await show(await (objectives.some((each) => each.metric === metric) ? readObjective() : readMetric()));
        await new Promise((resolve) => setTimeout(resolve, CALM_MS));
      }
    } catch (error) {
      if (!isAbort(error)) fail(error);
    } finally {
      busy = false;
    }
  }

  async function readObjective() {
    const numbers = way === "some" ? null : chosenRows().map(({ number }) => number);
    if (numbers?.length === 0) return { trials: [], note: "" };
    const answer = await api.analysis(feed.study.id, "curves", { objective: metric, trials: numbers?.join(",") }, ending.signal);
    const told = new Map(rowsOf({ columns: answer.facts.trials ?? { number: [] } }).map((trial) => [trial.number, trial]));
    const trials = [...Map.groupBy(rowsOf(answer), ({ number }) => number)].map(([number, points]) => ({
      ...(told.get(number) ?? { number, state: feed.rows.get(number)?.state ?? "completed", reason: null }),
      points,
    }));
    return { trials, note: "" };
  }

  async function readMetric() {
    await feed.wantRows();
    const left = chosenRows();
    const trials = [];
    const work = async () => {
      for (let row = left.shift(); row; row = left.shift()) trials.push(await withPoints(row));
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    return { trials, note: "" };
  }

  async function withPoints({ number, state, reason, attempt }) {
    const told = await api.measurements(await feed.trialId(number), ending.signal);
    const points = told
      .filter((each) => each.attempt === attempt)
      .map(({ step, metrics: values }) => ({ step, value: valueOf(values, metric) }))
      .filter(({ value }) => typeof value === "number");
    return { number, state, reason, points };
  }

  function chosenRows() {
    const rows = feed.rows.all.filter(({ step }) => step !== null);
    const by = {
      some: () => [...rows].reverse(),
      best: () => bestFirst(rows, objectives[0]),
      latest: () => [...rows].reverse(),
      pruned: () => rows.filter(({ state }) => state === "pruned").reverse(),
      running: () => rows.filter(({ state }) => state === "running").reverse(),
    };
    return by[way]().slice(0, MOST);
  }

  function show({ trials, note }) {
    isRead = true;
    curves = trials
      .filter(({ points }) => points.length)
      .map((trial) => ({ ...trial, isBest: trial.number === feed.summary.best?.number }));
    metrics.setOptions([...new Set([metric, ...metricNames(feed.rows.all.slice(-200), objectives)])], metric);
    fill(hint, curves.length ? `${plural(curves.length, "curve")}. ${note}` : "No trial of this kind has reported a step.");
    legend.update(new Set(curves.map(({ state }) => state)));
    fill(stopped, stoppedCard(trials.filter(({ state }) => state === "pruned")));
    plot.redraw();
  }

  function stoppedCard(trials) {
    const count = feed.summary.trials.pruned ?? 0;
    if (!count) return null;
    const ended = count + (feed.summary.trials.completed ?? 0);
    const longest = Math.max(...curves.filter(({ state }) => state === "completed").map(({ points }) => points.at(-1).step));
    const steps = trials.filter(({ points }) => points.length).map(({ points }) => points.at(-1).step);
    const mean = steps.reduce((sum, step) => sum + step, 0) / steps.length;
    return element(
      "section.card",
      {},
      element("h2", {}, "Stopped early"),
      element(
        "p.hint",
        {},
        `${plural(count, "trial")}, ${formatShare(count / ended)} of those with a result, by the rule “${feed.study.stopping?.rule ?? "none"}”.`,
        steps.length && Number.isFinite(longest) ? ` Those shown ended at step ${formatNumber(mean, 3)} of ${formatNumber(longest)} on average.` : "",
      ),
      trials.length ? stoppedTable(trials) : null,
    );
  }

  function stoppedTable(trials) {
    const line = ({ number, reason, points }) =>
      element(
        "tr",
        {},
        element("th", { scope: "row" }, element("button.link", { type: "button", on: { click: () => openTrial({ number }) } }, `trial ${number}`)),
        element("td", {}, points.length ? `step ${formatNumber(points.at(-1).step)}` : "–"),
        element("td", {}, points.length ? `${metric} ${formatNumber(points.at(-1).value, 5)}` : "–"),
        element("td", {}, reason ?? "–"),
      );
    return element("div.scroller.short", { tabindex: 0, role: "region", "aria-label": "Stopped early" }, element("table", {}, element("tbody", {}, [...trials].reverse().map(line))));
  }

  return {
    node,
    update(changed) {
      if (changed.has("study") || (way !== "some" && changed.has("rows"))) read();
    },
    close() {
      ending.abort();
      plot.close();
    },
  };
}

function bestFirst(rows, objective) {
  const value = (row) => valueOf(row.metrics, objective.metric);
  return rows.filter(({ state }) => state === "completed").sort((a, b) => (isBetter(objective, value(a), value(b)) ? -1 : 1));
}
