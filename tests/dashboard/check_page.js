// What anybody must be able to use: faults of the page as it stands, as a list of sentences. Runs inside the page.
() => {
  const faults = [];
  const all = (selector) => [...document.querySelectorAll(selector)].filter((each) => each.checkVisibility());
  const describe = (each) => each.outerHTML.slice(0, 90);
  const nameOf = (each) =>
    each.getAttribute("aria-label") ||
    (each.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join("") ||
    [...(each.labels ?? [])].map((label) => label.textContent).join("") || each.textContent.trim() || each.title;

  if (all("main").length !== 1) faults.push("there is not exactly one main landmark");
  if (all("h1").length !== 1) faults.push(`there are ${all("h1").length} main headings`);
  if (!document.documentElement.lang) faults.push("the page has no language");
  if (!document.title) faults.push("the page has no title");

  let level = 0;
  for (const heading of all("h1, h2, h3, h4")) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1) faults.push(`heading skips a level: ${describe(heading)}`);
    level = next;
  }
  const ids = [...document.querySelectorAll("[id]")].map((each) => each.id);
  for (const id of new Set(ids.filter((each, index) => ids.indexOf(each) !== index))) faults.push(`two elements have the id ${id}`);
  for (const each of all("button, a[href], input, select, textarea, summary, dialog, svg[role=img], [role=group], [role=region]")) if (!nameOf(each)) faults.push(`has no name: ${describe(each)}`);
  for (const table of all("table")) if (!table.querySelector("th")) faults.push(`table without headings: ${describe(table)}`);
  for (const each of all("[tabindex]")) if (each.tabIndex > 0) faults.push(`changes the order of tabs: ${describe(each)}`);
  if (document.documentElement.scrollWidth > innerWidth) faults.push(`the page is ${document.documentElement.scrollWidth} pixels wide`);

  const pixel = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    pixel.clearRect(0, 0, 1, 1);
    pixel.fillStyle = colour;
    pixel.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = pixel.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  };
  const over = ([r, g, b, a], [br, bg, bb]) => [r * a + br * (1 - a), g * a + bg * (1 - a), b * a + bb * (1 - a), 1];
  const behind = (each) => {
    const layers = [];
    for (let at = each; at; at = at.parentElement) {
      const layer = rgba(getComputedStyle(at).backgroundColor);
      layers.push(layer);
      if (layer[3] === 1) break;
    }
    return layers.reverse().reduce((below, layer) => over(layer, below), rgba("Canvas"));
  };
  const light = (colour) => colour.slice(0, 3).map((channel) => channel / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)).reduce((sum, c, index) => sum + c * [0.2126, 0.7152, 0.0722][index], 0);
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const each = texts.currentNode.parentElement;
    if (!texts.currentNode.textContent.trim() || !each.checkVisibility() || each.closest("svg, :disabled, option, [hidden], .unseen, noscript")) continue;
    const below = behind(each);
    const [a, b] = [light(over(rgba(getComputedStyle(each).color), below)), light(below)].sort();
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const needed = texts.currentNode.textContent.trim() === "–" ? 1 : 4.4; // a dash says that there is nothing; 0.1 is rounding
    if (contrast < needed) faults.push(`contrast ${contrast.toFixed(2)}: ${describe(each)}`);
  }
  return faults;
}
