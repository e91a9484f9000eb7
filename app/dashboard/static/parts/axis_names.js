/** The names above parallel axes: dragged, or moved with the arrow keys, they take their axis along. */

import { element, fill } from "../core/element.js";

const [CHARACTER, PADDING] = [8, 14]; // pixels

/** @param {(name: string, to: number) => void} move puts an axis at a place among the others */
export function axisNames(move) {
  const node = element("div.axis-names");
  let shown = "";
  let layout = null;

  function show(next) {
    layout = next;
    const key = [layout.width, ...layout.axes.map(({ name }) => name)].join();
    if (key === shown) return;
    shown = key;
    node.style.width = `${layout.width}px`;
    fill(node, layout.axes.map(nameOf));
  }

  function nameOf(axis, index) {
    const step = (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!by) return;
      event.preventDefault();
      move(axis.name, index + by);
    };
    const room = Math.max(60, layout.gap - 8);
    const button = element(
      "button.plain.axis-name",
      {
        type: "button",
        "data-axis": axis.name,
        title: `${axis.name}: drag, or arrow keys, to move`,
        class: axis.isObjective ? "objective" : "",
        on: { keydown: step, pointerdown: (event) => drag(event, axis.name) },
      },
      tail(axis.name, Math.floor((room - PADDING) / CHARACTER)),
    );
    button.style.left = `${layout.xs[index]}px`;
    button.style.maxWidth = `${room}px`;
    return button;
  }

  function drag(down, name) {
    const button = down.currentTarget;
    const following = new AbortController();
    const until = { signal: following.signal };
    const by = (event) => event.clientX - down.clientX;
    const moved = (event) => {
      button.style.translate = `${by(event)}px 0`;
    };
    const dropped = (event) => {
      following.abort();
      button.style.translate = "";
      const x = event.clientX - node.getBoundingClientRect().left;
      if (Math.abs(by(event)) > 8) move(name, nearestAxis(layout, x));
    };
    window.addEventListener("pointermove", moved, until);
    window.addEventListener("pointerup", dropped, until);
  }

  return { node, show, focus: (name) => node.querySelector(`[data-axis="${CSS.escape(name)}"]`)?.focus() };
}

/** The end of a long name: what tells parameters of an architecture apart stands there. */
function tail(name, length) {
  return name.length <= length ? name : `…${name.slice(1 - length)}`;
}

/** The place of the axis that is nearest to a horizontal position. */
export function nearestAxis({ xs }, x) {
  return xs.reduce((nearest, axisX, index) => (Math.abs(axisX - x) < Math.abs(xs[nearest] - x) ? index : nearest), 0);
}
