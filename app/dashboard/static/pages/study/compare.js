/** A few trials side by side: what differs between them, what came out, and their curves in one plot. */

import { curvesChart, curvesTable } from "../../charts/curves.js";
import { element, fill } from "../../core/element.js";
import { formatDuration, formatNumber, formatParameter } from "../../core/format.js";
import { secondsOf, valueOf } from "../../core/values.js";
import { rowOf } from "../../core/trial_rows.js";
import { figure } from "../../parts/figure.js";
import { emptyPlace, loadingPlace, statePill } from "../../parts/pieces.js";

const MOST = 8;

export function openTab({ api, feed, query, openTrial, fail }) {
  const ending = new AbortController();
  const [objective] = feed.study.objectives;
  const numbers = (query.get("trials") ?? "").split(",").filter((text) => /^\d+$/.test(text)).slice(0, MOST);
  const sheet = element("section.card", {}, loadingPlace());
  const legend = element("ul.legend");
  let trials = [];
  let curves = [];
  const plot = figure({
    title: `Curves of ${objective.metric}`,
    filename: `${feed.study.name}-compare`,
    legend,
    height: 280,
    draw: (size) => curvesChart({ curves, metric: objective.metric, goal: objective.goal, range: "all" }, size),
    table: () => curvesTable({ curves, metric: objective.metric }),
    tell: (hit) => [`Trial ${hit.number}, step ${hit.step}`, [[objective.metric, formatNumber(hit.value, 6)]]],
    open: openTrial,
  });
  const node = element("div.stack", {}, sheet, element("section.card", {}, plot.node));
  read().catch((error) => ending.signal.aborted || fail(error));

  async function read() {
    const asked = { number: numbers.join(","), sort: "number", signal: ending.signal };
    if (numbers.length > 1) trials = (await api.trials(feed.study.id, asked)).items;
    if (trials.length < 2) {
      fill(sheet, emptyPlace("Choose trials to compare", "Mark two to eight of them in the table of trials."));
      return;
    }
    show();
    const told = await Promise.all(trials.map(({ id }) => api.measurements(id, ending.signal)));
    curves = trials
      .map((trial, index) => ({
        number: trial.number,
        state: trial.state,
        attempt: trial.attempt,
        kind: `series-${index}`,
        points: told[index]
          .filter(({ attempt }) => attempt === trial.attempt)
          .map(({ step, metrics }) => ({ step, value: valueOf(metrics, objective.metric) }))
          .filter(({ value }) => typeof value === "number"),
      }))
      .filter(({ points }) => points.length);
    fill(legend, curves.map(({ number, kind }) => element("li", {}, element(`span.swatch.${kind}`), `trial ${formatNumber(number)}`)));
    plot.redraw();
  }

  function show() {
    const metrics = [...new Set(trials.flatMap((trial) => Object.keys(trial.metrics ?? {})))];
    const parameters = feed.parameters.map(({ name }) => name);
    fill(
      sheet,
      element("h2", {}, "Side by side"),
      element("p.hint", {}, "What differs is marked."),
      element(
        "div.scroller",
        { tabindex: 0, role: "region", "aria-label": "Side by side" },
        element(
          "table.compare",
          {},
          element(
            "thead",
            {},
            element(
              "tr",
              {},
              element("th", { scope: "col" }, "trial"),
              trials.map((trial) =>
                element(
                  "th",
                  { scope: "col" },
                  element("button.plain", { type: "button", on: { click: () => openTrial(trial) } }, formatNumber(trial.number)),
                ),
              ),
            ),
          ),
          element(
            "tbody",
            {},
            line("state", (trial) => statePill(trial.state), ({ state }) => state),
            metrics.map((name) => line(name, (trial) => exact(valueOf(trial.metrics, name)), null)),
            line("took", (trial) => formatDuration(secondsOf(rowOf(trial))), null),
            parameters.map((name) =>
              line(name, (trial) => exact(valueOf(trial.parameters, name)), (trial) => JSON.stringify(valueOf(trial.parameters, name))),
            ),
            line("worker", (trial) => trial.worker ?? "–", ({ worker }) => worker),
            line("why", (trial) => trial.why ?? "–", null),
          ),
        ),
      ),
    );
  }

  /** `fact`: what must be equal for a line to be unmarked; null: it is never marked. */
  function line(name, cell, fact) {
    const differs = fact !== null && new Set(trials.map(fact)).size > 1;
    return element(
      `tr${differs ? ".differs" : ""}`,
      {},
      element("th", { scope: "row" }, name),
      trials.map((trial) => element("td", {}, cell(trial))),
    );
  }

  return {
    node,
    update() {},
    close() {
      ending.abort();
      plot.close();
    },
  };
}

function exact(value) {
  return typeof value === "number" ? formatNumber(value, 6) : formatParameter(value);
}
