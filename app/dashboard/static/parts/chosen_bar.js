/** What may be done with several chosen trials at once. */

import { element, fill } from "../core/element.js";
import { plural } from "../core/format.js";
import { notice } from "../core/notices.js";
import { address } from "../core/route.js";
import { isFinal } from "../core/values.js";
import { ask } from "./dialog.js";

const AT_ONCE = 4;
const MOST_COMPARED = 8;
const LET_GO = "Let go";

/** @param {{chosen: Set<number>, onChange: () => void}} options `chosen` holds numbers; onChange draws the table anew */
export function chosenBar({ api, feed, chosen, fail, onChange }) {
  const node = element("div.chosen", { role: "region", "aria-label": "Chosen trials", hidden: true });
  const tag = element("input", { type: "text", placeholder: "tag, or key=value", "aria-label": "Tag", size: 16, maxlength: 64 });

  let told = "";

  /** Only what has changed is written anew: whoever types a tag keeps the keyboard while trials come in. */
  function update() {
    const rows = chosenRows();
    const now = JSON.stringify([[...chosen], rows.map(({ state, excluded }) => [state, excluded])]);
    if (now === told) return;
    told = now;
    node.hidden = !chosen.size;
    const running = rows.filter(({ state }) => !isFinal(state));
    const ended = rows.filter(({ state }) => isFinal(state));
    const allExcluded = rows.length > 0 && rows.every(({ excluded }) => excluded);
    fill(
      node,
      element("strong", {}, `${plural(chosen.size, "trial")} chosen`),
      chosen.size > 1 && chosen.size <= MOST_COMPARED
        ? element("a.button", { href: address("studies", feed.name, "compare", { trials: [...chosen].join(",") }) }, "Compare")
        : null,
      button(allExcluded ? "Include" : "Exclude", () => setExcluded(rows, !allExcluded)),
      ended.length ? button("Retry", () => each(ended, (id) => api.retryTrial(id), "queued again")) : null,
      running.length ? button("Stop…", () => stop(running)) : null,
      element("form.inline.writes", { on: { submit: (event) => addTag(event, rows) } }, tag, element("button", { type: "submit" }, "Tag")),
      button(LET_GO, letGo),
    );
  }

  function button(name, action) {
    return element(name === LET_GO ? "button" : "button.writes", { type: "button", on: { click: action } }, name);
  }

  function chosenRows() {
    return [...chosen].map((number) => feed.rows.get(number)).filter(Boolean);
  }

  function letGo() {
    chosen.clear();
    onChange();
    update();
  }

  async function setExcluded(rows, excluded) {
    const change = (to) => each(rows, (id) => api.changeTrial(id, { excluded: to }), to ? "excluded" : "included");
    await change(excluded);
    notice(excluded ? "The engine does not see them any more." : "The engine sees them again.", {
      undo: () => change(!excluded),
    });
  }

  async function stop(rows) {
    const answer = await ask({
      title: `Stop ${plural(rows.length, "trial")}?`,
      text: "They are asked to end soon; what they measured last stands.",
      reason: true,
      action: "Stop them",
    });
    if (answer) await each(rows, (id) => api.stopTrial(id, answer.reason), "asked to stop");
  }

  async function addTag(event, rows) {
    event.preventDefault();
    const [key, ...rest] = tag.value.trim().split("=");
    if (!key) return;
    await each(rows, (id, row) => api.changeTrial(id, { labels: { ...row.labels, [key]: rest.join("=") } }), `tagged ${key}`);
    tag.value = "";
  }

  /** Does something to each, a few at once, and tells how it went. */
  async function each(rows, change, done) {
    const left = [...rows];
    const problems = [];
    const work = async () => {
      for (let row = left.shift(); row; row = left.shift())
        try {
          feed.tookTrial(await change(await feed.trialId(row.number), row));
        } catch (error) {
          if (error.needsKey) throw error;
          problems.push(error);
        }
    };
    try {
      await Promise.all(Array.from({ length: AT_ONCE }, work));
      const went = `${plural(rows.length - problems.length, "trial")} ${done}`;
      notice(problems.length ? `${went}; ${plural(problems.length, "problem")}: ${problems[0].message}` : `${went}.`);
    } catch (error) {
      fail(error);
    }
    update();
  }

  update();
  return { node, update };
}
