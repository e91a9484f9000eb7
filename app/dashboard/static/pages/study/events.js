/** What has happened in a study, newest first. */

import { element, fill } from "../../core/element.js";
import { eventLine, trialButton } from "../../parts/event_line.js";

export function openTab({ feed, openTrial }) {
  const list = element("ol.feed");
  const hint = element("p.hint", { role: "status" });
  const node = element("section.card", {}, element("h2", {}, "Events"), hint, list);
  feed.wantEvents();
  return {
    node,
    update(changed) {
      if (!changed.has("events")) return;
      fill(hint, feed.events.length ? `the last ${feed.events.length}` : "Nothing has happened yet.");
      fill(
        list,
        [...feed.events].reverse().map((event) => eventLine(event, { trialOf: trialButton(openTrial), resultOf: (number) => feed.resultOf(number) })),
      );
    },
    close() {},
  };
}
