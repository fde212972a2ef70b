/**
 * What one takes out of a line: links, ids, the value that a double click means, and its fields.
 *
 *   findLinks(line, max?) -> {from, to, href}[]    http and https only, at most 20
 *   safeLink(text) -> href or null                 the rule for one address
 *   findIds(line) -> text[]                        trace and request ids and uuids, for "Show only"
 *   wordAt(text, offset) -> {from, to}             in display text; from === to on blank space
 *   expandLine(line) -> {kind: "json" | "fields" | "text", rows}
 *   rows: {indent, parts: {text, cls}[], key, value}[]     `key` and `value` for the menu of a value
 *                                                          ("Show only", "Hide", …), "" without one
 *
 * Links are found in one pass; brackets must balance, punctuation at the end stays out. An address
 * with a user name or password in it is none of ours: what is shown must be where one goes. A word
 * is, inside quotes or brackets, what they enclose; of `key=value` the side that was clicked; else
 * everything up to blank space and separators, without the punctuation of the sentence around it.
 *
 * Values are shown as they stand in the file (long numbers are not rounded, keys keep their order);
 * only `value` is decoded. Parts are raw text: show them through cells.js.
 */

import { jsonEscapes, jsonValueEnd, parseLine, parseLogfmt, valueOf } from "./fields.js";

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

/** @param {string} line @returns {string[]} at most 8, each once */
export function findIds(line) {
  const ids = [...line.slice(0, 16_384).matchAll(IDS)].map((hit) => hit[1] ?? hit[2] ?? "");
  return [...new Set(ids)].slice(0, 8);
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

/**
 * A quoted value that has an `=` or a comma in it is one value all the same.
 * @param {string} text
 * @param {number} from
 * @param {number} to
 */
function quoted(text, from, to) {
  let start = from;
  while (start > 0 && from - start < 256 && /[^\s"'`]/.test(text.charAt(start - 1))) start -= 1;
  const quote = text.charAt(start - 1);
  if (!/["'`]/.test(quote)) return null;
  let end = to;
  while (end < text.length && end - to < 256 && /[^\s"'`]/.test(text.charAt(end))) end += 1;
  return text.charAt(end) === quote ? { from: start, to: end } : null;
}

/** Nested values up to this length stay on one line. */
const INLINE = 72;
/** What is nested deeper is shown on one line. */
const MAX_DEPTH = 16;
const MAX_ROWS = 20_000;

/** @typedef {{text: string, cls: string}} Part */
/** @typedef {{indent: number, parts: Part[], key: string, value: string}} ExpandedRow */

/** @type {Record<import("./fields.js").Kind, string>} */
const VALUE_CLASS = { string: "str", number: "num", word: "num", nested: "" };

/**
 * @param {string} line
 * @returns {{kind: "json" | "fields" | "text", rows: ExpandedRow[]}}
 */
export function expandLine(line) {
  const whole = { indent: 0, parts: [{ text: line, cls: "" }], key: "", value: line };
  const form = parseLine(line);
  const parsed = form ?? parseLogfmt(line, true);
  if (parsed?.format === "json") {
    /** @type {ExpandedRow[]} */
    const rows = [];
    container(line, line.indexOf("{"), 0, [], "", rows);
    return { kind: "json", rows };
  }
  if (parsed && parsed.fields.length > 0) {
    const rows = parsed.fields.map((field) => ({
      indent: 0,
      parts: [{ text: field.key, cls: "key" }, { text: " ", cls: "" },
        { text: valueOf(line, field), cls: VALUE_CLASS[field.kind] }],
      key: field.key, value: valueOf(line, field),
    }));
    return { kind: "fields", rows: form ? rows : [whole, ...rows] };
  }
  if (parsed) {
    const rows = parsed.parts.map(({ from, to, cls }) => ({
      indent: 0, parts: [{ text: line.slice(from, to), cls }], key: "", value: line.slice(from, to),
    }));
    return { kind: "fields", rows };
  }
  return { kind: "text", rows: [whole] };
}

/** @param {string} text @param {number} from */
function skip(text, from) {
  let at = from;
  while (at < text.length && " \t\r\n,:".includes(text.charAt(at))) at += 1;
  return at;
}

/**
 * @param {string} text
 * @param {number} at of the opening bracket
 * @param {number} indent
 * @param {Part[]} lead what stands before it on its line
 * @param {string} path of keys, joined by dots
 * @param {ExpandedRow[]} rows
 * @returns {number} offset behind the closing bracket, or the text's length when it has none
 */
function container(text, at, indent, lead, path, rows) {
  const open = text.charAt(at);
  const close = open === "{" ? "}" : "]";
  rows.push({ indent, parts: [...lead, { text: open, cls: "" }], key: path, value: "" });
  let i = skip(text, at + 1);
  while (i < text.length && text.charAt(i) !== close && rows.length < MAX_ROWS) {
    /** @type {Part[]} */
    const parts = [];
    let key = "";
    if (open === "{") {
      const [end] = jsonValueEnd(text, i);
      if (end < 0) return text.length;
      key = jsonEscapes(text, i + 1, end - 1).map((piece) => piece.text).join("");
      parts.push({ text: text.slice(i, end), cls: "key" }, { text: ": ", cls: "" });
      i = skip(text, end);
    }
    const full = path && key ? `${path}.${key}` : key || path;
    const [end, kind] = jsonValueEnd(text, i);
    if (end < 0) return text.length;
    const raw = text.slice(i, end);
    if (kind === "nested" && raw.length > INLINE && indent < MAX_DEPTH) {
      container(text, i, indent + 1, parts, full, rows);
    } else {
      parts.push({ text: raw, cls: VALUE_CLASS[kind] });
      rows.push({ indent: indent + 1, parts, key: full, value: valueOf(text, { from: i, to: end }) });
    }
    i = skip(text, end);
    if (text.charAt(i) !== close) rows[rows.length - 1]?.parts.push({ text: ",", cls: "" });
  }
  rows.push({ indent, parts: [{ text: close, cls: "" }], key: "", value: "" });
  return i + 1;
}
