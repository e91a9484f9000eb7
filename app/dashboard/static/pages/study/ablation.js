/** From the default to the best trial, one parameter at a time: what each change is worth, as the study's model sees it. */

import { courseChart } from "../../charts/course.js";
import { parameterAxis } from "../../charts/parameter_axis.js";
import { basisText, followAnalysis, rowsOf, tableOf } from "../../core/analysis.js";
import { element, fill } from "../../core/element.js";
import { formatNumber, formatParameter } from "../../core/format.js";
import { figure } from "../../parts/figure.js";
import { objectiveSelect } from "../../parts/objective_select.js";
import { working } from "../../parts/pieces.js";

export function openTab({ api, feed, query, fail }) {
  const objective = objectiveSelect(feed.study.objectives, query, () => reading.ask({ objective: objective.chosen.metric }));
  let answer = null;
  const hint = element("p.hint", { role: "status" }, working("Computing…"));
  const steps = element("div.scroller", { tabindex: 0, role: "region", "aria-label": "Steps" });
  const plot = figure({
    title: "From the default to the best",
    filename: `${feed.study.name}-ablation`,
    hint,
    controls: [objective.node],
    height: 280,
    draw: (size) => courseChart({ label: `Expected ${objective.chosen.metric} along the way to the best`, nothing: answer?.note ?? "", lines: [], yTitle: objective.chosen.metric, ...(answer?.is_enough ? course(rowsOf(answer)) : {}) }, size),
    table: () => tableOf(answer),
    tell: (hit) => [hit.parameter, [["expected", formatNumber(hit.mean, 5)], ["between", `${formatNumber(hit.low, 4)} and ${formatNumber(hit.high, 4)}`]]],
  });
  const reading = followAnalysis({ api, feed, kind: "ablation", query: { objective: objective.chosen.metric }, show, fail, hint });

  function show(told) {
    answer = told;
    fill(hint, basisText(told));
    fill(steps, told.is_enough ? stepTable(rowsOf(told), objective.chosen.goal) : null);
    plot.redraw();
  }

  return {
    node: element("section.card", {}, plot.node, steps),
    update: (changed) => reading.update(changed),
    close() {
      reading.close();
      plot.close();
    },
  };
}

function course(rows) {
  const axis = parameterAxis({ name: "step", type: "categorical", choices: rows.map(({ parameter }) => parameter) });
  const at = ({ parameter }) => axis.place(parameter);
  return { axis, lines: [{ points: rows.map((row) => [at(row), row.mean]), facts: rows }], band: rows.map((row) => [at(row), row.low, row.high]) };
}

function stepTable(rows, goal) {
  const line = (row, index) => {
    const change = index ? row.mean - rows[index - 1].mean : null;
    const isGain = goal === "maximize" ? change > 0 : change < 0;
    return element(
      "tr",
      {},
      element("th", { scope: "row" }, row.parameter),
      element("td", {}, row.before === null && row.after === null ? "–" : `${formatParameter(row.before ?? undefined)} → ${formatParameter(row.after ?? undefined)}`),
      element("td.number", {}, formatNumber(row.mean, 5)),
      element("td.number", { class: change && isGain ? "gain" : "" }, change === null ? "–" : `${change > 0 ? "+" : ""}${formatNumber(change, 3)}`),
    );
  };
  return element("table", {}, element("thead", {}, element("tr", {}, ["parameter", "change", "expected", "difference"].map((name, index) => element("th", { scope: "col", class: index > 1 ? "number" : "" }, name)))), element("tbody", {}, rows.map(line)));
}
