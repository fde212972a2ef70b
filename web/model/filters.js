/**
 * Filter chips: Show and Hide run in the daemon over the whole log, Mark in the page.
 *
 *   parseTyped(text) -> Chip | {error} | null      what was typed; null for nothing
 *     x  Show     -x  Hide     +x  Mark     /re/  pattern, with flags: i any case, c exact case,
 *     w whole word, t text     level:error     where:status>=500     \x  the text x, whatever it is
 *   typedOf(chip) -> text                          its way back, for editing
 *   bodyOf(chip), parseBody(kind, body)            the same without the sign, for the address
 *   filterOf(chips) -> {include?, exclude?}        for commands; only chips that are on
 *   termOf(chip) -> string | Term                  one condition of the daemon
 *   marksOf(chips) -> {find(line) -> Mark[], errors: Map<Chip, string>}     classes mk1 … mk4 in order
 *   PRESETS {errors, warnings}                     the chips behind the buttons
 *
 *   Chip {kind: "show" | "hide" | "mark", form: "text" | "regex" | "level" | "where", text,
 *         caseRule: "smart" | "match" | "ignore", word, on}
 */
import { compile, toRe2 } from "./find.js";

/** @typedef {"show" | "hide" | "mark"} ChipKind */
/** @typedef {"text" | "regex" | "level" | "where"} ChipForm */
/**
 * @typedef {{kind: ChipKind, form: ChipForm, text: string,
 *   caseRule: import("./find.js").CaseRule, word: boolean, on: boolean}} Chip
 */
/** @typedef {import("./protocol.js").Term} Term */

const MAX_TEXT = 1024;
/** As many terms as the daemon takes on either side, and colours for marks. */
export const MAX_CHIPS = 16;
const MARK_CLASSES = 4;
const MAX_MARKS = 64;
const LEVELS = ["trace", "debug", "info", "notice", "warning", "error", "fatal"];
const SIGNS = new Map(/** @type {[string, ChipKind][]} */ ([["-", "hide"], ["+", "mark"]]));
const WRAPPED = /^\/(.+)\/([icwt]{0,4})$/s;
const WHERE = /^[\w.@-]{1,128}(?:>=|<=|!=|!~|=|>|<|~)/;

/** @type {Readonly<Record<"errors" | "warnings", Chip>>} */
export const PRESETS = Object.freeze({
  errors: Object.freeze(chip("show", "level", "error")),
  warnings: Object.freeze(chip("show", "level", "warning")),
});

/**
 * @param {ChipKind} kind
 * @param {ChipForm} form
 * @param {string} text
 * @param {Partial<Chip>} [more]
 * @returns {Chip}
 */
function chip(kind, form, text, more = {}) {
  return { kind, form, text, caseRule: "smart", word: false, on: true, ...more };
}

/**
 * @param {string} typed
 * @returns {Chip | {error: string} | null}
 */
export function parseTyped(typed) {
  const text = typed.trim();
  const kind = SIGNS.get(text.charAt(0));
  return parseBody(kind ?? "show", kind ? text.slice(1) : text);
}

/**
 * @param {ChipKind} kind
 * @param {string} typed
 * @returns {Chip | {error: string} | null}
 */
export function parseBody(kind, typed) {
  const body = typed.trim();
  if (body === "") return null;
  if (body.length > MAX_TEXT) return { error: `Longer than ${MAX_TEXT} characters.` };
  if (body.startsWith("\\") && body.length > 1) return chip(kind, "text", body.slice(1));
  const wrapped = WRAPPED.exec(body);
  if (wrapped) {
    const [, text = "", flags = ""] = wrapped;
    return chip(kind, flags.includes("t") ? "text" : "regex", text, {
      caseRule: flags.includes("c") ? "match" : flags.includes("i") ? "ignore" : "smart",
      word: flags.includes("w"),
    });
  }
  const [, form, value = ""] = /^(level|where):(.*)$/s.exec(body) ?? [];
  if (form === undefined) return chip(kind, "text", body);
  if (kind === "mark") return { error: "Levels and fields can be shown and hidden, not marked." };
  if (form === "level") {
    return LEVELS.includes(value)
      ? chip(kind, "level", value)
      : { error: `No level: ${LEVELS.join(", ")}.` };
  }
  return WHERE.test(value)
    ? chip(kind, "where", value)
    : { error: "A field, a sign (= != > >= < <= ~ !~) and a value: status>=500" };
}

/** @param {Chip} of */
export function bodyOf({ kind, form, text, caseRule, word }) {
  if (form === "level" || form === "where") return `${form}:${text}`;
  const flags = `${caseRule === "match" ? "c" : caseRule === "ignore" ? "i" : ""}${word ? "w" : ""}`;
  if (form === "regex") return `/${text}/${flags}`;
  if (flags !== "" || text !== text.trim() || text === "\\") return `/${text}/${flags}t`;
  const special = /^[\\+-]|^level:|^where:/.test(text) || WRAPPED.test(text);
  // Behind the sign of Hide or Mark another sign is only text.
  return special && !(kind !== "show" && /^[+-]/.test(text)) ? `\\${text}` : text;
}

/** @param {Chip} of */
export function typedOf(of) {
  return `${of.kind === "hide" ? "-" : of.kind === "mark" ? "+" : ""}${bodyOf(of)}`;
}

/**
 * @param {Chip} of
 * @returns {string | Term}
 */
export function termOf({ form, text, caseRule, word }) {
  if (form === "level") return { level: text };
  if (form === "where") return { where: text };
  return toRe2({ text, regex: form === "regex", caseRule, word });
}

/**
 * @param {readonly Chip[]} chips
 * @returns {import("./protocol.js").Filter}
 */
export function filterOf(chips) {
  /** @type {import("./protocol.js").Filter} */
  const filter = {};
  for (const [kind, key] of /** @type {const} */ ([["show", "include"], ["hide", "exclude"]])) {
    const terms = chips.filter((one) => one.on && one.kind === kind).slice(0, MAX_CHIPS).map(termOf);
    if (terms.length > 0) filter[key] = terms;
  }
  return filter;
}

/**
 * The Mark chips as one function over a line. Where two overlap, runs.js takes the first.
 * @param {readonly Chip[]} chips
 */
export function marksOf(chips) {
  /** @type {Map<Chip, string>} */
  const errors = new Map();
  /** @type {{matcher: import("./find.js").Matcher, cls: string}[]} */
  const matchers = [];
  let n = 0;
  for (const one of chips) {
    if (one.kind !== "mark") continue;
    n += 1; // a chip that is off keeps its colour
    if (!one.on) continue;
    const { text, form, caseRule, word } = one;
    const compiled = compile({ text, regex: form === "regex", caseRule, word });
    if ("error" in compiled) errors.set(one, compiled.error);
    else matchers.push({ matcher: compiled.matcher, cls: markClass(n - 1) });
  }
  /** @param {string} line @returns {import("./runs.js").Mark[]} */
  const find = (line) => {
    /** @type {import("./runs.js").Mark[]} */
    const marks = [];
    for (const { matcher, cls } of matchers) {
      if (marks.length >= MAX_MARKS) break;
      for (const { from, to } of matcher.find(line, MAX_MARKS - marks.length)) marks.push({ from, to, cls });
    }
    return marks;
  };
  return { find, errors };
}

/** @param {number} n from 0, in the order of the Mark chips */
export const markClass = (n) => `mk${(n % MARK_CLASSES) + 1}`;
