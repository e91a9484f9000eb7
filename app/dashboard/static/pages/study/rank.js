/** Two parameters against each other, every trial coloured by its rank: the trials themselves, and no model of them. */

import { rankChart } from "../../charts/rank.js";
import { parameterAxis } from "../../charts/parameter_axis.js";
import { basisText, followAnalysis, tableOf } from "../../core/analysis.js";
import { element, fill } from "../../core/element.js";
import { formatParameter, formatShare } from "../../core/format.js";
import { setQuery } from "../../core/route.js";
import { figure } from "../../parts/figure.js";
import { objectiveSelect } from "../../parts/objective_select.js";
import { levelLegend, working } from "../../parts/pieces.js";
import { select } from "../../parts/select.js";

const LISTS = new Set(["constant", "permutation", "subset", "simplex"]);

export function openTab({ api, feed, query, openTrial, fail }) {
  const known = feed.parameters.filter(({ type }) => !LISTS.has(type));
  const names = known.map(({ name }) => name);
  const objective = objectiveSelect(feed.study.objectives, query, () => reading.ask(asked()));
  const named = (key, otherwise) => (names.includes(query.get(key)) ? query.get(key) : otherwise);
  let pair = [named("x", names[0]), named("y", names[1] ?? names[0])];
  let answer = null;
  const hint = element("p.hint", { role: "status" }, working("Computing…"));
  const legend = levelLegend();
  legend.update("worst", "best");
  const axis = (name) => parameterAxis(known.find((each) => each.name === name));
  const choose = (index, key) => (name) => {
    pair = pair.with(index, name);
    setQuery({ [key]: name });
    reading.ask(asked());
  };
  const plot = figure({
    title: "Ranks",
    filename: `${feed.study.name}-rank`,
    hint,
    legend: legend.node,
    controls: [select("Across", names, pair[0], choose(0, "x")).node, select("Up", names, pair[1], choose(1, "y")).node, objective.node],
    height: (width) => Math.max(300, Math.min(560, width * 0.55)),
    draw: (size) => rankChart({ columns: answer?.columns ?? {}, x: axis(pair[0]), y: axis(pair[1]), label: `Ranks over ${pair.join(" and ")}`, nothing: answer?.note ?? "" }, size),
    table: () => tableOf(answer),
    tell: (hit) => [`Trial ${hit.number}`, [["better than", formatShare(1 - hit.rank)], [pair[0], formatParameter(hit.a)], [pair[1], formatParameter(hit.b)]]],
    open: openTrial,
  });
  const reading = followAnalysis({ api, feed, kind: "rank", query: asked(), show, fail, hint });

  function asked() {
    return { objective: objective.chosen.metric, parameters: [...new Set(pair)].join(","), max_points: 5000 };
  }

  function show(told) {
    answer = told;
    fill(hint, basisText(told));
    plot.redraw();
  }

  return {
    node: element("section.card", {}, plot.node),
    update: (changed) => reading.update(changed),
    close() {
      reading.close();
      plot.close();
    },
  };
}
