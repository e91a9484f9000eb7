/** Keys: who may ask this server for what. A secret is shown once, when it is made. */

import { element, fill } from "../core/element.js";
import { formatAgo, formatTime } from "../core/format.js";
import { notice, noticeProblem } from "../core/notices.js";
import { ask } from "../parts/dialog.js";
import { emptyPlace } from "../parts/pieces.js";

const COLUMNS = ["Key", "Scope", "Made", "Used", "Expires", "Actions"];
const GRACES = [
  { value: "86400", name: "A day", text: "Time to put the new key where the old one is." },
  { value: "3600", name: "An hour", text: "The same in a hurry." },
  { value: "0", name: "Not at all", text: "Whoever uses the old key is refused from now on." },
];
const SCOPES = [
  ["user", "user: make and change studies"],
  ["reader", "reader: look only"],
  ["worker", "worker: run trials"],
  ["admin", "admin: everything, keys too"],
];

export async function openPage({ api, fail, title }) {
  const ending = new AbortController();
  const place = element("div.scroller", { tabindex: 0, role: "region", "aria-label": "Keys" });
  const made = element("div", { role: "status" });
  const name = element("input", {
    type: "text",
    required: true,
    maxlength: 128,
    placeholder: "who or what it is for",
    "aria-label": "Name",
  });
  const scope = element(
    "select",
    { "aria-label": "Scope" },
    SCOPES.map(([value, text]) => element("option", { value }, text)),
  );
  const node = element(
    "div.page",
    {},
    element("header.page-head", {}, element("h1", {}, "Keys")),
    element(
      "form.filters",
      { on: { submit: create } },
      name,
      scope,
      element("button.primary", { type: "submit" }, "Make a key"),
    ),
    made,
    place,
  );
  title("Keys");
  await refresh();

  async function refresh() {
    const keys = (await api.keys(ending.signal)).filter(({ revoked_at: revokedAt }) => !revokedAt);
    fill(place, keys.length ? keysTable(keys, { rotate, revoke }) : emptyPlace("No keys", "This server asks for none."));
  }

  async function create(event) {
    event.preventDefault();
    await act(async () => {
      const key = await api.createKey({ name: name.value.trim(), scope: scope.value });
      name.value = "";
      show(key);
    });
  }

  function show(key) {
    fill(
      made,
      element(
        "section.card",
        {},
        element("h2", {}, `The key “${key.name}”`),
        element("p", {}, "Copy it now; it is not shown again."),
        element("pre", {}, key.secret),
      ),
    );
  }

  async function rotate(key) {
    const answer = await ask({
      title: `A new key for “${key.name}”?`,
      text: "It has the same name, scope and lifetime. How long does the old one work on?",
      choices: GRACES,
      action: "Rotate the key",
    });
    if (answer) await act(async () => show(await api.rotateKey(key.id, Number(answer.choice))));
  }

  async function revoke(key) {
    const answer = await ask({
      title: `Revoke “${key.name}”?`,
      text: "Whoever uses it is refused from now on. This cannot be undone.",
      action: "Revoke the key",
    });
    if (!answer) return;
    await act(async () => {
      await api.revokeKey(key.id);
      notice(`“${key.name}” is revoked.`);
    });
  }

  async function act(change) {
    try {
      await change();
      await refresh();
    } catch (error) {
      if (error.needsKey) fail(error);
      else noticeProblem(error);
    }
  }

  return { node, close: () => ending.abort() };
}

function keysTable(keys, { rotate, revoke }) {
  return element(
    "table.cards",
    {},
    element(
      "thead",
      {},
      element(
        "tr",
        {},
        COLUMNS.map((column) => element("th", { scope: "col" }, column)),
      ),
    ),
    element(
      "tbody",
      {},
      keys.map((key) =>
        element(
          "tr",
          {},
          element("th.name", { scope: "row" }, key.name, element("small", {}, element("code", {}, key.id))),
          element("td", { "data-name": "Scope" }, key.scope),
          element(
            "td",
            { "data-name": "Made" },
            element("time", { datetime: key.created_at, title: formatTime(key.created_at) }, formatAgo(key.created_at)),
          ),
          element("td", { "data-name": "Used" }, key.last_used_at ? formatAgo(key.last_used_at) : "never"),
          element("td", { "data-name": "Expires" }, key.expires_at ? formatTime(key.expires_at) : "never"),
          element(
            "td",
            { "data-name": "Actions" },
            key.scope === "guest"
              ? null
              : element(
                  "button",
                  { type: "button", "aria-label": `Rotate ${key.name}`, on: { click: () => rotate(key) } },
                  "Rotate…",
                ),
            element(
              "button.danger",
              { type: "button", "aria-label": `Revoke ${key.name}`, on: { click: () => revoke(key) } },
              "Revoke…",
            ),
          ),
        ),
      ),
    ),
  );
}
