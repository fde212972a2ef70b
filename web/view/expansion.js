/**
 * What is opened under a row: the JSON of a line over several lines, or its fields as a table.
 * Every value has a button, whose menu filters by it or copies it.
 */

import { Display } from "../model/cells.js";
import { expandLine } from "../model/expand.js";
import { findIds } from "../model/links.js";
import { count } from "../model/words.js";
import { h } from "./dom.js";

/** Lines shown at most; the rest is told. */
const MOST = 200;
/** Room above and below, px. */
const PAD = 8;

/**
 * @param {string} line
 * @param {number} high px of a line
 * @param {{value: (key: string, value: string, at: {x: number, y: number}) => void, copy: () => void,
 *   link: () => void, only: (text: string) => void}} host
 * @returns {{el: HTMLElement, height: number}}
 */
export function expansion(line, high, host) {
  const { kind, rows } = expandLine(line);
  const shown = rows.slice(0, MOST);
  const body = h("div", { class: "expansion-body" }, ...shown.map((row) =>
    h("div", { class: "expansion-line" }, "  ".repeat(row.indent), ...row.parts.map((part) => {
      const text = visible(part.text);
      const isValue = row.value !== "" && part === row.parts.findLast((one) => one.cls === "str" || one.cls === "num" || one.cls === "val");
      if (!isValue) return part.cls ? h("span", { class: part.cls }, text) : text;
      return h("button", { type: "button", class: `value ${part.cls}`, title: "Show only, hide, mark, copy", tabindex: "-1", onclick: (/** @type {MouseEvent} */ event) => {
        const box = /** @type {HTMLElement} */ (event.currentTarget).getBoundingClientRect();
        host.value(row.key, row.value, { x: box.left, y: box.bottom + 2 });
      } }, text);
    }))),
  rows.length > MOST && h("div", { class: "expansion-line quiet" }, `${count(rows.length - MOST)} more lines; Copy has them all`));
  const ids = findIds(line).slice(0, 2).map((id) => id.text ?? "").filter(Boolean);
  const tools = h("div", { class: "expansion-tools" },
    h("button", { type: "button", tabindex: "-1", onclick: host.copy }, "Copy"),
    h("button", { type: "button", tabindex: "-1", onclick: host.link }, "Copy link"),
    ...ids.map((id) => h("button", { type: "button", tabindex: "-1", onclick: () => host.only(id) }, `Show only ${id.length > 24 ? `${id.slice(0, 23)}…` : id}`)));
  const el = h("div", { class: `expansion ${kind}` }, tools, body);
  const lines = shown.length + (rows.length > MOST ? 1 : 0);
  return { el, height: Math.max(1, lines) * high + 2 * PAD + 6 };
}

/** Text without characters that hide or reorder. @param {string} text */
function visible(text) {
  const display = new Display(text, 4000);
  display.show(0, text.length);
  return display.pieces.map((piece) => piece.text).join("") + (display.cut ? "…" : "");
}
