/**
 * The one table of keys: what the page obeys and what the help shows are the same rows.
 *
 *   KEYS                                   rows {action, keys, group, text, hint?}
 *   actionFor(press, {inField, singleKeys, ctrlF}) -> action name or null
 *   keyLabel(key)                          "Ctrl K", "Page up" as shown in <kbd> and tooltips
 *   labelFor(action)                       the first key of an action, for tooltips
 *   searchKeys(text)                       rows whose keys or words hold all words of `text`
 *
 * A key is written as in KeyboardEvent.key with "Ctrl+", "Alt+", "Shift+" before it; Shift is
 * written only where the character does not already tell (Space, Enter, F6, arrows). Command
 * counts as Ctrl, for that is where macOS has these functions.
 */

/**
 * @typedef {{key: string, ctrlKey?: boolean, metaKey?: boolean, altKey?: boolean,
 *   shiftKey?: boolean, isComposing?: boolean}} Press as a KeyboardEvent has it
 * @typedef {{inField?: boolean, onButton?: boolean, singleKeys?: boolean, ctrlF?: boolean}} KeyContext
 * @typedef {"Move" | "Find and filter" | "Time and marks" | "Lines" | "View" | "Logs and panes"} Group
 * @typedef {{action: string, keys: readonly string[], group: string, text: string}} KeyRow
 */

/** Action, keys, what they do, with two spaces between. @type {Record<Group, string[]>} */
const TABLE = {
  Move: [
    "stop  Space  Stop and read; when reading, a page down; at the end, follow",
    "pageUp  b PageUp Shift+Space  Page up",
    "pageDown  PageDown  Page down",
    "halfDown  d Ctrl+d  Half a page down",
    "halfUp  u Ctrl+u  Half a page up",
    "lineDown  j ArrowDown  Next line",
    "lineUp  k ArrowUp  Previous line",
    "first  g Home  First line of the log",
    "end  G End F  Go to the end and follow",
    "left  h ArrowLeft  Sideways to the left",
    "right  l ArrowRight  Sideways to the right",
    "lineStart  0  Start of the line",
    "lineEnd  $  End of the line",
    "back  Alt+ArrowLeft  Back to where you were",
  ],
  "Find and filter": [
    "find  / Ctrl+f  Find",
    "findNext  n  Next hit",
    "findPrevious  N  Previous hit",
    "filter  f &  Filter: show, hide or mark lines",
    "filtersToggle  \\  All filters off, or on again, at this line",
    "context  c  This line in context, without filters",
    "errorNext  e  Next error",
    "errorPrevious  E  Previous error",
    "warningNext  w  Next warning",
    "warningPrevious  W  Previous warning",
  ],
  "Time and marks": [
    "time  t  Go to a time",
    "timeDisplay  T  Times: as in the file, local, UTC, since the line before",
    "bookmark  m  Bookmark this line",
    "bookmarkNext  '  Next bookmark",
    "bookmarkPrevious  \"  Previous bookmark",
  ],
  Lines: [
    "expand  Enter  Open or close this line",
    "groups  Z  Open or fold all stack traces",
    "select  v  Select lines from here",
    "copy  y  Copy the selected lines",
    "link  Y  Copy a link to this line",
    "rowMenu  Shift+F10  Menu of this line",
    "download  D  Download",
  ],
  View: [
    "raw  r  Raw or formatted",
    "wrap  z  Wrap long lines",
    "help  ?  All keys",
    "close  Escape  Close what is on top",
  ],
  "Logs and panes": [
    "sources  s  Filter the sources",
    "sidebar  Ctrl+b  Show or hide the sources",
    "open  o Ctrl+k  Open a log, a view or a command",
    "unseenPrevious  [  Previous log with new lines",
    "unseenNext  ]  Next log with new lines",
    "pane1  1  First pane",
    "pane2  2  Second pane",
    "pane3  3  Third pane",
    "pane4  4  Fourth pane",
    "split  |  Split the window",
    "regionNext  F6  Next region of the page",
    "regionPrevious  Shift+F6  Previous region of the page",
  ],
};

