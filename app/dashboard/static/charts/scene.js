/** A drawing as plain values: charts make scenes without a browser, this file puts them on the page. */

const SVG = "http://www.w3.org/2000/svg";

/** @typedef {{tag: string, attributes: Object<string, string | number>, children: (Scene | string)[]}} Scene */

/** @returns {Scene} `kind` is a tag with classes: "path.best" */
export function shape(kind, attributes = {}, ...children) {
  const [tag, ...classes] = kind.split(".");
  const named = classes.length ? { class: classes.join(" "), ...attributes } : attributes;
  return {
    tag,
    attributes: named,
    children: children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  };
}

export function group(kind, ...children) {
  return shape(`g.${kind}`, {}, ...children);
}

/** @returns {Scene} the outermost element; `label` is what a screen reader says */
export function drawing({ width, height }, label, ...children) {
  return shape("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label }, ...children);
}

/** Makes the SVG element of a scene. Text becomes text nodes. */
export function toSvg(scene) {
  if (typeof scene === "string") return document.createTextNode(scene);
  const made = document.createElementNS(SVG, scene.tag);
  for (const [name, value] of Object.entries(scene.attributes))
    if (value !== null && value !== undefined) made.setAttribute(name, value);
  made.append(...scene.children.map(toSvg));
  return made;
}

/** A short decimal for path data: screens do not show hundredths of a pixel. */
export function px(value) {
  return Math.round(value * 10) / 10;
}

/** A path through points, one straight piece each. @param {Iterable<[number, number]>} points */
export function line(points) {
  let path = "";
  for (const [x, y] of points) path += `${path ? "L" : "M"}${px(x)} ${px(y)}`;
  return path;
}

/** A path of steps: level until the next point, then up or down to it. */
export function steps(points, end) {
  let path = "";
  for (const [x, y] of points) path += path ? `H${px(x)}V${px(y)}` : `M${px(x)} ${px(y)}`;
  return path && end !== undefined ? `${path}H${px(end)}` : path;
}
