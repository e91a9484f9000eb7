/** A study as a form: one definition, changed field by field. What it has no field for stays as it is in the JSON. */

import { element, fill } from "../core/element.js";

const TYPES = ["float", "int", "categorical", "ordinal", "bool", "constant"];
const SCALES = ["linear", "log", "reverse_log", "logit"];
const NEW_PARAMETER = { name: "", type: "float", low: 0, high: 1 };

/**
 * @param {object} options
 * @param {object} options.definition it is changed in place
 * @param {{algorithms: string[], rules: string[], trainables: {name: string, parameters: object, metrics: object}[]}} options.known
 * @param {() => void} options.changed
 * @returns {{node: HTMLElement, showFaults: (faults: {pointer: string, message: string}[]) => void}}
 */
export function studyForm({ definition, known, changed }) {
  const node = element("div.study-form");
  const fields = new Map(); // pointer -> input
  draw();

  function draw() {
    fields.clear();
    definition.space ??= { parameters: [] };
    definition.space.parameters ??= [];
    definition.objectives ??= [];
    fill(
      node,
      datalists(),
      section("Study", row(text("Name", definition, "name", "/name", { required: true }), text("Description", definition, "description", "/description", { isWide: true }))),
      section("Task", row(taskField(), definition.task?.trainable ? settingsFields() : null)),
      section("Objectives", definition.objectives.map(objectiveRow), add("Add an objective", () => definition.objectives.push({ metric: "", goal: "minimize" }))),
      section(
        "Search space",
        definition.space.parameters.map(parameterRow),
        add("Add a parameter", () => definition.space.parameters.push({ ...NEW_PARAMETER })),
        definition.space.architecture ? element("p.hint", {}, "With an architecture; its blocks are written as JSON.") : null,
      ),
      section("Search", row(pick("Algorithm", definition, "algorithm", "name", known.algorithms, "/algorithm/name"), pick("Early stopping", definition, "stopping", "rule", known.rules, "/stopping/rule"), part("Most trials", "budget", "max_trials"), part("Most hours", "budget", "max_seconds", 3600), number("At once", definition, "parallelism", "/parallelism"))),
    );
  }

  function section(name, ...children) {
    return element("fieldset.form-part", {}, element("legend", {}, name), children);
  }
  function row(...children) {
    return element("div.form-row", {}, children);
  }
  function again(change) {
    change();
    draw();
    changed();
  }
  function add(name, change) {
    return element("button", { type: "button", on: { click: () => again(change) } }, name);
  }
  function remove(list, index, name) {
    return element("button.plain", { type: "button", "aria-label": `Remove ${name || "it"}`, on: { click: () => again(() => list.splice(index, 1)) } }, "×");
  }

  function labelled(name, input, pointer, isWide = false) {
    const fault = element("small.fault", { id: `fault-of-${pointer}` });
    input.setAttribute("aria-describedby", fault.id);
    fields.set(pointer, { input, fault });
    return element("div.field", { class: isWide ? "wide" : "" }, element("label", {}, element("span", {}, name), input), fault);
  }
  function put(owner, key, value) {
    if (value === undefined || value === "") delete owner[key];
    else owner[key] = value;
    changed();
  }
  function text(name, owner, key, pointer, { isWide = false, list = null, required = false } = {}) {
    const input = element("input", { type: "text", value: owner[key] ?? "", list, required, spellcheck: "false", on: { input: () => put(owner, key, input.value) } });
    return labelled(name, input, pointer, isWide);
  }
  function number(name, owner, key, pointer, unit = 1) {
    const shown = typeof owner[key] === "number" ? owner[key] / unit : (owner[key] ?? "");
    const read = (text) => (Number.isFinite(Number(text)) ? Number(text) * unit : text); // what is no number the server will name
    const input = element("input", { type: "text", inputmode: "decimal", value: shown, on: { input: () => put(owner, key, input.value.trim() && read(input.value)) } });
    return labelled(name, input, pointer);
  }
  function part(name, owner, key, unit) {
    definition[owner] ??= {};
    return number(name, definition[owner], key, `/${owner}/${key}`, unit);
  }
  function choose(name, options, value, pointer, onChoose) {
    const all = options.includes(value) ? options : [value, ...options];
    const input = element("select", { on: { change: () => onChoose(input.value) } }, all.map((each) => element("option", { value: each, selected: each === value }, each)));
    return labelled(name, input, pointer);
  }
  function pick(name, owner, key, field, options, pointer) {
    const value = owner[key]?.[field] ?? options[0] ?? "";
    return choose(name, options, value, pointer, (chosen) => {
      owner[key] = { [field]: chosen }; // options of another one mean nothing to this one
      changed();
    });
  }

  function taskField() {
    const own = "my own client";
    const { task } = definition;
    const value = task ? (task.trainable ?? task.entry_point ?? "a command") : own;
    return choose("Evaluated by", [own, ...known.trainables.map(({ name }) => name)], value, "/task", (chosen) =>
      again(() => {
        if (chosen === own) delete definition.task;
        else if (chosen !== value) definition.task = { trainable: chosen, settings: {} };
      }),
    );
  }
  function settingsFields() {
    definition.task.settings ??= {};
    const has = known.trainables.find(({ name }) => name === definition.task.trainable)?.settings?.properties ?? {};
    return Object.hasOwn(has, "dataset") ? text("Dataset", definition.task.settings, "dataset", "/task/settings/dataset") : null;
  }

  function objectiveRow(objective, index) {
    const at = `/objectives/${index}`;
    return row(
      text("Metric", objective, "metric", `${at}/metric`, { list: "known-metrics" }),
      choose("Goal", ["minimize", "maximize"], objective.goal ?? "minimize", `${at}/goal`, (goal) => put(objective, "goal", goal)),
      number("Target", objective, "target", `${at}/target`),
      definition.objectives.length > 1 ? remove(definition.objectives, index, objective.metric) : null,
    );
  }

  function parameterRow(parameter, index) {
    const at = `/space/parameters/${index}`;
    const list = definition.space.parameters;
    return row(
      text("Parameter", parameter, "name", `${at}/name`, { list: "known-parameters" }),
      choose("Type", TYPES, parameter.type, `${at}/type`, (type) => again(() => (list[index] = ofType(parameter, type)))),
      valueFields(parameter, at),
      text("When", parameter, "when", `${at}/when`),
      remove(list, index, parameter.name),
    );
  }

  function valueFields(parameter, at) {
    if (parameter.type === "float" || parameter.type === "int")
      return [
        number("From", parameter, "low", `${at}/low`),
        number("To", parameter, "high", `${at}/high`),
        choose("Scale", SCALES, parameter.scale ?? "linear", `${at}/scale`, (scale) => put(parameter, "scale", scale)),
      ];
    if (parameter.type === "constant") return values("Value", parameter, "value", `${at}/value`, valueOf);
    if (parameter.choices) return values("Choices", parameter, "choices", `${at}/choices`, listOf);
    return parameter.type === "bool" ? null : element("span.hint", {}, "written as JSON");
  }
  function values(name, parameter, key, pointer, read) {
    const shown = [parameter[key]].flat().map(written).join(", ");
    const input = element("input", { type: "text", value: shown, spellcheck: "false", on: { input: () => put(parameter, key, read(input.value)) } });
    return labelled(name, input, pointer, true);
  }

  function datalists() {
    const trainable = known.trainables.find(({ name }) => name === definition.task?.trainable);
    const list = (id, names) => element("datalist", { id }, names.map((value) => element("option", { value })));
    return [list("known-parameters", Object.keys(trainable?.parameters?.properties ?? {})), list("known-metrics", namesOf(trainable?.metrics))];
  }

  return {
    node,
    /** Tells each fault at the field that it is about, or at the one that holds what it is about. */
    showFaults(faults) {
      for (const [pointer, { input, fault }] of fields) {
        const message = faults.filter((each) => `${each.pointer}/`.startsWith(`${pointer}/`)).map((each) => each.message).join("; ");
        if (message) input.setAttribute("aria-invalid", "true");
        else input.removeAttribute("aria-invalid");
        fill(fault, message);
      }
    },
    /** Goes to the first field that has a fault. */
    focusFault() {
      node.querySelector("[aria-invalid]")?.focus();
    },
  };
}

