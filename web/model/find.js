/**
 * Finding: patterns over the lines in view, and what the daemon has found in the whole log.
 *
 *   compile({text, regex, caseRule, word}) -> {matcher} | {error}
 *   matcher.find(line, max?) -> {from, to}[]     at most 64, never empty ones
 *   toRe2({text, regex, caseRule, word}) -> the same pattern for the daemon
 *   isCaseSensitive(text, caseRule, regex)       smart: only when a capital is typed
 *   new Finding(id)
 *     .found(head)            a `found` message; ignored when it is for another search
 *     .live(count)            hits among new lines of the log: "+3 new"
 *     .nearest(at) -> place of the hit next to one
 *     .position(at) -> rank from the newest, 1 and more, or 0 when no hit is there
 *     .hits  .count  .scanned  .of  .file  .done  .fresh
 *     .label(at) -> "14 of 1,208 so far"       .progress() -> "62 %, now in .2.gz" or ""
 *   new Terms()  .add(text)  .older() / .newer() -> text or null     the last 20, in memory only
 *
 * The daemon's RE2 is linear; the page's regular expressions are not. So a pattern here is short,
 * lines are looked at for 4,096 characters at most, repeated groups that hold repetitions or
 * alternatives are refused, and so is syntax that means something else here than in RE2.
 *
 * Hits are kept newest first, as they come. The count goes on beyond the bound of what is kept.
 */

import { count, percent, plural } from "./words.js";

/** @typedef {"smart" | "match" | "ignore"} CaseRule */
/** @typedef {{text: string, regex: boolean, caseRule: CaseRule, word: boolean}} Pattern */
/** @typedef {{find: (line: string, max?: number) => {from: number, to: number}[]}} Matcher */

export const MAX_PATTERN = 256;
const MAX_IN_LINE = 64;
/** Each doubles the ways in which a pattern may fail. */
const MAX_OPTIONAL = 10;
/** How far lines are looked at: by the number of open-ended repetitions in the pattern. */
const REACH = [4096, 4096, 2048, 1024, 512];

