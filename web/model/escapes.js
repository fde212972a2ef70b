/**
 * What stands behind a backslash in a JSON (or logfmt) string.
 *
 *   jsonEscapes(line, from, to) -> {text, from, to}[]    pieces that cover the range; those that are
 *                                                        not verbatim are decoded escapes
 */

/** @type {Record<string, string>} */
const SHORT = { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f", "\"": "\"", "\\": "\\", "/": "/" };

/**
 * An escape that is not known, or not whole, stays as it is.
 * @param {string} line
 * @param {number} from
 * @param {number} to
 * @returns {{text: string, from: number, to: number}[]}
 */
export function jsonEscapes(line, from, to) {
  /** @type {{text: string, from: number, to: number}[]} */
  const pieces = [];
  let kept = from;
  let at = from;
  while (at < to) {
    if (line.charCodeAt(at) !== 0x5c) {
      at += 1;
      continue;
    }
    const [text, end] = escape(line, at, to);
    if (text === "") {
      at += 2;
      continue;
    }
    if (kept < at) pieces.push({ text: line.slice(kept, at), from: kept, to: at });
    pieces.push({ text, from: at, to: end });
    at = kept = end;
  }
  if (kept < to) pieces.push({ text: line.slice(kept, to), from: kept, to });
  return pieces;
}

/**
 * @param {string} line
 * @param {number} at of the backslash
 * @param {number} to
 * @returns {[string, number]} decoded text ("" when it is no escape) and where it ends
 */
function escape(line, at, to) {
  const sign = line.charAt(at + 1);
  if (at + 2 > to) return ["", at];
  if (sign !== "u") return [SHORT[sign] ?? "", at + 2];
  const unit = codeUnit(line, at, to);
  if (unit < 0) return ["", at];
  // A pair of surrogates is one character; a lone one stays visible as what it is.
  if (unit >= 0xd800 && unit < 0xdc00) {
    const low = codeUnit(line, at + 6, to);
    if (low >= 0xdc00 && low < 0xe000) return [String.fromCharCode(unit, low), at + 12];
  }
  return [String.fromCharCode(unit), at + 6];
}

/** @param {string} line @param {number} at @param {number} to @returns {number} -1 when there is none */
function codeUnit(line, at, to) {
  if (at + 6 > to || line.charCodeAt(at) !== 0x5c || line.charAt(at + 1) !== "u") return -1;
  const digits = line.slice(at + 2, at + 6);
  return /^[0-9a-fA-F]{4}$/.test(digits) ? parseInt(digits, 16) : -1;
}