/** @type {readonly KeyRow[]} */
export const KEYS = Object.freeze(Object.entries(TABLE).flatMap(([group, rows]) => rows.map((row) => {
  const [action, keys, text] = row.split("  ");
  return { action, keys: keys.split(" "), group, text };
})));

/** @type {Map<string, string>} */
const ACTIONS = new Map();
for (const { action, keys } of KEYS) for (const key of keys) ACTIONS.set(key, action);

/** Named keys in which Shift is not part of a character. */
const SHIFT_MATTERS = /^(?:Space|Enter|Escape|F\d+|Arrow\w+|Page\w+|Home|End)$/;

/** Ctrl combinations that stay the field's own while one types: they edit text there. */
const FIELD_OWN = new Set(["Ctrl+d", "Ctrl+u", "Ctrl+b"]);

/** @param {Press} press */
function spell(press) {
  const key = press.key === " " ? "Space" : press.key;
  const ctrl = press.ctrlKey || press.metaKey;
  // With Ctrl, caps lock or Shift must not make a different key of the same letter.
  const name = ctrl && key.length === 1 ? key.toLowerCase() : key;
  const shift = press.shiftKey && SHIFT_MATTERS.test(name);
  return `${ctrl ? "Ctrl+" : ""}${press.altKey ? "Alt+" : ""}${shift ? "Shift+" : ""}${name}`;
}

/**
 * What a key press means, or null when it is none of ours (then let the browser have it).
 * AltGr reports Ctrl and Alt together while it types a character (`\`, `|`, `[` on many layouts).
 * @param {Press} press
 * @param {KeyContext} [context] `inField`: focus is in an input; `onButton`: on a button or link;
 *   `singleKeys`: false when the user turned off keys without a modifier (WCAG 2.1.4);
 *   `ctrlF`: false to leave Ctrl F to the browser
 * @returns {string | null}
 */
export function actionFor(press, context = {}) {
  const { inField = false, onButton = false, singleKeys = true, ctrlF = true } = context;
  if (press.isComposing || press.key === "" || press.key === "Dead") return null;
  const typed = press.key.length === 1 && press.key !== " ";
  const altGr = typed && press.ctrlKey && press.altKey && !press.metaKey;
  const spelled = spell(altGr ? { key: press.key } : press);
  const action = ACTIONS.get(spelled);
  if (action === undefined) return null;
  const modified = spelled.startsWith("Ctrl+") || spelled.startsWith("Alt+");
  if (spelled === "Ctrl+f" && !ctrlF) return null;
  if (inField) {
    if (action === "close" || /F\d+$/.test(spelled)) return action;
    return modified && spelled.startsWith("Ctrl+") && !FIELD_OWN.has(spelled) ? action : null;
  }
  if (onButton && /(?:^|\+)(?:Space|Enter)$/.test(spelled)) return null;
  if (!singleKeys && !modified && spelled.length === 1) return null;
  return action;
}

/** @type {Record<string, string>} */
const NAMES = {
  ArrowDown: "↓", ArrowUp: "↑", ArrowLeft: "←", ArrowRight: "→",
  PageUp: "PgUp", PageDown: "PgDn", Escape: "Esc",
};

/** @param {string} key as in KEYS */
export function keyLabel(key) {
  const parts = key === "+" ? [key] : key.split("+");
  return parts
    .map((part, i) => {
      if (NAMES[part]) return NAMES[part];
      return i > 0 && part.length === 1 ? part.toUpperCase() : part;
    })
    .join(" ");
}

/** @param {string} action @returns {string} "" when the action has no key */
export function labelFor(action) {
  const found = KEYS.find((candidate) => candidate.action === action);
  return found ? keyLabel(found.keys[0] ?? "") : "";
}

/** @param {string} text @returns {KeyRow[]} */
export function searchKeys(text) {
  const words = text.trim().toLowerCase().split(/\s+/);
  return KEYS.filter((candidate) => {
    const labels = candidate.keys.map(keyLabel).join(" ");
    const haystack = `${labels} ${candidate.text} ${candidate.group}`.toLowerCase();
    return words.every((word) => haystack.includes(word));
  });
}
