/** Questions before something is done that cannot simply be undone. */

import { element } from "../core/element.js";

/**
 * Asks, and waits for the answer.
 * @param {{title: string, text: string, choices?: {value: string, name: string, text: string}[], reason?: boolean, action: string}} question
 * @returns {Promise<{choice: string | null, reason: string} | null>} null when the answer is no
 */
export function ask({ title, text, choices = [], reason = false, action }) {
  return new Promise((resolve) => {
    const why = reason
      ? element("input", { type: "text", name: "reason", maxlength: 500, placeholder: "optional, kept with the study" })
      : null;
    const form = element(
      "form",
      { on: { submit: answer } },
      element("h2", { id: "question" }, title),
      element("p", {}, text),
      choices.length ? element("fieldset.choices", {}, element("legend", {}, "How"), choices.map(choiceField)) : null,
      why ? element("label.field", {}, element("span", {}, "Reason"), why) : null,
      element(
        "div.buttons",
        {},
        element("button", { type: "button", on: { click: () => dialog.close() } }, "Keep as it is"),
        element("button.danger", { type: "submit" }, action),
      ),
    );
    const dialog = element(
      "dialog.question",
      {
        "aria-labelledby": "question",
        on: {
          close: () => {
            dialog.remove();
            resolve(given);
          },
        },
      },
      form,
    );
    let given = null;
    document.body.append(dialog);
    dialog.showModal();

    function answer(event) {
      event.preventDefault();
      given = { choice: new FormData(form).get("choice"), reason: why?.value.trim() ?? "" };
      dialog.close();
    }
  });
}

function choiceField({ value, name, text }, index) {
  return element(
    "label.choice",
    {},
    element("input", { type: "radio", name: "choice", value, checked: index === 0 }),
    element("span", {}, element("strong", {}, name), element("small", {}, text)),
  );
}
