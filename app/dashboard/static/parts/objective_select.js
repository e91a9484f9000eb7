/** Which objective a page is about; it has an address, and with only one there is nothing to choose. */

import { setQuery } from "../core/route.js";
import { select } from "./select.js";

/** @returns {{node: Node | null, chosen: object}} `chosen` is the objective of now */
export function objectiveSelect(objectives, query, onChoose) {
  const named = (name) => objectives.find(({ metric }) => metric === name);
  const made = { node: null, chosen: named(query.get("metric")) ?? objectives[0] };
  if (objectives.length > 1)
    made.node = select("Objective", objectives.map(({ metric }) => metric), made.chosen.metric, (name) => {
      made.chosen = named(name);
      setQuery({ metric: name });
      onChoose();
    }).node;
  return made;
}
