/** How the value depends on each parameter, averaged over the others, as the study's model sees it. */

import { courseChart } from "../../charts/course.js";
import { parameterAxis } from "../../charts/parameter_axis.js";
import { basisText, followAnalysis, rowsOf } from "../../core/analysis.js";
import { element, fill } from "../../core/element.js";
import { formatNumber, formatParameter } from "../../core/format.js";
import { setQuery } from "../../core/route.js";
import { figure } from "../../parts/figure.js";
import { objectiveSelect } from "../../parts/objective_select.js";
import { choice, working } from "../../parts/pieces.js";

const MOST = 12;

export function openTab({ api, feed, query, fail }) {
  const { objectives } = feed.study;
  const objective = objectiveSelect(objectives, query, () => reading.ask(asked()));
  let withLines = query.get("lines") !== "no";
  const named = query.get("parameters")?.split(",").filter(Boolean) ?? [];
  let charts = [];
  const hint = element("p.hint", { role: "status" }, working("Computing…"));
  const place = element("div.multiples");
  const lines = choice("Single trials", [["yes", "With single trials"], ["no", "Average only"]], withLines ? "yes" : "no", (chosen) => {
    withLines = chosen === "yes";
    setQuery({ lines: withLines ? null : "no" });
    charts.forEach((chart) => chart.redraw());
  });
  const node = element("div.stack", {}, element("div.filters", {}, objective.node, lines.node, hint), place);
  const reading = followAnalysis({ api, feed, kind: "partial_dependence", query: asked(), show, fail, hint });

  function asked() {
    return { objective: objective.chosen.metric, ...(named.length ? { parameters: named.join(",") } : {}) };
  }

  function show(answer) {
    fill(hint, `${answer.is_enough ? "The band is what the model is sure of, nine times in ten. " : ""}${basisText(answer)}`);
    charts.forEach((chart) => chart.close());
    const rows = rowsOf(answer);
    const names = [...new Set(rows.map(({ parameter }) => parameter))].slice(0, MOST);
    const all = rows.filter(({ parameter }) => names.includes(parameter));
    const domain = rangeOf(all);
    charts = names.map((name) => dependenceFigure(name, rows.filter(({ parameter }) => parameter === name), answer, domain));
    fill(place, charts.map((chart) => element("div.card", {}, chart.node)));
  }

  function dependenceFigure(name, rows, answer, domain) {
    const axis = parameterAxis(feed.parameters.find((each) => each.name === name));
    const ice = answer.facts.ice?.[name] ?? [];
    return figure({
      title: name,
      filename: `${feed.study.name}-dependence-${name}`,
      height: 210,
      draw: (size) =>
        courseChart(
          {
            lines: [{ points: rows.map((row) => [axis.place(row.value), row.mean]), facts: rows }],
            band: rows.map((row) => [axis.place(row.value), row.low, row.high]),
            thin: withLines ? ice.map((line) => line.map((value, index) => [axis.place(rows[index].value), Math.min(domain[1], Math.max(domain[0], value))])) : [],
            axis,
            domain,
            label: `Expected ${objective.chosen.metric} along ${name}`,
          },
          size,
        ),
      table: () => ({ columns: ["value", "expected", "low", "high"], rows: rows.map((row) => [row.value, row.mean, row.low, row.high]) }),
      tell: (hit) => [
        `${name} = ${formatParameter(hit.value)}`,
        [
          [`expected ${objective.chosen.metric}`, formatNumber(hit.mean, 5)],
          ["between", `${formatNumber(hit.low, 4)} and ${formatNumber(hit.high, 4)}`],
        ],
      ],
    });
  }

  return {
    node,
    update: (changed) => reading.update(changed),
    close() {
      reading.close();
      charts.forEach((chart) => chart.close());
    },
  };
}

/** One range for all parameters, so that their effects can be compared. */
function rangeOf(rows) {
  const [low, high] = [Math.min(...rows.map((row) => row.low)), Math.max(...rows.map((row) => row.high))];
  const air = (high - low) * 0.12 || 1;
  return [low - air, high + air];
}
