/** Which parameters matter, for each objective, and which of them act together. */

import { importanceChart } from "../../charts/importance.js";
import { basisText, followAnalysis, rowsOf, tableOf } from "../../core/analysis.js";
import { element, fill } from "../../core/element.js";
import { formatNumber, formatShare } from "../../core/format.js";
import { address, setQuery } from "../../core/route.js";
import { figure } from "../../parts/figure.js";
import { meter } from "../../parts/meter.js";
import { choice, working } from "../../parts/pieces.js";

const METHODS = [
  ["ped_anova", "Among the best"],
  ["fanova", "Everywhere"],
];
const WORDS = {
  ped_anova: "What sets the best tenth of the trials apart from all (PED-ANOVA).",
  fanova: "What moves the value anywhere in the space, as a random forest sees it (fANOVA).",
};

export function openTab({ api, feed, query, fail }) {
  const { objectives } = feed.study;
  let method = METHODS.some(([name]) => name === query.get("method")) ? query.get("method") : "ped_anova";
  let answer = null;
  const hint = element("p.hint", { role: "status" }, working("Computing…"));
  const pairs = element("div");
  const operators = element("div");
  const methods = choice("Which importance", METHODS, method, (chosen) => {
    method = chosen;
    setQuery({ method: chosen });
    fill(hint, working("Computing…"));
    reading.ask({ method });
  });
  const charts = objectives.map(({ metric }) =>
    figure({
      title: objectives.length > 1 ? `Importance for ${metric}` : "Importance",
      filename: `${feed.study.name}-importance-${metric}`,
      draw: (size) => importanceChart({ rows: of(metric), label: `Importance of parameters for ${metric}`, nothing: answer?.note ?? "" }, size),
      table: () => tableOf(answer),
      tell: (hit) => [
        hit.parameter,
        [
          ["importance", formatShare(hit.importance)],
          ["between", `${formatShare(hit.low)} and ${formatShare(hit.high)}`],
        ],
      ],
      open: ({ parameter }) => {
        location.hash = address("studies", feed.name, "dependence", { parameters: parameter });
      },
    }),
  );
  const node = element(
    "div.stack",
    {},
    element("div.filters", {}, methods.node, hint),
    charts.map((chart) => element("section.card", {}, chart.node)),
    pairs,
    operators,
  );
  const reading = followAnalysis({ api, feed, kind: "importance", query: { method }, show, fail, hint });
  const readings = [reading];
  if (feed.study.space.architecture)
    readings.push(followAnalysis({ api, feed, kind: "operators", query: { objective: objectives[0].metric }, show: (told) => fill(operators, operatorCard(told, objectives[0])), fail }));

  function of(metric) {
    return answer ? rowsOf(answer).filter(({ objective }) => objective === metric) : [];
  }

  function show(told) {
    answer = told;
    fill(hint, `${WORDS[method]} ${basisText(told)}`);
    fill(pairs, pairTables(told.facts.interactions ?? {}));
    charts.forEach((chart) => chart.redraw());
  }

  return {
    node,
    update: (changed) => readings.forEach((each) => each.update(changed)),
    close() {
      readings.forEach((each) => each.close());
      charts.forEach((chart) => chart.close());
    },
  };

  function pairTables(interactions) {
    return Object.entries(interactions)
      .filter(([, found]) => found.length)
      .map(([metric, found]) =>
        element(
          "section.card",
          {},
          element("h2", {}, objectives.length > 1 ? `Together, for ${metric}` : "What parameters do together"),
          element("p.hint", {}, "Beyond what each of the two does alone; a row opens the contour."),
          element(
            "table",
            {},
            element(
              "tbody",
              {},
              found.map(({ parameters, importance }) =>
                element(
                  "tr",
                  {},
                  element("th", { scope: "row" }, element("a", { href: address("studies", feed.name, "contour", { x: parameters[0], y: parameters[1], metric }) }, parameters.join(" × "))),
                  element("td", {}, formatShare(importance)),
                ),
              ),
            ),
          ),
        ),
      );
  }
}

/** Which operator matters where, and what it brings: only of architectures. */
function operatorCard(answer, { metric }) {
  const rows = rowsOf(answer);
  const line = (row) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, row.position),
      element("td", {}, row.operator),
      element("td.number", {}, formatNumber(row.count)),
      element("td.wide", {}, meter("", row.importance ?? 0)),
      element("td.number", {}, row.effect === null ? "–" : `${row.effect > 0 ? "+" : ""}${formatNumber(row.effect, 3)} (${formatNumber(row.effect_low, 2)} to ${formatNumber(row.effect_high, 2)})`),
    );
  const head = ["position", "operator", "trials", "importance", `effect on ${metric}`];
  return element(
    "section.card",
    {},
    element("h2", {}, "Operators"),
    element("p.hint", {}, rows.length ? `What each operator adds at its position; the effect compares trials that have it there with those that chose another. ${basisText(answer)}` : answer.note),
    rows.length
      ? element("div.scroller.short.layers", { tabindex: 0, role: "region", "aria-label": "Operators" }, element("table", {}, element("thead", {}, element("tr", {}, head.map((name) => element("th", { scope: "col" }, name)))), element("tbody", {}, rows.map(line))))
      : null,
  );
}
