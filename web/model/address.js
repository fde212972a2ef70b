/**
 * The address fragment: all that a link to a view holds, and nothing secret.
 *
 *   parseAddress(fragment) -> Address       never fails; what is too long or wrong is left out
 *   formatAddress(address) -> fragment      without "#"; parse(format(a)) is a again
 *   describe(pane) -> text                  for a saved view
 *   tooLong(address) -> string | null       which part makes a link longer than 8 kB
 *
 *   Address {panes: Pane[]}     1 to 4
 *   Pane {sources, chips, at, marks, since, q, wrap, raw, rest}
 *     sources names, 1 to 8     chips as in filters.js     at {cursor, skip} or null: following;
 *             of several logs also {log, time}: whose cursor it is (from 0), and where in time, ms
 *     marks   bookmarks, places like `at`
 *     since   a time as typed in "Go to time", from which on one reads, where there is no place; or ""
 *     q       find, as typed in the field; "" for none     wrap, raw: true, false, or null: as remembered
 *     rest    keys that this version does not know, kept as they are
 *
 * `#s=app/orders,nginx/access&show=timeout&hide=/healthz/&off=1&at=CURSOR~17&marks=CURSOR~3,CURSOR&q=x&wrap=1&fmt=raw&p=…`,
 * where `p` holds the whole of one more pane, and `off` counts chips from 0 in the order of the
 * address. The fragment reaches no server, no proxy's log and no Referer.
 */
import { MAX_CHIPS, bodyOf, parseBody, typedOf } from "./filters.js";

/** @typedef {import("./filters.js").Chip} Chip */
/** @typedef {{cursor: string, skip: number, log?: number, time?: number}} Place */
/**
 * @typedef {{sources: string[], chips: Chip[], at: Place | null, marks: Place[], since: string, q: string, wrap: boolean | null,
 *   raw: boolean | null, rest: [string, string][]}} Pane
 */
/** @typedef {{panes: Pane[]}} Address */

export const MAX_ADDRESS = 8192;
export const MAX_PANES = 4;
export const MAX_SOURCES = 8;
const MAX_NAME = 1024;
const MAX_CURSOR = 512;
const MAX_QUERY = 1024;
const MAX_SINCE = 80;
const MAX_REST = 16;
export const MAX_MARKS = 40;
const KINDS = /** @type {const} */ (["show", "hide", "mark"]);

/** @returns {Pane} */
export function emptyPane() {
  return { sources: [], chips: [], at: null, marks: [], since: "", q: "", wrap: null, raw: null, rest: [] };
}

/**
 * What a query keeps as it is, so that an address can be read: everything but what would end a
 * value, a name, the fragment, or what mail programs and chats cut off at.
 * @param {string} text
 */
function encode(text) {
  return encodeURIComponent(text.replace(/\p{Cs}/gu, "\ufffd"))
    .replace(/%(?:20|24|2F|3A|3B|3D|40)/g, (code) => KEPT[code] ?? code);
}

/** @type {Record<string, string>} */
const KEPT = { "%20": "+", "%24": "$", "%2F": "/", "%3A": ":", "%3B": ";", "%3D": "=", "%40": "@" };

/** @param {string} text */
function decode(text) {
  const spaced = text.replaceAll("+", " ");
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced.replaceAll("\0", "");
  }
}

/**
 * @param {string} fragment with or without "#"
 * @returns {Address}
 */
