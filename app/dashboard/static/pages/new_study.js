/** Makes a study from its definition: a template, a copy of another study, or one's own JSON, checked as one types. */

import { element, fill } from "../core/element.js";
import { formatNumber, formatParameter, formatShare } from "../core/format.js";
import { notice, noticeProblem } from "../core/notices.js";
import { address } from "../core/route.js";
import { definitionOf } from "./study/space.js";
import { select } from "../parts/select.js";
import { TEMPLATES } from "./templates.js";

const STILL_MS = 400; // after the last key, before the server is asked

export async function openPage({ api, route, fail, title }) {
  const origin = route.query.get("from");
  const start = origin ? { ...definitionOf(await api.study(origin)), name: `${origin}-2` } : TEMPLATES[0].definition;
  let timer = null;
  let asked = new AbortController();

  const editor = element("textarea.editor", {
    rows: 26,
    spellcheck: "false",
    autocapitalize: "off",
    "aria-label": "Study definition (JSON)",
    on: { input: () => checkSoon() },
  });
  const verdict = element("section.card.verdict", { "aria-label": "Check", "aria-live": "polite" });
  const create = element("button.primary", { type: "submit" }, "Create the study");
  const template = select(
    "Start from",
    TEMPLATES.map(({ name }) => name),
    TEMPLATES[0].name,
    (name) => write(TEMPLATES.find((each) => each.name === name).definition),
  );
  const node = element(
    "div.page",
    {},
    element(
      "header.page-head",
      {},
      element("h1", {}, origin ? `A study like “${origin}”` : "New study"),
      origin ? null : template.node,
    ),
    element(
      "form.columns",
      { on: { submit } },
      element("div.card.main-card", {}, editor, element("div.buttons", {}, create)),
      verdict,
    ),
  );
  title("New study");
  write(start);

  function write(definition) {
    editor.value = JSON.stringify(definition, null, 2);
    check();
  }

  function checkSoon() {
    clearTimeout(timer);
    timer = setTimeout(check, STILL_MS);
  }

  async function check() {
    asked.abort();
    const { signal } = (asked = new AbortController());
    const definition = read();
    if (!definition) return;
    try {
      const checked = await api.checkSpace(definition.space ?? {}, signal);
      fill(
        verdict,
        element("h2", {}, "The space fits"),
        element("p", {}, sizeText(checked)),
        samplesTable(definition.space.parameters, checked.samples),
      );
    } catch (error) {
      if (signal.aborted) return;
      if (error.needsKey) fail(error);
      else showProblem(error);
    }
  }

  function read() {
    try {
      const definition = JSON.parse(editor.value);
      if (definition === null || typeof definition !== "object" || Array.isArray(definition))
        throw new SyntaxError("a study is a JSON object");
      return definition;
    } catch (error) {
      fill(verdict, element("h2", {}, "Not JSON yet"), element("p.problem", {}, error.message));
      return null;
    }
  }

  function showProblem(error) {
    fill(
      verdict,
      element("h2", {}, "Not yet"),
      error.errors?.length
        ? element(
            "ul.faults",
            {},
            error.errors.map(({ pointer, message }) => element("li", {}, element("code", {}, pointer || "/"), " ", message)),
          )
        : element("p.problem", {}, error.message),
    );
  }

  async function submit(event) {
    event.preventDefault();
    const definition = read();
    if (!definition) return;
    create.disabled = true;
    try {
      const study = await api.createStudy(definition);
      notice(`“${study.name}” is made.`);
      location.hash = address("studies", study.name);
    } catch (error) {
      if (error.needsKey) fail(error);
      else if (error.errors?.length) showProblem(error);
      else noticeProblem(error);
    } finally {
      create.disabled = false;
    }
  }

  return {
    node,
    close() {
      clearTimeout(timer);
      asked.abort();
    },
  };
}

function sizeText({ size, feasible_share: share }) {
  const choices =
    size === null || size === undefined ? "A continuum of configurations" : `${formatNumber(size)} configurations`;
  return share < 1 ? `${choices}; ${formatShare(share)} of them keep the constraints.` : `${choices}.`;
}

function samplesTable(parameters, samples) {
  const names = parameters.map(({ name }) => name);
  return element(
    "div.scroller",
    { tabindex: 0, role: "region", "aria-label": "Samples" },
    element(
      "table",
      {},
      element("caption", {}, "Drawn at random"),
      element(
        "tbody",
        {},
        names.map((name) =>
          element(
            "tr",
            {},
            element("th", { scope: "row" }, name),
            samples.map((sample) => element("td", {}, formatParameter(Object.hasOwn(sample, name) ? sample[name] : undefined))),
          ),
        ),
      ),
    ),
  );
}
