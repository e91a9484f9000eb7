/** The value over two parameters, as the study's model sees it, with the trials on it. */

import { contourChart } from "../../charts/contour.js";
import { parameterAxis } from "../../charts/parameter_axis.js";
import { basisText, followAnalysis, tableOf } from "../../core/analysis.js";
import { element, fill } from "../../core/element.js";
import { formatNumber, formatParameter } from "../../core/format.js";
import { setQuery } from "../../core/route.js";
import { figure } from "../../parts/figure.js";
import { objectiveSelect } from "../../parts/objective_select.js";
import { levelLegend, working } from "../../parts/pieces.js";
import { select } from "../../parts/select.js";

const LISTS = new Set(["constant", "permutation", "subset", "simplex"]);

export function openTab({ api, feed, query, fail }) {
  const { objectives } = feed.study;
  const { parameters } = feed;
  const names = parameters.filter(({ type }) => !LISTS.has(type)).map(({ name }) => name);
  const objective = objectiveSelect(objectives, query, () => reading.ask(asked()));
  let pair = [query.get("x"), query.get("y")].filter((name) => names.includes(name));
  let answer = null;
  const hint = element("p.hint", { role: "status" }, working("Computing…"));
  const across = select("Across", names, pair[0] ?? names[0], (name) => choose(0, name));
  const up = select("Up", names, pair[1] ?? names[1], (name) => choose(1, name));
  const legend = levelLegend();
  const plot = figure({
    title: "Contour",
    filename: `${feed.study.name}-contour`,
    hint,
    legend: legend.node,
    controls: [across.node, up.node, objective.node],
    height: (width) => Math.max(300, Math.min(560, width * 0.62)),
    draw: (size) => contourChart(data(), size),
    table: () => tableOf(answer),
    tell: ({ index, value }) => [
      `${objective.chosen.metric} about ${formatNumber(value, 4)}`,
      [
        [answer.facts.x, formatParameter(answer.columns.x[index])],
        [answer.facts.y, formatParameter(answer.columns.y[index])],
        ["between", `${formatNumber(answer.columns.low[index], 4)} and ${formatNumber(answer.columns.high[index], 4)}`],
      ],
    ],
  });
  const node = element("section.card", {}, plot.node);
  const reading = followAnalysis({ api, feed, kind: "contour", query: asked(), show, fail, hint });

  function choose(index, name) {
    const now = [answer?.facts.x ?? names[0], answer?.facts.y ?? names[1]];
    pair = now.with(index, name);
    if (pair[0] === pair[1]) pair = index ? [now[1], name] : [name, now[0]]; // the two change places
    setQuery({ x: pair[0], y: pair[1] });
    reading.ask(asked());
  }

  function asked() {
    return { objective: objective.chosen.metric, ...(pair.length === 2 ? { parameters: pair.join(",") } : {}) };
  }

  function data() {
    const axis = (name) => parameterAxis(parameters.find((each) => each.name === name) ?? parameters[0]);
    const label = answer?.facts.x ? `Expected ${objective.chosen.metric} over ${answer.facts.x} and ${answer.facts.y}` : "Contour";
    return {
      columns: answer?.columns ?? {},
      trials: answer?.facts.trials,
      x: axis(answer?.facts.x),
      y: axis(answer?.facts.y),
      goal: objective.chosen.goal,
      label,
      nothing: answer?.note ?? "",
    };
  }

  function show(told) {
    answer = told;
    const values = told.columns.mean ?? [];
    const range = [Math.min(...values), Math.max(...values)];
    const [worst, best] = objective.chosen.goal === "maximize" ? range : [range[1], range[0]];
    legend.node.hidden = !values.length;
    legend.update(formatNumber(worst), `${formatNumber(best)} (better)`);
    if (told.facts.x) {
      across.setOptions(names, told.facts.x);
      up.setOptions(names, told.facts.y);
    }
    fill(hint, basisText(told));
    plot.redraw();
  }

  return {
    node,
    update: (changed) => reading.update(changed),
    close() {
      reading.close();
      plot.close();
    },
  };
}
