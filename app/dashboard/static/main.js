/** Where the dashboard begins: the bar, the router, and one page at a time. */

import { Api, isAbort } from "./core/api.js";
import { element, fill } from "./core/element.js";
import { isGuest, keepKey, keptKey, takeKeyFromAddress } from "./core/key.js";
import { noticeProblem } from "./core/notices.js";
import { readRoute } from "./core/route.js";
import { applyTheme } from "./core/theme.js";
import { topBar } from "./parts/top_bar.js";
import { loadingPlace } from "./parts/pieces.js";
import { signIn } from "./parts/sign_in.js";

const PAGES = {
  studies: () => import("./pages/studies.js"),
  study: () => import("./pages/study.js"),
  new: () => import("./pages/new_study.js"),
  activity: () => import("./pages/activity.js"),
  compare: () => import("./pages/compare.js"),
  workers: () => import("./pages/workers.js"),
  keys: () => import("./pages/keys.js"),
  about: () => import("./pages/about.js"),
};

const main = document.getElementById("main");
const api = new Api({ base: document.baseURI, key: keptKey, guest: isGuest });
const bar = topBar(document.getElementById("bar"), { onForget: () => askForKey("The key is forgotten in this tab.") });
let current = null;
let visit = 0;

/** Opens the page of the address, or lets the page that is open follow it. */
async function go(event) {
  takeKeyFromAddress(window);
  const route = readRoute(location.hash);
  const kind = route.page === "studies" && route.name !== null ? "study" : route.page;
  document.body.classList.toggle("guest", isGuest());
  bar.update(kind);
  if (!keptKey()) return askForKey();
  if (current?.follow?.(kind, route, readRoute(event?.oldURL ? new URL(event.oldURL).hash : ""))) return undefined;
  leave();
  const mine = (visit += 1);
  fill(main, loadingPlace());
  if (!Object.hasOwn(PAGES, kind)) return inPlaceOfPage("There is no such page", `Nothing lives at ${location.hash}.`);
  try {
    const page = await (await PAGES[kind]()).openPage({ api, route, fail, title });
    if (mine !== visit) return page.close();
    current = page;
    fill(main, page.node);
    page.shown?.();
    if (event && document.activeElement === document.body) main.focus({ preventScroll: true }); // its link went with the page before
  } catch (error) {
    if (mine === visit) fail(error, { isPage: true });
  }
  return undefined;
}

function leave() {
  current?.close();
  current = null;
}

function title(...parts) {
  document.title = [...parts, "Studyhall"].join(" · ");
}

/** What to do about a problem: ask for a key, say that the page cannot be shown, or say what went wrong. */
function fail(error, { isPage = false } = {}) {
  if (isAbort(error)) return;
  if (error.needsKey) askForKey("This key is not accepted: it may be mistyped, expired or revoked.");
  else if (isPage)
    inPlaceOfPage(
      error.status === 404 ? "Not found" : "This page cannot be shown",
      error.message,
      element("button", { type: "button", on: { click: go } }, "Try again"),
    );
  else noticeProblem(error);
}

function inPlaceOfPage(name, text, ...more) {
  title(name);
  fill(
    main,
    element(
      "div.empty",
      {},
      element("h1", {}, name),
      element("p", {}, text),
      more,
      element("a", { href: "#/studies" }, "To the studies"),
    ),
  );
}

function askForKey(message) {
  visit += 1;
  leave();
  title("Sign in");
  fill(
    main,
    signIn({
      message,
      onKey: (key) => {
        keepKey(key);
        go();
      },
    }),
  );
  main.querySelector("input").focus();
}

window.addEventListener("hashchange", go);
window.addEventListener("unhandledrejection", (event) => {
  if (isAbort(event.reason)) event.preventDefault();
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the fragment is the address of a page, not of an element
  main.focus();
});
applyTheme();
go();
