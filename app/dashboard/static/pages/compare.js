/** A few studies in one plot: how soon each found how good a trial, and what differs between them. */

import { courseChart } from "../charts/course.js";
import { element } from "../core/element.js";
import { formatNumber, formatParameter, formatResult } from "../core/format.js";
import { address, setQuery } from "../core/route.js";
import { figure } from "../parts/figure.js";
import { choice, emptyPlace, finishedOf, progressText, statePill } from "../parts/pieces.js";

const MOST = 6;

export async function openPage({ api, route, title }) {
  const ending = new AbortController();
  const names = (route.query.get("studies") ?? "").split(",").filter(Boolean).slice(0, MOST);
  title("Compare studies");
  if (names.length < 2) return { node: page(emptyPlace("Choose studies to compare", "Mark two to six of them in the list of studies.")), close() {} };
  const told = await Promise.all(
    names.map(async (name) => {
      const [study, history] = await Promise.all([
        api.study(name, ending.signal),
        api.history(name, { maxPoints: 1000, signal: ending.signal }),
      ]);
      return { study, history };
    }),
  );
  let across = route.query.get("by") === "time" ? "time" : "trials";
  const metrics = new Set(told.map(({ study }) => study.objectives[0].metric));
  const hint = metrics.size > 1 ? element("p.hint", {}, `These studies do not share their objective (${[...metrics].join(", ")}): compare shapes, not heights.`) : null;
  const by = choice(
    "Along",
    [
      ["trials", "By trial"],
      ["time", "By time"],
    ],
    across,
    (chosen) => {
      across = chosen;
      setQuery({ by: chosen === "time" ? "time" : null });
      plot.redraw();
    },
  );
  const plot = figure({
    title: "Best so far",
    filename: `compare-${names.join("-")}`,
    controls: [by.node],
    hint,
    height: (width) => Math.max(260, Math.min(440, width * 0.45)),
    legend: element(
      "ul.legend",
      {},
      told.map(({ study }, index) => element("li", {}, element(`span.swatch.series-${index}`), element("a", { href: address("studies", study.name) }, study.name))),
    ),
    draw: (size) =>
      courseChart(
        {
          lines: told.map((each, index) => lineOf(each, index)),
          label: `Best ${[...metrics].join(", ")} so far of ${names.join(", ")}`,
          xTitle: across === "time" ? "minutes" : "trial",
          yTitle: `best ${[...metrics].join(", ")}`,
          nothing: "None of them has a result yet.",
        },
        size,
      ),
    table: () => ({
      columns: ["study", across === "time" ? "minutes" : "trial", "best"],
      rows: told.flatMap((each, index) => lineOf(each, index).points.map(([x, best]) => [each.study.name, x, best])),
    }),
    tell: (hit) => [hit.name, [[across === "time" ? "minutes" : "trial", formatNumber(hit.a)], ["best", formatNumber(hit.b, 6)]]],
  });

  function lineOf({ study, history }, index) {
    const began = Date.parse(study.created_at) / 1000;
    const points = history.number
      .map((number, row) => [across === "time" ? (history.finished_at[row] - began) / 60 : number, history.best[row]])
      .filter(([, best]) => best !== null);
    if (across === "time") points.sort(([a], [b]) => a - b);
    return { points, isStep: true, kind: `series-${index}`, facts: points.map(() => ({ name: study.name })) };
  }

  return {
    node: page(element("section.card", {}, plot.node), factsTable(told.map(({ study }) => study))),
    close() {
      ending.abort();
      plot.close();
    },
  };
}

function page(...children) {
  return element(
    "div.page",
    {},
    element("header.page-head", {}, element("div", {}, element("p.crumbs", {}, element("a", { href: "#/studies" }, "Studies")), element("h1", {}, "Compare studies"))),
    children,
  );
}

function factsTable(studies) {
  const line = (name, fact, cell = fact) => {
    const differs = new Set(studies.map((study) => JSON.stringify(fact(study)))).size > 1;
    return element(
      `tr${differs ? ".differs" : ""}`,
      {},
      element("th", { scope: "row" }, name),
      studies.map((study) => element("td", {}, cell(study) ?? "–")),
    );
  };
  const parameters = [...new Set(studies.flatMap(({ space }) => space.parameters.map(({ name }) => name)))];
  return element(
    "section.card",
    {},
    element("h2", {}, "Side by side"),
    element("p.hint", {}, "What differs is marked."),
    element(
      "div.scroller",
      { tabindex: 0, role: "region", "aria-label": "Side by side" },
      element(
        "table.compare",
        {},
        element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "study"), studies.map(({ name }) => element("th", { scope: "col" }, name)))),
        element(
          "tbody",
          {},
          line("state", ({ state }) => state, ({ state }) => statePill(state)),
          line("objectives", ({ objectives }) => objectives.map(({ metric, goal }) => `${goal} ${metric}`).join(", ")),
          line("best", ({ best }) => (best ? formatResult(best.value) : null)),
          line("found at trial", ({ best }) => (best ? formatNumber(best.number) : null)),
          line("trials", ({ trials }) => finishedOf(trials), ({ trials, planned_trials: planned }) => progressText(trials, planned)),
          line("algorithm", ({ algorithm }) => algorithm.name),
          line("options", ({ algorithm }) => JSON.stringify(algorithm.options ?? {})),
          line("stopping", ({ stopping }) => stopping?.rule ?? "none"),
          line("seed", ({ algorithm }) => algorithm.seed ?? null),
          parameters.map((name) => line(name, ({ space }) => spaceText(space.parameters.find((each) => each.name === name)))),
        ),
      ),
    ),
  );
}

function spaceText(parameter) {
  if (!parameter) return null;
  const { low, high, scale, choices, value, type } = parameter;
  if (low !== undefined) return `${formatNumber(low)} to ${formatNumber(high)}${scale && scale !== "linear" ? `, ${scale}` : ""}`;
  if (choices) return choices.map(formatParameter).join(", ");
  return value === undefined ? type : formatParameter(value);
}
