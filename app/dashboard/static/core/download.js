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
 * @param {{below?: HTMLCanvasElement | null, above?: number, background?: string | null}} picture a canvas to lie under it,
 *   as a picture; pixels to add above; what all lies on
 */
export function standaloneSvg(svg, { below = null, above = 0, background = null } = {}) {
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
  if (below) copy.prepend(pictureOf(below, svg));
  if (background) copy.prepend(part("rect", { y: -above, width, height, fill: background }));
  return new XMLSerializer().serializeToString(copy);
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
export async function pngOf({ svg, canvas, width, height, background, above = 0, scale = 2 }) {
  const sheet = document.createElement("canvas");
  Object.assign(sheet, { width: width * scale, height: (height + above) * scale });
  const context = sheet.getContext("2d");
  context.fillStyle = background;
  context.fillRect(0, 0, sheet.width, sheet.height);
  if (canvas) context.drawImage(canvas, 0, above * scale, sheet.width, height * scale);
  const image = new Image();
  // A data: address, because the policy allows no blob: images.
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(standaloneSvg(svg, { above }))}`;
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
