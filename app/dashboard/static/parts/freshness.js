/** Says whether what is shown is up to date, and since when it is not. */

import { element } from "../core/element.js";
import { formatClock } from "../core/format.js";

const WORDS = {
  live: () => ["live", "What is shown follows the study as it changes."],
  connecting: () => ["connecting…", "Connecting to the study's events."],
  resting: () => ["resting", "This tab was hidden; it catches up when it is shown."],
  stale: (since) => [`stale since ${formatClock(since)}`, "The connection is lost; it is being tried again."],
};

export function freshnessBadge() {
  const text = element("span");
  const node = element("span.freshness", { role: "status" }, element("span.dot", { "aria-hidden": "true" }), text);
  const update = ({ state, since }) => {
    const [words, title] = WORDS[state](since);
    node.dataset.state = state;
    node.title = title;
    text.textContent = words;
  };
  return { node, update };
}
