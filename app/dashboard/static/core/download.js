/** Files made in the browser: tables as CSV, charts as SVG and PNG. */

/** Offers a file to be saved. */
export function offer(filename, content, type) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement("a");
  Object.assign(link, { href: url, download: filename.replaceAll(/[^\w.-]+/g, "-") });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/**
 * RFC 4180. Text that a spreadsheet would run as a formula gets an apostrophe in front of it.
 * @param {{columns: string[], rows: Iterable<Array<*>>}} table
 */
export function csvOf({ columns, rows }) {
  return [columns, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

/**
 * The SVG of a chart on its own: the colours and fonts that the stylesheet gave it become its own.
 * @param {SVGElement} svg
 * @param {{below?: HTMLCanvasElement | null, above?: number, background?: string | null, legend?: Element[]}} picture a
 *   canvas to lie under it, as a picture; pixels to add above, and what stands there; what all lies on
 */
export function standaloneSvg(svg, { below = null, above = 0, background = null, legend = [] } = {}) {
  const copy = svg.cloneNode(true);
  const [from, to] = [
    [svg, ...svg.querySelectorAll("*")],
    [copy, ...copy.querySelectorAll("*")],
  ];
  const kept = [
    "fill",
    "stroke",
    "stroke-width",
    "stroke-dasharray",
    "stroke-linejoin",
    "paint-order",
    "opacity",
    "fill-opacity",
    "stroke-opacity",
    "font-family",
    "font-size",
    "font-weight",
    "text-anchor",
  ];
  from.forEach((original, index) => {
    const style = getComputedStyle(original);
    for (const name of kept) to[index].setAttribute(name, style.getPropertyValue(name));
    to[index].removeAttribute("class");
  });
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  const [width, height] = [svg.getAttribute("width"), Number(svg.getAttribute("height")) + above];
  for (const [name, value] of Object.entries({ height, viewBox: `0 ${-above} ${width} ${height}` })) copy.setAttribute(name, value);
  copy.append(...legend);
  if (below) copy.prepend(pictureOf(below, svg));
  if (background) copy.prepend(part("rect", { y: -above, width, height, fill: background }));
  return new XMLSerializer().serializeToString(copy);
}

/**
 * The words beside a chart as parts of its picture, laid out as on the page.
 * @param {HTMLElement | null} list `ul.legend`
 * @returns {{above: number, legend: Element[]}}
 */
export function legendOf(list) {
  const items = [...(list?.querySelectorAll("li") ?? [])];
  if (!items.length) return {};
  const [place, above] = [list.getBoundingClientRect(), list.offsetHeight + 8];
  const legend = items.flatMap((item) => {
    const [swatch, box, style] = [item.querySelector(".swatch"), item.getBoundingClientRect(), getComputedStyle(item)];
    const [x, y] = [box.left - place.left, box.top - place.top + box.height / 2 - above];
    const words = part("text", { x: x + (swatch ? 15 : 0), y: y + 4, fill: style.color, "font-size": style.fontSize, "font-family": style.fontFamily });
    words.textContent = item.textContent;
    return swatch ? [part("rect", { x, y: y - 4.5, width: 9, height: 9, rx: 3, fill: getComputedStyle(swatch).backgroundColor }), words] : [words];
  });
  return { above, legend };
}

function pictureOf(canvas, svg) {
  return part("image", { href: canvas.toDataURL(), width: svg.getAttribute("width"), height: svg.getAttribute("height") });
}

function part(tag, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

/** A picture of a chart: its canvas, if it has one, under its SVG, on the page's own background. */
export async function pngOf({ svg, canvas, width, height, background, above = 0, legend = [], scale = 2 }) {
  const sheet = document.createElement("canvas");
  Object.assign(sheet, { width: width * scale, height: (height + above) * scale });
  const context = sheet.getContext("2d");
  context.fillStyle = background;
  context.fillRect(0, 0, sheet.width, sheet.height);
  if (canvas) context.drawImage(canvas, 0, above * scale, sheet.width, height * scale);
  const image = new Image();
  // A data: address, because the policy allows no blob: images.
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(standaloneSvg(svg, { above, legend }))}`;
  await image.decode();
  context.drawImage(image, 0, 0, sheet.width, sheet.height);
  return new Promise((resolve) => {
    sheet.toBlob(resolve, "image/png");
  });
}

function cell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = String(value);
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
