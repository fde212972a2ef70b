/**
 * What a double click selects: the value that one means, not the word of a dictionary.
 *
 *   wordAt(text, offset) -> {from, to}     in display text; from === to on blank space
 *
 * Inside quotes or brackets on one level it is what they enclose when it holds no space; of
 * `key=value` it is the side that was clicked; else everything up to blank space, quotes, brackets
 * and separators, without the punctuation of the sentence around it.
 */

const BOUND = /[\s"'`<>()[\]{},;=|]/;
const TRAILING = /[.:!?]/;
/** A word is looked for this far on either side. */
const REACH = 4096;

/**
 * @param {string} text
 * @param {number} offset
 * @returns {{from: number, to: number}}
 */
export function wordAt(text, offset) {
  const at = Math.max(0, Math.min(offset, text.length));
  let from = at;
  let to = at;
  while (from > 0 && at - from < REACH && !BOUND.test(text.charAt(from - 1))) from -= 1;
  while (to < text.length && to - at < REACH && !BOUND.test(text.charAt(to))) to += 1;
  while (to > Math.max(at, from + 1) && TRAILING.test(text.charAt(to - 1))) to -= 1;
  return quoted(text, from, to) ?? { from, to };
}

/** @type {Record<string, string>} */
const CLOSER = { "\"": "\"", "'": "'", "`": "`" };

/**
 * A quoted value that has an `=` or a comma in it is one value all the same.
 * @param {string} text
 * @param {number} from
 * @param {number} to
 */
function quoted(text, from, to) {
  let start = from;
  while (start > 0 && from - start < 256 && /[^\s"'`]/.test(text.charAt(start - 1))) start -= 1;
  const closer = CLOSER[text.charAt(start - 1)];
  if (closer === undefined) return null;
  let end = to;
  while (end < text.length && end - to < 256 && /[^\s"'`]/.test(text.charAt(end))) end += 1;
  return text.charAt(end) === closer ? { from: start, to: end } : null;
}
