/** One study: its head, its tabs, and the trial that is open beside them. */

import { element, fill } from "../core/element.js";
import { noticeProblem, notice } from "../core/notices.js";
import { address, readRoute, setQuery } from "../core/route.js";
import { StudyFeed } from "../core/study_feed.js";
import { ask } from "../parts/dialog.js";
import { freshnessBadge } from "../parts/freshness.js";
import { labelChips, loadingPlace, reasonText, statePill } from "../parts/pieces.js";
import { TrialDrawer } from "../parts/trial_drawer.js";

/** What there is to see of a study, in groups: beside the page where it is wide, as a strip above it where it is not. */
const GROUPS = [
  {
    title: "Search",
    tabs: [
      { name: "overview", title: "Overview", load: () => import("./study/overview.js") },
      { name: "health", title: "Health", load: () => import("./study/health.js") },
      { name: "trials", title: "Trials", load: () => import("./study/trials.js") },
      { name: "model", title: "Model", load: () => import("./study/model.js") },
      { name: "compare", title: "Compare", load: () => import("./study/compare.js"), isHidden: true },
    ],
  },
  {
    title: "Results",
    tabs: [
      { name: "pareto", title: "Pareto front", load: () => import("./study/pareto.js"), when: (study) => study.objectives.length > 1 },
      { name: "parallel", title: "Parallel", load: () => import("./study/parallel.js") },
      { name: "slices", title: "Slices", load: () => import("./study/slices.js") },
      { name: "curves", title: "Curves", load: () => import("./study/curves.js") },
      { name: "timeline", title: "Timeline", load: () => import("./study/timeline.js") },
    ],
  },
  {
    title: "Analysis",
    tabs: [
      { name: "importance", title: "Importance", load: () => import("./study/importance.js") },
      { name: "ablation", title: "Ablation", load: () => import("./study/ablation.js") },
      { name: "dependence", title: "Dependence", load: () => import("./study/dependence.js") },
      { name: "contour", title: "Contour", load: () => import("./study/contour.js") },
      { name: "rank", title: "Ranks", load: () => import("./study/rank.js") },
      { name: "progress", title: "Progress", load: () => import("./study/progress.js") },
    ],
  },
  {
    title: "Definition",
    tabs: [
      { name: "space", title: "Space", load: () => import("./study/space.js") },
      { name: "events", title: "Events", load: () => import("./study/events.js") },
    ],
  },
];
const TABS = GROUPS.flatMap(({ tabs }) => tabs);

const STOP_WAYS = [
  { value: "graceful", name: "Gracefully", text: "Running trials are asked to stop now; what they measured is kept." },
  { value: "drain", name: "Let them finish", text: "No new trials; running ones go on to their end." },
  { value: "kill", name: "At once", text: "Running trials are cancelled and their work is lost." },
];

