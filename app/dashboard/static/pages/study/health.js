/** What is wrong with a study, and what to do about it, the most urgent first. */

import { followAnalysis, rowsOf } from "../../core/analysis.js";
import { element, fill } from "../../core/element.js";
import { plural } from "../../core/format.js";
import { address } from "../../core/route.js";

const WORDS = { act: "Act", look: "Look", unknown: "Too early", good: "Good" };
const TABS = { slice: "slices", trials: "trials", importance: "importance", calibration: "progress", convergence: "progress", edf: "progress", curves: "curves", overview: null };

const SHOWN = 6; // trials named as evidence

export function openTab({ api, feed, openTrial, fail }) {
  const hint = element("p.hint", { role: "status" }, "Looking…");
  const list = element("ul.checks");
  const node = element("section.card", {}, element("h2", {}, "Health"), hint, list);
  const reading = followAnalysis({ api, feed, kind: "health", show, fail });

  function show(answer) {
    const checks = rowsOf(answer);
    const urgent = checks.filter(({ status }) => status === "act" || status === "look").length;
    fill(hint, `${urgent ? plural(urgent, "thing") + " to look at" : "Nothing to worry about"}, from ${plural(answer.used, "completed trial")}.`);
    fill(
      list,
      checks.map((check) =>
        element(
          `li.check.${check.status}`,
          {},
          element("span.verdict-word", {}, WORDS[check.status] ?? check.status),
          element(
            "div",
            {},
            element("h3", {}, check.title),
            check.advice ? element("p", {}, check.advice) : null,
            element("p.hint", {}, check.evidence, check.trials?.length ? [" · ", check.trials.slice(0, SHOWN).map((number) => [element("button.link", { type: "button", on: { click: () => openTrial({ number }) } }, `trial ${number}`), " "])] : null, " · ", element("a", { href: address("studies", feed.name, TABS[check.see] ?? null) }, "See it")),
          ),
        ),
      ),
    );
  }

  return { node, update: (changed) => reading.update(changed), close: () => reading.close() };
}
