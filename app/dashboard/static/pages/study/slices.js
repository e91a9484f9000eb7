/** Each parameter against an objective: where the good values lie, and whether there is more at the edges. */

import { sliceChart } from "../../charts/slice.js";
import { element, fill } from "../../core/element.js";
import { formatNumber, formatParameter, plural } from "../../core/format.js";
import { setQuery } from "../../core/route.js";
import { valueOf } from "../../core/values.js";
import { variablesOf } from "../../core/variables.js";
import { figure } from "../../parts/figure.js";
import { select } from "../../parts/select.js";

const DRAWN = 5000;
const DRAWN_OF_MANY = 60_000; // marks in all charts together

export function openTab({ feed, query, openTrial }) {
  const { objectives } = feed.study;
  let objective = objectives.find(({ metric }) => metric === query.get("metric")) ?? objectives[0];
  let rows = [];
  const metric = select(
    "Objective",
    objectives.map((each) => each.metric),
    objective.metric,
    (chosen) => {
      objective = objectives.find((each) => each.metric === chosen);
      setQuery({ metric: chosen });
      charts.forEach((chart) => chart.redraw());
    },
  );
  const hint = element("p.hint", { role: "status" });
  const charts = feed.parameters.flatMap(variablesOf).map(sliceFigure);
  const node = element(
    "div.slices",
    {},
    element("div.filters", {}, objectives.length > 1 ? metric.node : null, hint),
    element(
      "div.multiples",
      {},
      charts.map((chart) => element("div.card", {}, chart.node)),
    ),
  );
  feed.wantRows();

  function sliceFigure({ parameter, of }) {
    return figure({
      title: parameter.name,
      filename: `${feed.study.name}-${parameter.name}`,
      height: 200,
      draw: (size) => sliceChart({ rows, parameter, of, objective, best: feed.summary.best?.number }, size),
      table: () => ({
        columns: ["trial", "state", parameter.name, objective.metric],
        rows: rows.map((row) => [
          row.number,
          row.state,
          of(row.parameters) ?? null,
          valueOf(row.metrics, objective.metric) ?? null,
        ]),
      }),
      tell: (hit) => [
        `Trial ${hit.number}`,
        [
          [parameter.name, formatParameter(hit.shown)],
          [objective.metric, formatNumber(hit.value, 6)],
          ["state", hit.state],
        ],
      ],
      open: openTrial,
    });
  }

  return {
    node,
    update(changed) {
      if (!changed.has("rows")) return;
      const all = feed.rows.all.filter(({ state, excluded }) => (state === "completed" || state === "pruned") && !excluded);
      const every = Math.ceil(all.length / Math.min(DRAWN, DRAWN_OF_MANY / charts.length));
      rows = every > 1 ? all.filter(({ number }) => number % every === 0 || number === feed.summary.best?.number) : all;
      const reading = feed.rowsComplete ? "" : ` · still reading, ${formatNumber(feed.rows.size)} so far`;
      fill(
        hint,
        `${every > 1 ? `every ${every}th of ${plural(all.length, "trial")}` : plural(all.length, "trial")} with a result${reading}`,
      );
      charts.forEach((chart) => chart.redraw());
    },
    close: () => charts.forEach((chart) => chart.close()),
  };
}
