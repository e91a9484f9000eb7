/** How the search goes: where it may end, how values are spread, what the front has conquered, and whether the engine knows. */

import { courseChart } from "../../charts/course.js";
import { focusedExtent } from "../../charts/scale.js";
import { basisText, followAnalysis, rowsOf, tableOf } from "../../core/analysis.js";
import { element, fill } from "../../core/element.js";
import { formatNumber, formatShare, plural } from "../../core/format.js";
import { figure } from "../../parts/figure.js";
import { working } from "../../parts/pieces.js";

export function openTab({ api, feed, fail, openTrial }) {
  const { objectives, name } = feed.study;
  const [objective] = objectives;
  const several = objectives.length > 1;
  const cards = [
    card("convergence", "Convergence and projection", (answer) => convergence(answer), (hit) => [
      hit.is_projected ? `After ${plural(hit.count, "trial")}, maybe` : `After ${plural(hit.count, "trial")}`,
      [[`best ${objective.metric}`, formatNumber(hit.best, 6)]],
    ]),
    several ? card("hypervolume", "Hypervolume", (answer) => hypervolume(answer), (hit) => [`Trial ${hit.number}`, [["hypervolume", formatNumber(hit.hypervolume, 6)]]]) : null,
    card("edf", `How ${objective.metric} is spread`, (answer) => edf(answer), (hit) => [formatShare(hit.share), [[`at least as good as`, formatNumber(hit.value, 5)]]], {
      objective: objective.metric,
    }),
    card("calibration", "Predicted and seen", (answer) => calibration(answer), (hit) => [
      `Trial ${hit.number}`,
      [
        ["predicted", `${formatNumber(hit.predicted, 5)} ± ${formatNumber(hit.deviation, 3)}`],
        ["seen", formatNumber(hit.value, 5)],
      ],
    ]),
  ].filter(Boolean);
  const node = element("div.progress-cards", {}, cards.map((each) => each.node));

  function card(kind, title, data, tell, query = {}) {
    let answer = null;
    const hint = element("p.hint", { role: "status" }, working("Computing…"));
    const plot = figure({
      title,
      filename: `${name}-${kind}`,
      hint,
      height: 260,
      draw: (size) => courseChart({ label: title, nothing: answer?.note ?? "", ...(answer?.is_enough ? data(answer) : { lines: [] }) }, size),
      table: () => tableOf(answer),
      tell,
      open: kind === "calibration" || kind === "hypervolume" ? openTrial : undefined,
    });
    const reading = followAnalysis({
      api,
      feed,
      kind,
      query,
      fail,
      hint,
      show(told) {
        answer = told;
        fill(hint, [basisText(told), WORDS[kind]?.(told)].filter(Boolean).join(" "));
        plot.redraw();
      },
    });
    return {
      node: element("section.card", {}, plot.node),
      update: (changed) => reading.update(changed),
      close() {
        reading.close();
        plot.close();
      },
    };
  }

  function convergence(answer) {
    const rows = rowsOf(answer);
    const [seen, hoped] = [rows.filter((row) => !row.is_projected), rows.filter((row) => row.is_projected)];
    const from = hoped.length ? [seen.at(-1), ...hoped] : [];
    return {
      lines: [
        { points: seen.map((row) => [row.count, row.best]), isStep: true, facts: seen },
        { points: from.map((row) => [row.count, row.best]), kind: "hoped", facts: from },
      ],
      band: from.map((row) => [row.count, row.low ?? row.best, row.high ?? row.best]),
      xTitle: "completed trials",
      yTitle: `best ${objective.metric}`,
    };
  }

  function hypervolume(answer) {
    const rows = rowsOf(answer);
    const last = rows.at(-1);
    const points = rows.map((row) => [row.number, row.hypervolume]);
    if (last) points.push([Math.max(last.number, answer.facts.last_number), last.hypervolume]);
    return { lines: [{ points, isStep: true, facts: [...rows, last] }], xTitle: "trial", yTitle: "hypervolume" };
  }

  function edf(answer) {
    const all = rowsOf(answer);
    const [low, high] = focusedExtent(all.map(({ value }) => value), objective.goal);
    const rows = all.filter(({ value }) => value >= low && value <= high);
    const band = rows.map((row) => [row.value, row.low ?? row.share, row.high ?? row.share]);
    return { lines: [{ points: rows.map((row) => [row.value, row.share]), facts: rows }], band, domain: [0, 1], xTitle: objective.metric, yTitle: "share of trials" };
  }

  function calibration(answer) {
    const rows = rowsOf(answer);
    return { lines: [], marks: rows.map((row) => ({ ...row, x: row.predicted, y: row.value })), diagonal: true, xTitle: "predicted", yTitle: `seen ${objective.metric}` };
  }

  return {
    node,
    update: (changed) => cards.forEach((each) => each.update(changed)),
    close: () => cards.forEach((each) => each.close()),
  };
}

const WORDS = {
  convergence: ({ facts }) =>
    facts.chance_of_better_in_10 === undefined
      ? ""
      : `The best is ${plural(facts.trials_since_best, "trial")} old; at the present pace the next ten find a better one with a chance of ${formatShare(facts.chance_of_better_in_10)}.`,
  calibration: ({ facts }) =>
    facts.coverage
      ? `${formatShare(facts.coverage["0.9"])} of the results${betweenText(facts.coverage_interval?.["0.9"])} lie in their 90 % interval; rank correlation ${formatNumber(facts.rank_correlation, 2)}.`
      : "",
};

/** How sure a share of so few results is. */
function betweenText(interval) {
  return interval ? ` (${formatShare(interval[0])} to ${formatShare(interval[1])})` : "";
}
