/**
 * What an opened row shows: the JSON of a line over several lines, or its fields as a table.
 *
 *   expandLine(line) -> {kind: "json" | "fields" | "text", rows}
 *   rows: {indent, parts: {text, cls}[], key, value}[]     `key` and `value` for the menu of a value
 *                                                          ("Show only", "Hide", …), "" without one
 *
 * Values are shown as they stand in the file (long numbers are not rounded, keys keep their order);
 * only `value` is decoded. Parts are raw text: show them through cells.js.
 */
import { jsonEscapes } from "./escapes.js";
import { jsonValueEnd, parseLine, valueOf } from "./fields.js";

/** Nested values up to this length stay on one line. */
const INLINE = 72;
/** What is nested deeper is shown on one line. */
const MAX_DEPTH = 16;
const MAX_ROWS = 20_000;

/** @typedef {{text: string, cls: string}} Part */
/** @typedef {{indent: number, parts: Part[], key: string, value: string}} Row */

/** @type {Record<import("./fields.js").Kind, string>} */
const VALUE_CLASS = { string: "str", number: "num", word: "num", nested: "" };

/**
 * @param {string} line
 * @returns {{kind: "json" | "fields" | "text", rows: Row[]}}
 */
export function expandLine(line) {
  const parsed = parseLine(line);
  if (parsed?.format === "json") {
    /** @type {Row[]} */
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
    return { kind: "fields", rows };
  }
  if (parsed) {
    const rows = parsed.parts.map(({ from, to, cls }) => ({
      indent: 0, parts: [{ text: line.slice(from, to), cls }], key: "", value: line.slice(from, to),
    }));
    return { kind: "fields", rows };
  }
  return { kind: "text", rows: [{ indent: 0, parts: [{ text: line, cls: "" }], key: "", value: line }] };
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
 * @param {Row[]} rows
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
