/**
 * Thousands of lines as pixels: which colour is on top, and how many lines lie below it.
 * A canvas strokes 100,000 polylines in seconds where there is no graphics card; counting pixels takes a tenth of that.
 * Pure: arrays in, pixels out.
 */

const COUNTED = 8; // bits of a pixel's word for its colour code; the others count lines
const CODE = (1 << COUNTED) - 1;
const FAINT = 1;
const FIRST_COLOUR = 2;

/**
 * Counts the lines over each pixel.
 * @param {object} lines
 * @param {import("./parallel.js").Layout} lines.layout
 * @param {Float32Array} lines.heights
 * @param {number[][]} lines.buckets lines by colour, painted in this order
 * @param {Uint8Array | null} lines.chosen those that are not chosen are painted faintly below the others
 * @param {number} lines.every paints each n-th line only: a draft while something is being dragged
 * @param {number} lines.scale pixels of the picture for one of the layout
 * @returns {{words: Int32Array, width: number, height: number}} a word for each pixel: a colour code below, the number
 *   of chosen lines above
 */
export function countLines({ layout, heights, buckets, chosen, every = 1, scale = 1 }) {
  const [width, height] = [Math.ceil(layout.width * scale), Math.ceil(layout.height * scale)];
  const words = new Int32Array(width * height);
  const columns = layout.xs.map((x) => Math.round(x * scale));
  // Gap by gap, because the pixels of one gap fit into a processor's cache and those of the whole drawing do not.
  // Many lines begin and end at the same two pixels of a gap: each such pair is counted first, then drawn once.
  const pairs = new Int32Array(height * height);
  for (let right = 1; right < columns.length; right += 1) {
    pairs.fill(0);
    buckets.forEach((bucket, colour) => {
      for (let index = 0; index < bucket.length; index += every) {
        const line = bucket[index];
        const at = line * columns.length + right;
        const pair = Math.round(heights[at - 1] * scale) * height + Math.round(heights[at] * scale);
        if (!chosen || chosen[line])
          pairs[pair] = ((pairs[pair] & ~CODE) + (1 << COUNTED)) | (FIRST_COLOUR + colour); // later buckets lie on top
        else if (pairs[pair] === 0) pairs[pair] = FAINT;
      }
    });
    for (let pair = 0; pair < pairs.length; pair += 1) {
      const word = pairs[pair];
      if (word !== 0) addPiece(words, width, columns[right - 1], (pair / height) | 0, columns[right], pair % height, word);
    }
  }
  return { words, width, height };
}

/**
 * @param {Int32Array} words
 * @param {[number, number, number][]} colours for each bucket @param {[number, number, number]} faint
 * @param {number} alpha of a single line; more lines are denser
 * @returns {Uint8ClampedArray} red, green, blue, alpha for each pixel
 */
export function colourPixels(words, colours, faint, alpha) {
  const pixels = new Uint8ClampedArray(words.length * 4);
  const table = [null, faint, ...colours];
  const density = Array.from({ length: 256 }, (_, count) => 255 * (1 - (1 - alpha) ** count));
  for (let place = 0; place < words.length; place += 1) {
    const word = words[place];
    if (word === 0) continue;
    const colour = table[word & CODE];
    const at = place * 4;
    pixels[at] = colour[0];
    pixels[at + 1] = colour[1];
    pixels[at + 2] = colour[2];
    pixels[at + 3] = (word & CODE) === FAINT ? 70 : density[Math.min(255, word >>> COUNTED)];
  }
  return pixels;
}

/** One straight piece, a pixel at each step of its longer side, in whole numbers with 16 bits behind the point. */
function addPiece(words, width, x0, y0, x1, y1, added) {
  const across = x1 - x0;
  const down = y1 - y0;
  const steps = Math.ceil(Math.max(across, down, -down, 1)) | 0;
  const stepX = ((across / steps) * 65536) | 0;
  const stepY = ((down / steps) * 65536) | 0;
  const code = added & CODE;
  const count = added & ~CODE;
  let x = (x0 * 65536) | 0;
  let y = (y0 * 65536 + 32768) | 0; // through the middle of its pixels
  for (let step = 0; step < steps; step += 1) {
    const at = Math.imul(y >> 16, width) + (x >> 16);
    const word = words[at];
    const under = word & CODE;
    words[at] = ((word & ~CODE) + count) | (under > code ? under : code);
    x += stepX;
    y += stepY;
  }
}
