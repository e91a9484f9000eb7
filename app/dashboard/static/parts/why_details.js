/** Why a trial was suggested: what its engine expected of it, and which parameters set it apart from the best. */

import { isAbort } from "../core/api.js";
import { element, fill } from "../core/element.js";
import { formatNumber, formatParameter, formatShare, plural } from "../core/format.js";
import { loadingPlace } from "./pieces.js";

const MOST = 8;

/** Asked for when it is opened: the model has to be fitted for it. */
export function whyDetails({ api, trial, signal }) {
  const body = element("div");
  const node = element("details.why", { on: { toggle: () => node.open && !body.firstChild && read() } }, element("summary.hint", {}, "Why was it suggested?"), body);
  return node;

  async function read() {
    fill(body, loadingPlace("Asking the engine…"));
    try {
      fill(body, told(await api.explanation(trial.id, signal)));
    } catch (error) {
      if (!isAbort(error)) fill(body, element("p.problem", { role: "alert" }, error.message));
    }
  }
}

function told({ why, results, odds, differences, compared_with: best }) {
  return [
    element("p", {}, `${why ?? "It says nothing of it."} ${plural(results, "result")} ${results === 1 ? "was" : "were"} known.`),
    odds.map((each) => element("p.hint", {}, oddsText(each))),
    differences.length
      ? element(
          "table",
          {},
          element("caption", {}, `What sets it apart from trial ${best}: expected with its value less with the best trial's`),
          element("tbody", {}, differences.slice(0, MOST).map(differenceRow)),
        )
      : null,
  ];
}

function oddsText({ metric, mean, deviation, chance, by_mean: byMean, by_doubt: byDoubt, outcome, surprise }) {
  const parts = [
    `${metric} was expected to be ${formatNumber(mean)} ± ${formatNumber(deviation, 2)}`,
    chance === null || chance === undefined ? null : `better than the best with a chance of ${formatShare(chance)}`,
    byMean === null || byMean === undefined || !(byMean + byDoubt) ? null : `${formatShare(byDoubt / (byMean + byDoubt))} of the hope came from not knowing`,
    outcome === null || outcome === undefined ? null : `it came to ${formatNumber(outcome)}${surprise === null || surprise === undefined ? "" : `, ${formatNumber(Math.abs(surprise), 2)} deviations ${surprise < 0 ? "below" : "above"}`}`,
  ];
  return `${parts.filter(Boolean).join("; ")}.`;
}

function differenceRow({ parameter, value, value_of_best: ofBest, mean }) {
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, parameter),
    element("td", {}, `${formatParameter(value)} instead of ${formatParameter(ofBest)}`),
    element("td.number", {}, Object.values(mean).map((each) => formatNumber(each, 3)).join(", ")),
  );
}
