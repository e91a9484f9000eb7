/** Short messages about what just happened, read out by screen readers; problems stay until they are closed. */

import { element } from "./element.js";

const SHOWN_MS = 6000;

/** @param {string} text @param {{undo?: () => void}} options */
export function notice(text, { undo } = {}) {
  const box = show(text, "done");
  if (undo)
    box.insertBefore(
      element(
        "button",
        {
          type: "button",
          on: {
            click: () => {
              box.remove();
              undo();
            },
          },
        },
        "Undo",
      ),
      box.lastChild,
    );
  setTimeout(() => box.remove(), SHOWN_MS);
}

/** @param {Error} error */
export function noticeProblem(error) {
  show(error.requestId ? `${error.message} (request ${error.requestId})` : error.message, "problem");
}

function show(text, kind) {
  const box = element("div.notice", { class: kind }, element("span", {}, text));
  box.append(
    element("button.plain", { type: "button", "aria-label": "Close this message", on: { click: () => box.remove() } }, "×"),
  );
  place().append(box);
  return box;
}

/** Where messages stand: everything outside of an open dialog is out of reach, so they go into it, and come back with its end. */
function place() {
  const notices = document.getElementById("notices");
  const host = [...document.querySelectorAll("dialog:modal")].at(-1) ?? document.body;
  if (notices.parentElement === host) return notices;
  host.append(notices);
  host.addEventListener("close", () => document.body.append(notices), { once: true, capture: true });
  return notices;
}
