/** What may be done with several chosen studies at once. */

import { element, fill } from "../core/element.js";
import { plural } from "../core/format.js";
import { notice } from "../core/notices.js";
import { address } from "../core/route.js";
import { ask } from "./dialog.js";

const MOST_COMPARED = 6;
const LET_GO = "Let go";

/** @param {{chosen: Set<string>, onDone: () => void}} options `chosen` holds names */
export function chosenStudies({ api, chosen, fail, onDone }) {
  const node = element("div.chosen", { role: "region", "aria-label": "Chosen studies", hidden: true });

  function update() {
    node.hidden = !chosen.size;
    const canCompare = chosen.size > 1 && chosen.size <= MOST_COMPARED;
    fill(
      node,
      element("strong", {}, `${plural(chosen.size, "study", "studies")} chosen`),
      canCompare
        ? element("a.button", { href: address("compare", null, null, { studies: [...chosen].join(",") }) }, "Compare")
        : null,
      button("Pause", () => each((name) => api.pause(name), "paused")),
      button("Resume", () => each((name) => api.resume(name), "resumed")),
      button("Stop…", stop),
      button(LET_GO, letGo),
    );
  }

  function button(name, action) {
    return element(name === LET_GO ? "button" : "button.writes", { type: "button", on: { click: action } }, name);
  }

  function letGo() {
    chosen.clear();
    update();
    onDone();
  }

  async function stop() {
    const answer = await ask({
      title: `Stop ${plural(chosen.size, "study", "studies")}?`,
      text: "They end; running trials are asked to stop, and all results stay. They can be resumed later.",
      reason: true,
      action: "Stop them",
    });
    if (answer) await each((name) => api.stop(name, { mode: "graceful", reason: answer.reason }), "stopping");
  }

  async function each(change, done) {
    const problems = [];
    for (const name of chosen)
      try {
        await change(name);
      } catch (error) {
        if (error.needsKey) return fail(error);
        problems.push(`${name}: ${error.message}`);
      }
    const went = `${plural(chosen.size - problems.length, "study", "studies")} ${done}.`;
    notice([went, ...problems.slice(0, 2)].join(" "));
    onDone();
    return undefined;
  }

  return { node, update };
}
