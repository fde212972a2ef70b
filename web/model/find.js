/**
 * Finding: patterns over the lines in view.
 *
 *   compile({text, regex, caseRule, word}) -> {matcher} | {error}
 *   matcher.find(line, max?) -> {from, to}[]     at most 64, never empty ones
 *   toRe2({text, regex, caseRule, word}) -> the same pattern for the daemon
 *   isCaseSensitive(text, caseRule, regex)       smart: only when a capital is typed
 *
 * The daemon's RE2 is linear; the page's regular expressions are not. So a pattern here is short,
 * lines are looked at for 4,096 characters at most, repeated groups that hold repetitions or
 * alternatives are refused, and so is syntax that means something else here than in RE2.
 */

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
