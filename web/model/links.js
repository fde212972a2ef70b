/**
 * What one takes out of a line: links, ids, and the value that a double click means.
 *
 *   findLinks(line, max?) -> {from, to, href}[]    http and https only, at most 20
 *   safeLink(text) -> href or null                 the rule for one address
 *   findIds(line) -> {from, to, text}[]            trace and request ids and uuids, for "Show only"
 *   wordAt(text, offset) -> {from, to}             in display text; from === to on blank space
 *
 * Links are found in one pass; brackets must balance, punctuation at the end stays out. An address
 * with a user name or password in it is none of ours: what is shown must be where one goes. A word
 * is, inside quotes or brackets, what they enclose; of `key=value` the side that was clicked; else
 * everything up to blank space and separators, without the punctuation of the sentence around it.
 */

const MAX_LINKS = 20;
const MAX_LENGTH = 2048;
const START = /\bhttps?:\/\/(?=[^\s/])/gi;
/** Ends at what no address holds, and at invisible characters, which could make it look different. */
const STOP = new RegExp(
  "[\\s\"'`<>{}|\\\\^\\0-\\x1f\\x7f-\\x9f\\u00ad\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e" +
    "\\u2060-\\u206f\\ufeff\\ufff0-\\uffff]|[\\ud800-\\udfff]",
);
const TRAILING = /[.,;:!?*_~]/;
/** @type {Record<string, string>} */
const OPENER = { ")": "(", "]": "[" };

/**
 * @param {string} text
 * @returns {string | null} null for anything but a plain http or https address
 */
export function safeLink(text) {
  if (text.length > MAX_LENGTH || STOP.test(text)) return null;
  try {
    const url = new URL(text);
    const web = url.protocol === "http:" || url.protocol === "https:";
    const bare = url.username === "" && url.password === "" && !/^[^/?#]*\/\/[^/?#]*@/.test(text);
    return web && bare && url.hostname !== "" ? url.href : null;
  } catch {
    return null;
  }
}

/**
 * @param {string} line
 * @param {number} [max]
 * @returns {{from: number, to: number, href: string}[]}
 */
export function findLinks(line, max = MAX_LINKS) {
  /** @type {{from: number, to: number, href: string}[]} */
  const links = [];
  if (!line.includes("://")) return links;
  START.lastIndex = 0;
  for (let tries = 0; tries < 4 * max && links.length < max; tries += 1) {
    const start = START.exec(line);
    if (!start) break;
    const from = start.index;
    const to = linkEnd(line, from + start[0].length);
    const href = safeLink(line.slice(from, to));
    if (href) links.push({ from, to, href });
    START.lastIndex = Math.max(to, START.lastIndex);
  }
  return links;
}

/**
 * @param {string} line
 * @param {number} from
 */
function linkEnd(line, from) {
  const limit = Math.min(line.length, from + MAX_LENGTH);
  /** Openers not yet closed. */
  const open = { "(": 0, "[": 0 };
  let to = from;
  for (; to < limit; to += 1) {
    const char = line.charAt(to);
    if (STOP.test(char)) break;
    const opener = /** @type {"(" | "[" | undefined} */ (OPENER[char]);
    if (char === "(" || char === "[") open[char] += 1;
    else if (opener && (open[opener] -= 1) < 0) break; // it closes what was opened before the address
  }
  while (to > from && TRAILING.test(line.charAt(to - 1))) to -= 1;
  return to;
}

const IDS = new RegExp(
  '\\b(?:trace|trace_id|traceId|request_id|requestId|req_id|correlation_id|span_id)"?[=:] ?"?([\\w-]{4,64})' +
    "|\\b([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\\b",
  "gi",
);

/**
 * @param {string} line
 * @returns {{from: number, to: number, text: string}[]} at most 8, each text once
 */
export function findIds(line) {
  /** @type {Map<string, {from: number, to: number, text: string}>} */
  const ids = new Map();
  for (const hit of line.slice(0, 16_384).matchAll(IDS)) {
    const text = hit[1] ?? hit[2] ?? "";
    const to = (hit.index ?? 0) + hit[0].length;
    if (!ids.has(text)) ids.set(text, { from: to - text.length, to, text });
    if (ids.size === 8) break;
  }
  return [...ids.values()];
}

const BOUND = /[\s"'`<>()[\]{},;=|]/;
const CLOSING = /[.:!?]/;
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
  while (to > Math.max(at, from + 1) && CLOSING.test(text.charAt(to - 1))) to -= 1;
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