const SYNTAX = /\\(?:p\{[^}]{0,40}\}|[pP].|x\{[^}]{0,10}\}|.)|\(\?P</gs;

/** @param {string} text @param {CaseRule} caseRule @param {boolean} regex */
export function isCaseSensitive(text, caseRule, regex) {
  if (caseRule !== "smart") return caseRule === "match";
  // The capital of `\S` or `\pL` is syntax, not a letter that someone looks for.
  return /\p{Lu}/u.test(regex ? text.replace(SYNTAX, "") : text);
}

/** @param {string} text */
export const escapeRegex = (text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");

/**
 * A text of the user as a pattern for the daemon. `/` and `-` need no escape there.
 * @param {Pattern} pattern
 */
export function toRe2({ text, regex, caseRule, word }) {
  const body = regex ? text : text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  const whole = word ? `\\b(?:${body})\\b` : body;
  return isCaseSensitive(text, caseRule, regex) ? whole : `(?i)${whole}`;
}

/**
 * @param {Pattern} pattern
 * @returns {{matcher: Matcher} | {error: string}}
 */
export function compile({ text, regex, caseRule, word }) {
  if (text === "") return { error: "An empty pattern matches everything." };
  if (text.length > MAX_PATTERN) return { error: `Longer than ${MAX_PATTERN} characters.` };
  let body = text;
  let sensitive = isCaseSensitive(text, caseRule, regex);
  let reach = /** @type {number} */ (REACH[0]);
  if (regex) {
    if (body.startsWith("(?i)")) {
      body = body.slice(4);
      sensitive = false;
    }
    const danger = inspect(body);
    if (typeof danger === "string") return { error: danger };
    reach = REACH[danger] ?? 0;
    if (reach === 0) return { error: "Too many repetitions to mark in the page; Show and Hide take it." };
  } else {
    body = escapeRegex(body);
  }
  /** @type {RegExp} */
  let re;
  try {
    re = new RegExp(word ? `\\b(?:${body})\\b` : body, sensitive ? "gu" : "giu");
  } catch {
    return {
      error: regex
        ? "The page cannot read this pattern; Show and Hide take it if the daemon can."
        : "This text is not whole: it holds half a character.",
    };
  }
  return { matcher: { find: (line, max = MAX_IN_LINE) => search(re, line, reach, Math.min(max, MAX_IN_LINE)) } };
}

/** @param {RegExp} re @param {string} line @param {number} reach @param {number} max */
function search(re, line, reach, max) {
  /** @type {{from: number, to: number}[]} */
  const hits = [];
  const part = line.length > reach ? line.slice(0, reach) : line;
  re.lastIndex = 0;
  for (let tries = 0; hits.length < max && tries < reach; tries += 1) {
    const hit = re.exec(part);
    if (!hit) break;
    if (hit[0] === "") re.lastIndex += (part.codePointAt(re.lastIndex) ?? 0) > 0xffff ? 2 : 1;
    else hits.push({ from: hit.index, to: hit.index + hit[0].length });
  }
  return hits;
}

const QUANTIFIER = /[*+?]\??|\{(\d*)(,?)(\d*)\}\??/y;

/**
 * Walks a pattern once.
 * @param {string} pattern
 * @returns {string | number} why it is refused, or the number of its open-ended repetitions
 */
function inspect(pattern) {
  if (/\(\?<?[=!]|\\[1-9k]/.test(pattern)) return "Looking around and back references are not in RE2.";
  if (/\[\[?\^?:/.test(pattern)) return "The page cannot mark with classes such as [[:alpha:]].";
  let open = 0;
  let optional = 0;
  /** For each open group: whether a repetition or an alternative is in it. */
  const groups = [false];
  for (let at = 0; at < pattern.length; ) {
    const char = pattern.charAt(at);
    let closed = false;
    if (char === "\\") {
      at += 2;
    } else if (char === "[") {
      at = classEnd(pattern, at);
    } else {
      at += 1;
      if (char === "(") {
        groups.push(false);
        if (pattern.startsWith("?:", at)) at += 2;
        else if (pattern.charAt(at) === "?") return "The page cannot mark with named groups or flags.";
        continue;
      }
      if (char === "|") {
        groups[groups.length - 1] = true;
        continue;
      }
      if (char === ")") {
        closed = groups.pop() ?? false;
        if (groups.length === 0) return "A bracket closes nothing.";
        if (closed) groups[groups.length - 1] = true;
      }
    }
    QUANTIFIER.lastIndex = at;
    const repeat = QUANTIFIER.exec(pattern);
    if (!repeat) continue;
    at = QUANTIFIER.lastIndex;
    groups[groups.length - 1] = true;
    if (repeat[0].startsWith("?")) {
      optional += 1;
      if (optional > MAX_OPTIONAL) return "Too many optional parts to mark in the page.";
      continue;
    }
    if (closed) return "A repeated group with repetitions or alternatives in it is too slow for the page.";
    open += 1; // a bounded repetition, {2,900}, may cost no less than an open one
  }
  return open;
}

/** @param {string} pattern @param {number} from of the opening bracket */
function classEnd(pattern, from) {
  let at = from + (pattern.charAt(from + 1) === "^" ? 2 : 1);
  if (pattern.charAt(at) === "]") at += 1;
  while (at < pattern.length && pattern.charAt(at) !== "]") at += pattern.charAt(at) === "\\" ? 2 : 1;
  return at + 1;
}

/** What is kept for n and N and the ticks of the map; further ones are counted. */
const MAX_HITS = 50_000;
const MAX_TERMS = 20;

/** @typedef {{cursor: string, skip: number, at: number}} Hit */
/** @typedef {import("./protocol.js").Found} Found */

export class Finding {
  /** Newest first. @type {Hit[]} */ hits = [];
  count = 0;
  scanned = 0;
  of = 0;
  file = "";
  done = false;
  /** Hits among lines that came after the search began. */
  fresh = 0;

  /** @param {string | number} id */
  constructor(id) {
    this.id = id;
  }

  /** @param {Omit<Found, "id" | "type"> & {id: string | number}} head @returns {boolean} */
  found(head) {
    if (head.id !== this.id) return false;
    for (const { cursor, skip = 0, at = NaN } of head.hits) {
      if (this.hits.length >= MAX_HITS) break;
      this.#insert({ cursor, skip, at });
    }
    this.count = Math.max(this.count, head.count ?? this.hits.length);
    this.scanned = head.scanned;
    this.of = head.of;
    this.file = head.file ?? this.file;
    this.done = head.done ?? false;
    return true;
  }

  /** Nearly always at the end: the daemon goes from the newest to the oldest. @param {Hit} hit */
  #insert(hit) {
    const last = this.hits[this.hits.length - 1];
    if (!last || !(hit.at > last.at)) {
      if (last && hit.at === last.at) return; // told twice
      this.hits.push(hit);
      return;
    }
    const i = this.#newerThan(hit.at);
    if (this.hits[i]?.at !== hit.at) this.hits.splice(i, 0, hit);
  }

  /** How many hits are behind a place, nearer to the end of the log. @param {number} at */
  #newerThan(at) {
    let low = 0;
    let high = this.hits.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      if (/** @type {Hit} */ (this.hits[mid]).at > at) low = mid + 1;
      else high = mid;
    }
    return low;
  }

  /** @param {number} hits */
  live(hits) {
    this.fresh += hits;
  }

  /** The place of the hit nearest to one: of a line whose own is not known to the byte. @param {number} at */
  nearest(at) {
    const i = this.#newerThan(at);
    const [a = NaN, b = NaN] = [this.hits[i - 1]?.at, this.hits[i]?.at];
    return b !== b || a - at < at - b ? a : b;
  }

  /** @param {number} at */
  position(at) {
    const i = this.#newerThan(at);
    return this.hits[i]?.at === at ? i + 1 : 0;
  }

  /** @param {number} [at] of the current hit */
  label(at = NaN) {
    const fresh = this.fresh > 0 ? `, +${count(this.fresh)} new` : "";
    if (this.count === 0) return `${this.done ? "No hits" : "Nothing yet"}${fresh}`;
    const position = this.position(at);
    const all = this.cut ? `${count(this.count)} hits and more` : this.done ? plural(this.count, "hit") : `${count(this.count)} so far`;
    const total = position > 0 ? `${count(position)} of ${this.done ? count(this.count) : all}` : all;
    return `${total}${fresh}`;
  }

  /** Whether it ended before the end of the log. */
  get cut() { return this.done && this.count > 0 && this.scanned < this.of; }

  /** From 0 to 1. */
  get share() {
    return this.done ? 1 : this.of > 0 ? Math.min(1, this.scanned / this.of) : 0;
  }

  progress() {
    if (this.done) return "";
    return this.file ? `${percent(this.share)}, now in ${this.file}` : percent(this.share);
  }
}

/** The last terms, most recent first. Never written to disk: what one looks for may be a secret. */
export class Terms {
  /** @type {string[]} */ #terms = [];
  #at = -1;

  /** @param {string} text */
  add(text) {
    this.#at = -1;
    if (text === "") return;
    this.#terms = [text, ...this.#terms.filter((term) => term !== text)].slice(0, MAX_TERMS);
  }

  /** @returns {string | null} */
  older() {
    this.#at = Math.min(this.#at + 1, this.#terms.length - 1);
    return this.#terms[this.#at] ?? null;
  }

  /** @returns {string | null} */
  newer() {
    this.#at = Math.max(this.#at - 1, -1);
    return this.#terms[this.#at] ?? null;
  }
}
