/** The files that a trial has kept, to be saved: by stage, with sizes and hashes. */

import { offer } from "../core/download.js";
import { element } from "../core/element.js";
import { formatBytes, formatNumber, plural } from "../core/format.js";
import { noticeProblem } from "../core/notices.js";

const SHORT_HASH = 12;

/** @param {{files: object[] | null}} options null where this key may not read them */
export function filesCard({ api, trial, files, fail }) {
  if (files === null) return element("section.card", {}, element("h2", {}, "Files"), element("p.hint", {}, "This key may not read the files of trials."));
  if (!files.length) return null;
  const folders = [...Map.groupBy(files, ({ name }) => (name.includes("/") ? name.slice(0, name.indexOf("/")) : ""))].sort(([a], [b]) => order(a) - order(b));
  const total = files.reduce((sum, { size }) => sum + size, 0);
  return element(
    "section.card",
    {},
    element("h2", {}, "Files"),
    element("p.hint", {}, `${plural(files.length, "file")}, ${formatBytes(total)}. What is shipped is in `, element("code", {}, "export/"), "; on the command line: ", element("code", {}, `studyhall trial artifacts ${trial.id}`), "."),
    folders.map(([folder, kept]) => element("details.folder", { open: order(folder) === 0 || folders.length === 1 }, element("summary", {}, element("strong", {}, folder || "files"), element("span.hint", {}, `${plural(kept.length, "file")}, ${formatBytes(kept.reduce((sum, { size }) => sum + size, 0))}`)), fileTable(kept))),
  );

  function fileTable(kept) {
    return element("div.scroller", {}, element("table.files", {}, element("tbody", {}, kept.map(fileRow))));
  }

  function fileRow(file) {
    return element(
      "tr",
      {},
      element("th", { scope: "row" }, file.name),
      element("td.number", {}, formatBytes(file.size)),
      element("td", {}, element("code", { title: `SHA-256 ${file.sha256}` }, file.sha256.slice(0, SHORT_HASH))),
      element("td", {}, file.attempt > 1 ? `attempt ${formatNumber(file.attempt)}` : ""),
      element("td.number", {}, element("button", { type: "button", "aria-label": `Save ${file.name}`, on: { click: (event) => save(file, event.currentTarget) } }, "Save")),
    );
  }

  async function save(file, button) {
    button.disabled = true;
    try {
      offer(file.name.split("/").at(-1), await api.artifact(trial.id, file), "application/octet-stream");
    } catch (error) {
      if (error.needsKey) fail(error);
      else noticeProblem(error);
    } finally {
      button.disabled = false;
    }
  }
}

/** What is shipped comes first. */
function order(folder) {
  return { export: 0, model: 1 }[folder] ?? 2;
}
