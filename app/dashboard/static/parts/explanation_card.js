/** How a model fares when its inputs are disturbed, and what it looks at: the stage `examine` of a pipeline. */

import { gridOf, heatChart } from "../charts/heat.js";
import { importanceChart } from "../charts/importance.js";
import { scoreName, stagesOf } from "../charts/stages.js";
import { isAbort } from "../core/api.js";
import { element } from "../core/element.js";
import { formatNumber, formatShare } from "../core/format.js";
import { valueOf } from "../core/values.js";
import { figure } from "./figure.js";
import { meter } from "./meter.js";

const ATTACKS = [
  ["noise", "random noise"],
  ["fgsm", "one step against it (FGSM)"],
  ["pgd", "several steps against it (PGD)"],
];
const FILE = "examine/explanation.json";
const FEATURES = 30;

/** @param {(figure: object) => void} keep takes a figure to be closed later @returns {Node | null} */
export function explanationCard({ api, trial, files, fail, signal, keep }) {
  const examined = stagesOf(trial.metrics).find(({ name }) => name === "examine");
  const file = files.find(({ name }) => name === FILE);
  if (!examined && !file) return null;
  const picture = element("div.explanation");
  if (file) read().catch((error) => isAbort(error) || signal.aborted || fail(error));
  return element(
    "section.card.columns-2",
    {},
    examined ? robustness(examined) : null,
    picture,
  );

  async function read() {
    const [told, model] = await Promise.all([json(file), json(files.find(({ name }) => name.endsWith("model.json")))]);
    const made = told.permutation_importance ? featureFigure(told.permutation_importance, model?.features ?? []) : heatFigure(told.integrated_gradients);
    if (!made || signal.aborted) return;
    keep(made);
    picture.replaceChildren(made.node);
  }

  async function json(wanted) {
    return wanted ? JSON.parse(await (await api.artifact(trial.id, wanted, signal)).text()) : null;
  }

  function heatFigure(values) {
    if (!Array.isArray(values) || !values.length) return null;
    const grid = gridOf(values);
    return figure({
      title: "What it looks at",
      level: "h3",
      filename: `trial-${trial.number}-explanation`,
      hint: element("p.hint", {}, "Mean contribution of every input (integrated gradients); brighter is more."),
      height: 200,
      draw: (size) => heatChart({ grid, label: "Mean contribution" }, size),
      table: () => ({ columns: grid[0].map((_, column) => String(column)), rows: grid }),
      tell: (hit) => [grid.length > 1 ? `Row ${hit.row}, column ${hit.column}` : `Place ${hit.column}`, [["contribution", formatNumber(hit.value, 3)], ["of the largest", formatShare(hit.share)]]],
    });
  }

  function featureFigure(losses, features) {
    const rows = losses
      .map((lost, index) => ({ parameter: String(features[index] ?? `feature ${index}`), importance: lost, low: lost, high: lost }))
      .sort((a, b) => b.importance - a.importance)
      .slice(0, FEATURES);
    return figure({
      title: "What it looks at",
      level: "h3",
      filename: `trial-${trial.number}-features`,
      hint: element("p.hint", {}, "How much of the score is lost when a column is shuffled (permutation importance)."),
      draw: (size) => importanceChart({ rows, label: "Permutation importance", nothing: "No columns." }, size),
      table: () => ({ columns: ["feature", "loss of score"], rows: rows.map(({ parameter, importance }) => [parameter, importance]) }),
      tell: (hit) => [hit.parameter, [["loss of score", formatNumber(hit.importance, 3)]]],
    });
  }
}

function robustness({ metrics, score }) {
  const name = scoreName(metrics);
  const attacked = ATTACKS.map(([attack, words]) => [words, valueOf(metrics, `${attack}_${name}`)]).filter(([, value]) => value !== undefined);
  return element(
    "div",
    {},
    element("h2", {}, "Robustness"),
    element("p.hint", {}, `${name} when every input is disturbed a little.`),
    element("div.meters", {}, meter("as it is", score, { tone: "good" }), attacked.map(([words, value]) => meter(words, value, { tone: value < score / 2 ? "bad" : "" }))),
    metrics.completeness_error === undefined ? null : element("p.hint", {}, `Integrated gradients miss what they must add up to by ${formatNumber(metrics.completeness_error, 2)}.`),
  );
}
