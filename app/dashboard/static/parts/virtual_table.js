/** A table of any length: only the rows in view are on the page. Rows are walked with the arrow keys. */

import { element, fill } from "../core/element.js";

const ROW = 34; // pixels; the stylesheet says the same
const SPARE = 8; // rows beyond each edge of the view

/**
 * @typedef {{key: string, title: string, width: number, isNumeric?: boolean, cell: (row: *) => Node | string, sortable?: boolean}} Column
 * @param {{label: string, onSort: (key: string) => void, onOpen: (row: *) => void, keyOf: (row: *) => *, classOf?: (row: *) => string}} options
 */
export function virtualTable({ label, onSort, onOpen, keyOf, classOf = () => "" }) {
  let columns = [];
  let rows = [];
  let sorted = { key: "", isDescending: false };
  let walked = 0;
  let shown = { first: 0, last: 0 };

  const widths = element("colgroup");
  const head = element("tr", { "aria-rowindex": 1 });
  const [above, below] = [element("tr", { "aria-hidden": "true" }), element("tr", { "aria-hidden": "true" })];
  const [top, body, bottom] = [element("tbody.spacer", {}, above), element("tbody"), element("tbody.spacer", {}, below)];
  const table = element("table.virtual", { "aria-label": label }, widths, element("thead", {}, head), top, body, bottom);
  const node = element("div.scroller.virtual-scroller", { on: { scroll: () => paint() } }, table);
  const sizes = new ResizeObserver(() => paint());
  sizes.observe(node);
  body.addEventListener("keydown", walk);

  function setColumns(next) {
    columns = next;
    fill(
      widths,
      columns.map(({ width }) => {
        const column = element("col");
        column.style.width = `${width}px`;
        return column;
      }),
    );
    table.style.width = `max(100%, ${columns.reduce((sum, { width }) => sum + width, 0)}px)`;
    showHead();
    paint(true);
  }

  function setRows(next, order = sorted) {
    rows = next;
    if (order !== sorted) {
      sorted = order;
      showHead();
    }
    walked = Math.min(walked, Math.max(0, rows.length - 1));
    table.setAttribute("aria-rowcount", String(rows.length + 1));
    paint(true);
  }

  function showHead() {
    const focused = head.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    fill(
      head,
      columns.map(({ key, title, isNumeric, sortable = true }) => {
        const isSorted = key === sorted.key;
        const arrow = isSorted ? (sorted.isDescending ? " ↓" : " ↑") : "";
        return element(
          "th",
          {
            scope: "col",
            class: isNumeric ? "number" : "",
            "aria-sort": isSorted ? (sorted.isDescending ? "descending" : "ascending") : null,
          },
          sortable
            ? element(
                "button.plain",
                { type: "button", "data-key": key, title: `Sort by ${title}`, on: { click: () => onSort(key) } },
                title,
                arrow,
              )
            : title,
        );
      }),
    );
    if (focused !== null) head.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }

  function paint(isNew = false) {
    const first = Math.max(0, Math.floor(node.scrollTop / ROW) - SPARE);
    const last = Math.min(rows.length, Math.ceil((node.scrollTop + node.clientHeight) / ROW) + SPARE);
    if (!isNew && first === shown.first && last === shown.last) return;
    const hadFocus = body.contains(document.activeElement);
    shown = { first, last };
    above.style.height = `${first * ROW}px`;
    below.style.height = `${(rows.length - last) * ROW}px`;
    fill(
      body,
      rows.slice(first, last).map((row, index) => rowOf(row, first + index)),
    );
    if (hadFocus) rowAt(walked)?.focus({ preventScroll: true });
  }

  function rowOf(row, index) {
    return element(
      "tr",
      {
        tabindex: index === walked ? 0 : -1,
        "aria-rowindex": index + 2,
        class: classOf(row),
        "data-index": index,
        "data-key": String(keyOf(row)),
        on: {
          click: () => {
            walked = index;
            onOpen(row);
          },
        },
      },
      columns.map(({ cell, isNumeric }) => element("td", { class: isNumeric ? "number" : "" }, cell(row))),
    );
  }

  function rowAt(index) {
    return body.querySelector(`tr[data-index="${index}"]`);
  }

  function walk(event) {
    const page = Math.max(1, Math.floor(node.clientHeight / ROW) - 2);
    const to = {
      ArrowDown: walked + 1,
      ArrowUp: walked - 1,
      PageDown: walked + page,
      PageUp: walked - page,
      Home: 0,
      End: rows.length - 1,
    }[event.key];
    if (event.key === "Enter" && rows[walked]) onOpen(rows[walked]);
    else if (to === undefined) return;
    else goTo(Math.min(rows.length - 1, Math.max(0, to)));
    event.preventDefault();
  }

  function goTo(index) {
    walked = index;
    const head = table.tHead.offsetHeight;
    if (index * ROW < node.scrollTop) node.scrollTop = index * ROW;
    if ((index + 1) * ROW + head > node.scrollTop + node.clientHeight)
      node.scrollTop = (index + 1) * ROW + head - node.clientHeight;
    paint(true);
    rowAt(index)?.focus({ preventScroll: true });
  }

  return { node, setColumns, setRows, close: () => sizes.disconnect() };
}