export async function openPage({ api, route, fail, title }) {
  const feed = new StudyFeed(api, route.name);
  TABS.find(({ name }) => name === (route.tab ?? "overview"))?.load(); // while the study is being read
  try {
    await feed.open();
  } catch (error) {
    feed.close();
    throw error;
  }
  const freshness = freshnessBadge();
  const status = element("div.status");
  const actions = element("div.buttons");
  const tabs = element("nav.tabs", { "aria-label": "Study" });
  const place = element("div.tab");
  const drawer = new TrialDrawer({ api, feed, onClose: closeTrial });
  const about = element("p.hint.study-about");
  const node = element(
    "div.page.study-page",
    {},
    element(
      "header.page-head.study-head",
      {},
      element(
        "div.study-title",
        {},
        element("p.crumbs", {}, element("a", { href: "#/studies" }, "Studies")),
        element("div.title-line", {}, element("h1", {}, feed.study.name), status),
        about,
      ),
      actions,
    ),
    tabs,
    place,
  );
  let shown = { tab: null, name: null };
  let told = "";

  const listening = feed.subscribe((changed) => {
    if (feed.refused) fail(feed.refused);
    if (changed.has("freshness")) freshness.update(feed.freshness);
    if (changed.has("study")) showHead();
    shown.tab?.update(changed);
  });
  title(feed.study.name);
  freshness.update(feed.freshness);
  showHead();
  await showTab(route);
  drawer.show(route.query.get("trial"));

  function showHead() {
    const { study, summary } = feed;
    const key = JSON.stringify([summary.state, summary.reason, study.objectives.length, study.description, study.labels]);
    if (key === told) return;
    told = key;
    fill(
      status,
      statePill(summary.state),
      summary.reason ? element("span.hint", {}, reasonText(summary.reason)) : null,
      freshness.node,
    );
    fill(
      about,
      study.description ? element("span.clamped", { title: study.description }, study.description) : null,
      labelChips(study.labels),
    );
    fill(actions, api.isGuest ? null : buttonsFor(summary.state));
    showTabs(readRoute(location.hash).tab ?? "overview");
  }

  function showTabs(current) {
    const isShown = ({ name, when, isHidden }) => (!when || when(feed.study)) && (!isHidden || name === current);
    const link = ({ name, title: text }) =>
      element("a", { href: address("studies", feed.name, name === "overview" ? null : name), "aria-current": name === current ? "page" : null }, text);
    fill(
      tabs,
      GROUPS.map((group) => element("div.tab-group", {}, element("span.tab-heading", { "aria-hidden": "true" }, group.title), group.tabs.filter(isShown).map(link))),
    );
    requestAnimationFrame(() => {
      const here = tabs.querySelector("[aria-current]");
      // On a phone the tabs scroll sideways: the one that is open must be in sight.
      if (here) tabs.scrollLeft = here.offsetLeft - (tabs.clientWidth - here.offsetWidth) / 2 - tabs.offsetLeft;
    });
  }

  function buttonsFor(state) {
    const pause = element(
      "button",
      {
        type: "button",
        on: {
          click: () =>
            act(
              () => api.pause(feed.study.id),
              "Paused: running trials end, no new ones start.",
              () => api.resume(feed.study.id),
            ),
        },
      },
      "Pause",
    );
    const resume = element(
      "button",
      { type: "button", on: { click: () => act(() => api.resume(feed.study.id), "Resumed.") } },
      "Resume",
    );
    const stop = element("button.danger", { type: "button", on: { click: stopAsked } }, "Stop…");
    return { active: [pause, stop], paused: [resume, stop], stopping: [resume, stop] }[state] ?? [resume];
  }

  async function stopAsked() {
    const answer = await ask({
      title: `Stop “${feed.study.name}”?`,
      text: "The study ends; its trials and results stay. It can be resumed later.",
      choices: STOP_WAYS,
      reason: true,
      action: "Stop the study",
    });
    if (answer)
      await act(
        () => api.stop(feed.study.id, { mode: answer.choice, reason: answer.reason }),
        "The study is stopping.",
        () => api.resume(feed.study.id),
      );
  }

  async function act(change, text, undo) {
    try {
      feed.tookStudy(await change());
      notice(text, undo ? { undo: () => act(undo, "Undone.") } : {});
    } catch (error) {
      if (error.needsKey) fail(error);
      else noticeProblem(error);
    }
  }

  /** A tab that does not follow its address is opened anew when another question is asked there than before. */
  async function showTab({ tab, query }, before = query) {
    const wanted = TABS.find(({ name, when }) => name === (tab ?? "overview") && (!when || when(feed.study))) ?? TABS[0];
    showTabs(wanted.name);
    if (shown.name === wanted.name && (shown.tab?.follow || asked(query) === asked(before))) return shown.tab?.follow?.(query);
    shown.tab?.close();
    shown = { tab: null, name: wanted.name };
    fill(place, loadingPlace());
    const made = (await wanted.load()).openTab({ api, feed, query, openTrial, fail });
    if (shown.name !== wanted.name) return made.close();
    shown.tab = made;
    fill(place, made.node);
    made.update(new Set(["study", "history", "rows", "events", "freshness"]));
    title(wanted.title, feed.study.name);
    return undefined;
  }

  /** Opens a trial by putting it into the address, so that it can be linked to and Back closes it. */
  async function openTrial({ id = null, number }) {
    try {
      const found = id ?? (await feed.trialId(number));
      const { page, name, tab, query } = readRoute(location.hash);
      location.hash = address(page, name, tab, { ...Object.fromEntries(query), trial: found });
      history.replaceState({ isOpenedHere: true }, "");
    } catch (error) {
      fail(error);
    }
  }

  /** Leaves no entry behind that would open it again: Back goes where it would have gone from the page below. */
  function closeTrial() {
    if (history.state?.isOpenedHere) history.back();
    else setQuery({ trial: null });
  }

  return {
    node,
    follow(kind, to, from) {
      if (kind !== "study" || to.name !== feed.name) return false;
      showTab(to, from.query).catch(fail);
      drawer.show(to.query.get("trial"));
      return true;
    },
    close() {
      shown.tab?.close();
      shown = { tab: null, name: null };
      drawer.close();
      listening();
      feed.close();
    },
  };
}

/** What a tab is asked: the trial that is open beside it is no part of that. */
function asked(query) {
  return [...query].filter(([key]) => key !== "trial").join();
}