export function parseAddress(fragment) {
  const text = fragment.replace(/^#/, "");
  if (text.length > 4 * MAX_ADDRESS) return { panes: [emptyPane()] };
  const pairs = pairsOf(text);
  const panes = [parsePane(pairs)];
  for (const [key, value] of pairs) {
    if (key === "p" && panes.length < MAX_PANES) panes.push(parsePane(pairsOf(decode(value))));
  }
  return { panes };
}

/** @param {string} text @returns {[string, string][]} keys decoded, values not */
function pairsOf(text) {
  return text.split("&").filter((part) => part !== "").slice(0, 256).map((part) => {
    const at = part.indexOf("=");
    return at < 0 ? [decode(part), ""] : [decode(part.slice(0, at)), part.slice(at + 1)];
  });
}

/** @param {[string, string][]} pairs @returns {Pane} */
function parsePane(pairs) {
  const pane = emptyPane();
  let off = "";
  for (const [key, raw] of pairs) {
    const value = key === "s" ? raw : decode(raw);
    if (key === "s") pane.sources = parseSources(raw);
    else if (KINDS.includes(/** @type {"show"} */ (key))) {
      const chip = parseBody(/** @type {"show"} */ (key), value);
      if (chip && !("error" in chip) && pane.chips.length < 2 * MAX_CHIPS) pane.chips.push(chip);
    } else if (key === "off") off = value.slice(0, 256);
    else if (key === "at") pane.at = parsePlace(value);
    else if (key === "marks") pane.marks = value.split(",", MAX_MARKS).flatMap((part) => parsePlace(part) ?? []);
    else if (key === "since") pane.since = value.slice(0, MAX_SINCE);
    else if (key === "q") pane.q = value.slice(0, MAX_QUERY);
    else if (key === "wrap" && /^[01]$/.test(value)) pane.wrap = value === "1";
    else if (key === "fmt" && (value === "raw" || value === "formatted")) pane.raw = value === "raw";
    else if (!KNOWN.has(key) && key !== "" && pane.rest.length < MAX_REST) {
      if (key.length + value.length <= MAX_QUERY) pane.rest.push([key, value]);
    }
  }
  for (const index of off.split(",")) {
    const chip = /^\d{1,3}$/.test(index) ? pane.chips[Number(index)] : undefined;
    if (chip) chip.on = false;
  }
  return pane;
}

const KNOWN = new Set(["s", ...KINDS, "off", "at", "marks", "since", "q", "wrap", "fmt", "p", "token"]);

/** A comma in a name is encoded, so the list is cut before it is decoded. @param {string} raw */
function parseSources(raw) {
  const names = raw.split(",").map(decode).filter((name) => name !== "" && name.length <= MAX_NAME);
  return [...new Set(names)].slice(0, MAX_SOURCES);
}

/** @param {string} value @returns {Place | null} */
function parsePlace(value) {
  const hit = /^([^~\s,]{1,512})(?:~(\d{1,9})(?:~(\d)(?:~(\d{1,15}))?)?)?$/.exec(value);
  if (!hit) return null;
  const [, cursor, skip = 0, log, time] = hit;
  return {
    cursor, skip: Number(skip), ...(log === undefined ? {} : { log: Number(log) }), ...(time === undefined ? {} : { time: Number(time) }),
  };
}

/** @param {Place} place */
function formatPlace({ cursor, skip, log, time }) {
  const rest = [skip, log, log === undefined ? undefined : time].filter((n) => n !== undefined).map(Math.floor);
  if (log === undefined && skip <= 0) rest.pop();
  return [encode(cursor), ...rest].join("~");
}

/** @param {Address} address */
export function formatAddress({ panes }) {
  const [first = emptyPane(), ...more] = panes.slice(0, MAX_PANES);
  const others = more.map((pane) => `p=${encode(formatPane(pane).join("&"))}`);
  return [...formatPane(first), ...others].join("&");
}

/** @param {Pane} pane @returns {string[]} */
function formatPane(pane) {
  /** @type {string[]} */
  const parts = [];
  const sources = pane.sources.slice(0, MAX_SOURCES);
  if (sources.length > 0) parts.push(`s=${sources.map(encode).join(",")}`);
  for (const chip of pane.chips) parts.push(`${chip.kind}=${encode(bodyOf(chip))}`);
  const off = pane.chips.flatMap((chip, i) => (chip.on ? [] : [i]));
  if (off.length > 0) parts.push(`off=${off.join(",")}`);
  if (pane.at && pane.at.cursor.length <= MAX_CURSOR) parts.push(`at=${formatPlace(pane.at)}`);
  if (pane.marks.length > 0) parts.push(`marks=${pane.marks.map(formatPlace).join(",")}`);
  if (pane.since !== "") parts.push(`since=${encode(pane.since)}`);
  if (pane.q !== "") parts.push(`q=${encode(pane.q)}`);
  if (pane.wrap !== null) parts.push(`wrap=${pane.wrap ? 1 : 0}`);
  if (pane.raw !== null) parts.push(`fmt=${pane.raw ? "raw" : "formatted"}`);
  for (const [key, value] of pane.rest) parts.push(`${encode(key).replaceAll("=", "%3D")}=${encode(value)}`);
  return parts;
}

/** What a pane shows, in words: its logs, and what is typed for its filters. @param {Pane} pane */
export const describe = ({ sources, chips }) => [sources.join(", "), ...chips.map(typedOf)].join("  ");

/**
 * @param {Address} address
 * @returns {string | null} a sentence for "Copy link", null when it fits
 */
export function tooLong(address) {
  if (formatAddress(address).length <= MAX_ADDRESS) return null;
  const [longest] = address.panes.flatMap(formatPane).sort((a, b) => b.length - a.length);
  return `The link would be longer than 8 kB: “${decode(longest).slice(0, 36)}…” is the longest part.`;
}
