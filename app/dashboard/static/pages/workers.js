/** The fleet: who is there, what each can run and how it has fared. */

import { pause } from "../core/live.js";
import { element, fill } from "../core/element.js";
import { formatAgo, formatNumber, formatShare, formatTime, plural } from "../core/format.js";
import { notice, noticeProblem } from "../core/notices.js";
import { meter } from "../parts/meter.js";
import { emptyPlace, labelChips } from "../parts/pieces.js";

const REFRESH_MS = 5000;
const COLUMNS = ["Worker", "State", "Running", "Completed", "Failed", "Can run", "Machine", "Last seen", "Actions"];
const NUMBERS = new Set(["Running", "Completed", "Failed"]);

export async function openPage({ api, fail, title }) {
  const ending = new AbortController();
  const place = element("div.scroller", { tabindex: 0, role: "region", "aria-label": "Workers" });
  const hint = element("p.hint", { role: "status" });
  const node = element("div.page", {}, element("header.page-head", {}, element("h1", {}, "Workers"), hint), place);
  title("Workers");
  await refresh();
  keepFresh();

  async function refresh() {
    const told = await api.workers(ending.signal);
    const workers = [...told.filter(({ state }) => state !== "offline"), ...told.filter(({ state }) => state === "offline")];
    const online = workers.filter(({ state }) => state === "online").length;
    fill(hint, workers.length ? `${formatNumber(online)} of ${plural(workers.length, "worker")} online` : "");
    fill(
      place,
      workers.length
        ? workersTable(workers, change)
        : emptyPlace(
            "No worker has introduced itself",
            "Start one on any machine that reaches this server:",
            element("pre", {}, `studyhall worker --url ${location.origin} --key-file KEY_FILE`),
          ),
    );
  }

  async function change(worker, changes, text) {
    try {
      await api.changeWorker(worker.name, changes);
      notice(text, { undo: () => change(worker, { state: worker.state === "offline" ? "online" : worker.state }, "Undone.") });
      await refresh();
    } catch (error) {
      if (error.needsKey) fail(error);
      else noticeProblem(error);
    }
  }

  async function keepFresh() {
    while (!ending.signal.aborted) {
      await pause(REFRESH_MS, ending.signal);
      if (document.hidden || ending.signal.aborted || place.matches(":active")) continue; // a button is being pressed
      await refresh().catch((error) => {
        if (error.needsKey) fail(error);
        else fill(hint, "stale: the server does not answer");
      });
    }
  }

  return { node, follow: (kind) => kind === "workers", close: () => ending.abort() };
}

function workersTable(workers, change) {
  return element(
    "table.cards",
    {},
    element(
      "thead",
      {},
      element(
        "tr",
        {},
        COLUMNS.map((name) => element("th", { scope: "col", class: NUMBERS.has(name) ? "number" : "" }, name)),
      ),
    ),
    element(
      "tbody",
      {},
      workers.map((worker) => workerRow(worker, change)),
    ),
  );
}

function workerRow(worker, change) {
  const can = worker.capabilities ?? {};
  const runs = [...(can.trainables ?? []), ...(can.entry_points ?? []), ...(can.commands ?? [])];
  return element(
    "tr",
    {},
    element("th.name", { scope: "row" }, worker.name, element("small", {}, `version ${worker.version}`)),
    element(
      "td",
      { "data-name": "State" },
      element(`span.pill.worker-${worker.state}`, {}, worker.state),
      worker.reason ? element("small", {}, worker.reason) : null,
    ),
    element("td.number", { "data-name": "Running" }, `${formatNumber(worker.running ?? 0)} / ${formatNumber(worker.slots ?? 1)}`),
    element("td.number", { "data-name": "Completed" }, formatNumber(worker.completed ?? 0)),
    element(
      "td.number",
      { "data-name": "Failed" },
      formatNumber(worker.failed ?? 0),
      worker.failed ? element("small", {}, formatShare(worker.failure_rate)) : null,
    ),
    element("td", { "data-name": "Can run" }, runs.join(", ") || "–", element("div", {}, labelChips(can.labels))),
    element(
      "td",
      { "data-name": "Machine" },
      worker.host || "–",
      element(
        "small",
        {},
        [
          `${formatNumber(can.cpu ?? 0)} CPU`,
          can.gpu ? `${formatNumber(can.gpu)} GPU` : null,
          can.memory_mb ? `${formatNumber(Math.round(can.memory_mb / 1024))} GB` : null,
        ]
          .filter(Boolean)
          .join(" · "),
      ),
      machineUse(worker.machine),
    ),
    element(
      "td",
      { "data-name": "Last seen" },
      element(
        "time",
        { datetime: worker.last_seen_at, title: formatTime(worker.last_seen_at) },
        formatAgo(worker.last_seen_at),
      ),
    ),
    element("td", { "data-name": "Actions" }, element("div.buttons", {}, actionsFor(worker, change))),
  );
}

/** How busy the machine was when its worker last said so, and each of its GPUs. */
function machineUse(machine) {
  if (!machine) return null;
  const share = (used, whole) => (whole && used !== null ? used / whole : null);
  const shown = [
    ["load", share(machine.load, machine.cpus), `${formatNumber(machine.load, 2)} of ${formatNumber(machine.cpus)}`],
    ["memory", share(machine.memory_used_mb, machine.memory_mb)],
    ...machine.gpus.flatMap((gpu) => [
      [gpu.name || gpu.id, gpu.utilization],
      [`${gpu.name || gpu.id} memory`, share(gpu.memory_used_mb, gpu.memory_mb)],
    ]),
  ].filter(([, value]) => value !== null && value !== undefined);
  return element("div.meters", {}, shown.map(([name, value, text]) => meter(name, value, { text, tone: value > 0.95 ? "bad" : "" })));
}

/** A drained worker ends what it runs and takes nothing new; one put aside takes nothing until it is taken back. */
function actionsFor(worker, change) {
  const button = (name, changes, text) =>
    element(
      "button",
      { type: "button", "aria-label": `${name} ${worker.name}`, on: { click: () => change(worker, changes, text) } },
      name,
    );
  const back = button("Take back", { state: "online" }, `${worker.name} takes trials again.`);
  if (worker.state === "draining" || worker.state === "quarantined") return [back];
  return [
    button("Drain", { state: "draining", reason: "by a person" }, `${worker.name} ends what it runs and takes nothing new.`),
    button(
      "Put aside",
      { state: "quarantined", reason: "by a person" },
      `${worker.name} gets no trials until it is taken back.`,
    ),
  ];
}
