/** What is searched and how: the search space, the objectives, the algorithm, the budget and the task. */

import { offer } from "../../core/download.js";
import { element, fill } from "../../core/element.js";
import { formatDuration, formatNumber, formatParameter, formatTime } from "../../core/format.js";
import { address } from "../../core/route.js";
import { valueOf } from "../../core/values.js";
import { choicesOf } from "../../charts/parameter_axis.js";
import { blocksOf } from "../../parts/blocks.js";
import { facts, labelChips } from "../../parts/pieces.js";

const DEFINITION = [
  "name",
  "space",
  "objectives",
  "constraints",
  "algorithm",
  "stopping",
  "budget",
  "retry",
  "transfer",
  "parallelism",
  "priority",
  "task",
  "labels",
  "description",
];

export function openTab({ feed }) {
  const node = element("div.space");
  let shown = null;

  function show() {
    const { study, summary } = feed;
    const key = `${study.sequence} ${summary.best?.number}`;
    if (key === shown) return;
    shown = key;
    fill(
      node,
      element(
        "section.card",
        {},
        element("h2", {}, "Search space"),
        spaceTable(study.space, summary.best),
        constraintList(study.space.constraints),
      ),
      study.space.architecture
        ? element(
            "section.card",
            {},
            element("h2", {}, "Architecture"),
            element("p.hint", {}, "What may become of it; ", element("a", { href: address("studies", feed.name, "model") }, "what became of it"), " in the best trial is drawn on the page of the model."),
            blocksOf(study.space.architecture),
          )
        : null,
      element(
        "section.card",
        {},
        element("h2", {}, "Study"),
        study.description ? element("p", {}, study.description) : null,
        studyFacts(study),
        labelChips(study.labels),
      ),
      element(
        "section.card",
        {},
        element("h2", {}, "Definition"),
        element(
          "div.buttons",
          {},
          element("a.button.writes", { href: address("new", null, null, { from: study.name }) }, "Make one like this"),
          element(
            "button",
            { type: "button", on: { click: () => offer(`${study.name}.json`, definitionText(study), "application/json") } },
            "Save JSON",
          ),
        ),
        element("details", {}, element("summary", {}, "JSON"), element("pre.scroller", { tabindex: 0 }, definitionText(study))),
      ),
    );
  }

  return { node, update: (changed) => changed.has("study") && show(), close() {} };
}

/** What to POST to make the same study again. */
export function definitionOf(study) {
  return Object.fromEntries(
    DEFINITION.filter((name) => study[name] !== undefined && study[name] !== null).map((name) => [name, study[name]]),
  );
}

function definitionText(study) {
  return JSON.stringify(definitionOf(study), null, 2);
}

function spaceTable(space, best) {
  return element(
    "div.scroller",
    { tabindex: 0, role: "region", "aria-label": "Search space" },
    element(
      "table",
      {},
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          ["Parameter", "Type", "Values", "Scale", "Active when", "Default", "Best trial"].map((name) =>
            element("th", { scope: "col" }, name),
          ),
        ),
      ),
      element(
        "tbody",
        {},
        space.parameters.map((parameter) =>
          element(
            "tr",
            {},
            element("th", { scope: "row" }, parameter.name),
            element("td", {}, parameter.type),
            element("td", {}, valuesText(parameter)),
            element("td", {}, parameter.scale ?? "–"),
            element("td", {}, parameter.when ? element("code", {}, parameter.when) : "always"),
            element("td", {}, formatParameter(parameter.default ?? undefined)),
            element("td", {}, formatParameter(valueOf(best?.parameters, parameter.name))),
          ),
        ),
      ),
    ),
  );
}

function valuesText(parameter) {
  if (parameter.low === undefined) return choicesOf(parameter).map(formatParameter).join(", ") + sizesText(parameter);
  const step = parameter.step && parameter.step !== 1 ? `, step ${formatParameter(parameter.step)}` : "";
  return `${formatParameter(parameter.low)} … ${formatParameter(parameter.high)}${step}`;
}

function sizesText({ type, items, min_size: least = 0, max_size: most = items?.length }) {
  return type === "subset" ? ` (${least} to ${most} of them)` : "";
}

function constraintList(constraints = []) {
  return constraints.length
    ? [
        element("h3", {}, "Constraints"),
        element(
          "ul",
          {},
          constraints.map((text) => element("li", {}, element("code", {}, text))),
        ),
      ]
    : null;
}

function studyFacts(study) {
  const { algorithm, stopping, budget, task, retry } = study;
  return facts([
    ["id", element("code", {}, study.id)],
    [
      "objectives",
      study.objectives
        .map(
          ({ goal, metric, target }) =>
            `${goal} ${metric}${target === undefined || target === null ? "" : ` to ${formatNumber(target)}`}`,
        )
        .join("; "),
    ],
    ["constraints", (study.constraints ?? []).join("; ")],
    [
      "algorithm",
      [
        algorithm?.name,
        optionsText(algorithm?.options),
        algorithm?.seed === undefined || algorithm?.seed === null ? "" : `seed ${algorithm.seed}`,
      ]
        .filter(Boolean)
        .join(" · "),
    ],
    ["early stopping", [stopping?.rule, optionsText(stopping?.options)].filter(Boolean).join(" · ")],
    ["budget", budgetText(budget)],
    ["at once", study.parallelism ? `at most ${formatNumber(study.parallelism)}` : "as many as there are workers"],
    ["retries", retry ? `${retry.infrastructure ?? 0} after a lost worker, ${retry.user_error ?? 0} after an error` : null],
    ["task", task ? (task.trainable ?? task.entry_point ?? task.command?.join(" ")) : "evaluated by its client"],
    ["task settings", optionsText(task?.settings)],
    ["created", formatTime(study.created_at)],
    ["ended", study.ended_at ? formatTime(study.ended_at) : null],
  ]);
}

function budgetText(budget) {
  const parts = [
    budget?.max_trials ? `${formatNumber(budget.max_trials)} trials` : null,
    budget?.max_seconds ? formatDuration(budget.max_seconds) : null,
    budget?.max_failed ? `${formatNumber(budget.max_failed)} failures` : null,
    budget?.max_device_seconds ? `${formatDuration(budget.max_device_seconds)} of device time` : null,
    budget?.min_improvement ? `until less than ${formatNumber(budget.min_improvement)} is to be gained` : null,
  ].filter(Boolean);
  return parts.join(", ") || "none: it runs until it is stopped";
}

function optionsText(options) {
  return Object.entries(options ?? {})
    .map(([name, value]) => `${name}: ${value !== null && typeof value === "object" ? JSON.stringify(value) : value}`)
    .join(", ");
}
