/** What a person may change of a trial beside it: its tags, a value that was told wrongly. */

import { element } from "../core/element.js";
import { formatNumber } from "../core/format.js";
import { valueOf } from "../core/values.js";
import { labelChips } from "./pieces.js";

/** Where a new tag is written. */
export function tagField() {
  return element("input", { type: "text", maxlength: 64, size: 14, placeholder: "tag, or key=value", "aria-label": "New tag", "data-keep": "tag" });
}

/** The labels of a trial, each to be taken away, and a field for another. @param {(labels: object, text: string) => Promise<boolean>} change */
export function tagEditor(trial, field, change) {
  const add = async (event) => {
    event.preventDefault();
    const [key, ...rest] = field.value.trim().split("=");
    if (key && (await change({ ...trial.labels, [key]: rest.join("=") }, `Tagged ${key}.`))) field.value = "";
  };
  const without = (name) => Object.fromEntries(Object.entries(trial.labels).filter(([each]) => each !== name));
  return element(
    "form.inline.tags",
    { on: { submit: add } },
    Object.entries(trial.labels ?? {}).map(([name, value]) =>
      element(
        "span.chip",
        {},
        value ? `${name}: ${value}` : name,
        element("button.plain", { type: "button", "aria-label": `Remove tag ${name}`, on: { click: () => change(without(name), `Tag ${name} removed.`) } }, "×"),
      ),
    ),
    field,
    element("button", { type: "submit" }, "Tag"),
  );
}

/** The same for who may only look. */
export function notesOf({ labels, note }) {
  if (!note && !Object.keys(labels ?? {}).length) return null;
  return element("section", {}, element("h3", {}, "Notes"), labelChips(labels), note ? element("p", {}, note) : null);
}

/** Corrects a metric of a completed trial; the server keeps what it was before. @param {(metrics: object, text: string, before: object) => void} change */
export function correctionForm(trial, objectives, change) {
  if (trial.state !== "completed") return null;
  const names = [...new Set([...objectives.map(({ metric }) => metric), ...Object.keys(trial.metrics)])];
  const metric = element("select", { "aria-label": "Metric" }, names.map((name) => element("option", { value: name }, name)));
  const value = element("input", { type: "number", step: "any", required: true, "aria-label": "Right value", "data-keep": "correction" });
  const show = () => {
    value.value = valueOf(trial.metrics, metric.value) ?? "";
  };
  metric.addEventListener("change", show);
  show();
  const correct = (event) => {
    event.preventDefault();
    const [name, right, before] = [metric.value, Number(value.value), valueOf(trial.metrics, metric.value)];
    if (right !== before) change({ [name]: right }, `${name} is ${formatNumber(right, 6)} now; what it was is kept in the events.`, before === undefined ? null : { [name]: before });
  };
  return element(
    "details",
    {},
    element("summary.hint", {}, "Correct a value"),
    element("form.inline.correction", { on: { submit: correct } }, metric, value, element("button", { type: "submit" }, "Correct")),
  );
}
