/** What answers here: version, health, what it can search with and what its workers can train. */

import { element } from "../core/element.js";
import { facts } from "../parts/pieces.js";

export async function openPage({ api, title }) {
  const [health, document, algorithms, trainables] = await Promise.allSettled([
    api.ready(),
    api.openapi(),
    api.algorithms(),
    api.trainables(),
  ]);
  const refused = [algorithms, trainables].find(({ reason }) => reason?.needsKey);
  if (refused) throw refused.reason;
  title("About");
  const node = element(
    "div.page",
    {},
    element("header.page-head", {}, element("h1", {}, "About")),
    element(
      "section.card",
      {},
      element("h2", {}, "This server"),
      facts([
        ["health", health.value?.status ?? health.reason.message],
        ["version", document.value?.info?.version ?? "unknown"],
        ["address", location.origin],
        ["API", element("a", { href: "openapi.json" }, "openapi.json")],
      ]),
    ),
    listed("Algorithms", "What can search here; a study names one of them.", algorithms),
    listed("Trainables", "What the workers can train without code of yours.", trainables),
  );
  return { node, close() {} };
}

function listed(name, text, { value, reason }) {
  const items = value ?? [];
  return element(
    "section.card",
    {},
    element("h2", {}, name),
    element("p.hint", {}, reason ? reason.message : text),
    items.length ? facts(items.map((item) => [item.name, item.summary])) : element("p", {}, "None."),
  );
}
