/** HTML elements from plain values. Children are nodes or text; there is no way to pass markup. */

/**
 * @param {string} kind tag with classes: "span.pill.running"
 * @param {Object<string, *>} attributes null, undefined and false are left out; `on` maps event names to listeners
 * @param {...*} children nodes, text, numbers, nested arrays; null, undefined and false are left out
 */
export function element(kind, attributes = {}, ...children) {
  const [tag, ...classes] = kind.split(".");
  const made = document.createElement(tag);
  if (classes.length) made.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes)) setAttribute(made, name, value);
  made.append(...flatten(children));
  return made;
}

/** Replaces what an element holds, leaves it alone when it is text that has not changed, and the keyboard where it was. */
export function fill(parent, ...children) {
  const parts = flatten(children);
  if (parts.length === 1 && typeof parts[0] === "string") {
    if (parent.childNodes.length !== 1 || parent.firstChild.nodeType !== Node.TEXT_NODE || parent.textContent !== parts[0])
      parent.textContent = parts[0];
    return parent;
  }
  const focused = document.activeElement;
  const successor = focused !== parent && parent.contains(focused) ? successorOf(focused, parent) : () => null;
  parent.replaceChildren(...parts);
  successor()?.focus({ preventScroll: true });
  return parent;
}

/** What stands for an element after a change: of its kind and name, and as far from the end, because feeds grow at their top. */
function successorOf(focused, parent) {
  const nameOf = (each) => each.getAttribute("aria-label") ?? each.getAttribute("href") ?? each.textContent;
  const name = nameOf(focused);
  const namesakes = () => [...parent.querySelectorAll(focused.localName)].filter((each) => nameOf(each) === name);
  const before = namesakes();
  return () => namesakes().at(before.indexOf(focused) - before.length);
}

function setAttribute(made, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name === "on") for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
  else if (name === "class") made.className = [made.className, value].filter(Boolean).join(" ");
  else made.setAttribute(name, value === true ? "" : String(value));
}

function flatten(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)));
}