/** Whether a definition is made of the objects and lists that a form changes. */
export function fitsForm({ space, objectives, ...more }) {
  const isObject = (value) => value === undefined || value === null || (typeof value === "object" && !Array.isArray(value));
  const isList = (value) => value === undefined || value === null || (Array.isArray(value) && value.every((each) => each && isObject(each)));
  return [space, more.task, more.task?.settings, more.algorithm, more.stopping, more.budget].every(isObject) && isList(objectives) && isList(space?.parameters);
}

/** A parameter of another type keeps what both types have. */
function ofType({ name, when, low, high, choices }, type) {
  const base = when ? { name, type, when } : { name, type };
  if (type === "float" || type === "int") return { ...base, low: low ?? 0, high: high ?? 1 };
  if (type === "bool") return base;
  return type === "constant" ? { ...base, value: low ?? 1 } : { ...base, choices: choices ?? ["a", "b"] };
}

/** What somebody typed: a number, a truth value, nothing (`null`), or text, which may stand in quotes. */
function valueOf(text) {
  const bare = text.trim();
  if (bare !== "" && Number.isFinite(Number(bare))) return Number(bare);
  try {
    return /^(true|false|null|".*")$/.test(bare) ? JSON.parse(bare) : bare;
  } catch {
    return bare;
  }
}

/** Values with commas between them; a comma within quotes is a part of its value. */
function listOf(text) {
  return (text.match(/\s*"(?:[^"\\]|\\.)*"\s*(?=,|$)|[^,]+/g) ?? []).filter((each) => each.trim()).map(valueOf);
}

/** A value as it is typed: text that would be read as something else in quotes. */
function written(value) {
  if (typeof value !== "string") return JSON.stringify(value);
  const read = listOf(value);
  return read.length === 1 && read[0] === value ? value : JSON.stringify(value);
}

function namesOf(metrics) {
  return Array.isArray(metrics) ? metrics.map((each) => each.name ?? each) : Object.keys(metrics?.properties ?? metrics ?? {});
}
