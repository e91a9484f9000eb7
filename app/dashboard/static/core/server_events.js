/** The text of a server-sent event stream, cut into events (WHATWG HTML, section 9.2.6). */

/** @returns {(text: string) => {id: string, event: string, data: string}[]} feeds text in any cuts, gives whole events */
export function eventReader() {
  let rest = "";
  let id = "";
  return (text) => {
    const blocks = (rest + text).replaceAll("\r\n", "\n").split("\n\n");
    rest = blocks.pop();
    return blocks.map(readBlock).filter(Boolean);
  };

  function readBlock(block) {
    const data = [];
    let event = "message";
    for (const line of block.split("\n")) {
      const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line);
      if (field === "id") id = value;
      else if (field === "event") event = value;
      else if (field === "data") data.push(value);
    }
    return data.length ? { id, event, data: data.join("\n") } : null;
  }
}
