/** Asks for a key. It goes nowhere but into this tab and the Authorization header of requests to this server. */

import { element } from "../core/element.js";

/** @param {{message?: string, onKey: (key: string) => void}} options */
export function signIn({ message, onKey }) {
  const input = element("input", {
    type: "password",
    id: "key",
    name: "key",
    autocomplete: "off",
    spellcheck: "false",
    required: true,
  });
  const submit = (event) => {
    event.preventDefault();
    const key = input.value.trim();
    if (key) onKey(key);
  };
  return element(
    "form.sign-in",
    { on: { submit } },
    element("h1", {}, "Sign in"),
    message ? element("p.problem", { role: "alert" }, message) : null,
    element("label.field", { for: "key" }, element("span", {}, "API key"), input),
    element(
      "p.hint",
      {},
      "The server printed the first key when it started; ",
      element("code", {}, "studyhall up"),
      " keeps it in its state directory. The key stays in this tab and is forgotten when it closes.",
    ),
    element("div.buttons", {}, element("button.primary", { type: "submit" }, "Continue")),
  );
}
