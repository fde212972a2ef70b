/**
 * The rows: the pool of their elements, the painter that makes a row look like its line, the tools
 * beside a row and what is opened under it.
 *
 * There are as many elements as fit the viewport and a few more. They stand in the document in the
 * order of the lines, so that a native selection runs as the eye does. A row whose line and epoch
 * did not change is only moved; else its nodes are used again, and what they have is remembered, for
 * to ask the document costs more than to write to it. Of long lines that do not wrap, only
 * what is visible and a little more is in the document. Log text goes into text nodes, and
 * classes come from tables of the model: nothing in a line can become markup.
 *
 * The tools never cover text: where there is no room behind the line, the keys and the row's menu
 * do the same. What is opened is the JSON of a line over several lines, or its fields as a table;
 * every value is a button, whose menu filters by it or copies it.
 *
 * @typedef {import("../model/block.js").Block} Block
 * @typedef {import("../model/layout.js").Placed} Placed
 * @typedef {import("../model/look.js").Look} Look
 * @typedef {import("../model/look.js").Run} Run
 * @typedef {{tag: "" | "span" | "a", node: Text | HTMLElement, text: Text, data: string, cls: string,
 *   fg: string, bg: string}} Part of a row's text in the document, and what was written there last;
 *   tag "": bare text
 * @typedef {{el: HTMLElement, label: HTMLElement, key: number, epoch: number, y: number, h: number, block: Block | null,
 *   i: number, cls: string, flags: string, parts: Part[], said: string, colour: string,
 *   expansion: HTMLElement | null, drawn: number}} Row
 *   label: what stands before the text, the line's number or the name of its log; said, colour: what
 *   it says now, and how; drawn: characters in the document, Infinity for all
 * @typedef {{text: string, key: string, act: () => void}} Tool
 */

import { Display } from "../model/cells.js";
import { expandLine, findIds } from "../model/extract.js";
import { count } from "../model/words.js";
import { fill, h, show } from "./dom.js";

/** Elements of coloured text in one row; what is beyond joins the last. */
const MAX_SPANS = 14;

/** Text in which every character takes one cell. */
const NARROW = /^[ -\u02ff]*$/;

/** @type {WeakMap<Block, number>} */
const ids = new WeakMap();
let nextId = 1;

/** A number that names a line for as long as its block is held. @param {Block} block @param {number} i */
export function keyOf(block, i) {
  let id = ids.get(block);
  if (id === undefined) {
    id = nextId++;
    ids.set(block, id);
  }
  return id * 1_048_576 + i;
}

export class Rows {
  /** @param {HTMLElement} layer @param {string} prefix of the rows' ids */
  constructor(layer, prefix) {
    this.layer = layer;
    this.prefix = prefix;
    // Not in the rows, whose text is the line's; nor made of an attribute, whose every change is a new style.
    this.labels = h("div", { class: "labels", "aria-hidden": "true" });
    layer.after(this.labels);
    /** In the order of the document. @type {Row[]} */
    this.rows = [];
    /** Elements without a line, kept for later. @type {Row[]} */
    this.spare = [];
    this.made = 0;
    /** Columns that are drawn, of lines that do not wrap. */
    this.reach = Infinity;
  }

  /** @param {number} columns */
  setReach(columns) {
    if (columns === this.reach) return;
    this.reach = columns;
    for (const row of this.rows) if (row.drawn < Infinity) row.epoch = -1;
  }

  /**
   * @param {Placed[]} placed
   * @param {(block: Block, i: number) => Look} look
   * @param {(block: Block, i: number) => string} flags classes that come and go: current, picked
   * @param {(block: Block, i: number) => HTMLElement | null} expansion what is opened under a line
   * @param {number} epoch changes when rows must be drawn again
   * @param {Set<number>} pinned keys of rows that must stay (they hold the ends of a selection)
   */
  paint(placed, look, flags, expansion, epoch, pinned) {
    const wanted = new Map();
    for (let k = 0; k < placed.length; k++) wanted.set(keyOf(placed[k].block, placed[k].i), k);
    /** @type {(Row | undefined)[]} */
    const at = new Array(placed.length);
    /** @type {Row[]} */
    const free = this.spare;
    /** @type {Row[]} */
    const above = [];
    /** @type {Row[]} */
    const below = [];
    const firstOrd = placed.length ? placed[0].ord : 0;
    for (const row of this.rows) {
      const k = wanted.get(row.key);
      if (k !== undefined) at[k] = row;
      else if (row.block?.held && pinned.has(row.key)) {
        (row.block.base + row.i < firstOrd ? above : below).push(row);
      } else free.push(row);
    }
    /** @type {Row[]} */
    const rows = [];
    // Kept rows are in order among themselves and are never moved; the others go between them.
    let next = /** @type {Row | null} */ (null);
    for (const row of below.reverse()) {
      this.#hide(row);
      rows.push(row);
      next = row;
    }
    for (let k = placed.length - 1; k >= 0; k--) {
      const { block, i, y, h } = placed[k];
      let row = at[k];
      if (!row) {
        row = free.pop() ?? this.#make();
        const before = next?.el ?? null;
        if (row.el.nextSibling !== before || !row.el.parentNode) this.layer.insertBefore(row.el, before);
        row.key = keyOf(block, i);
        row.block = block;
        row.i = i;
        row.epoch = -1;
      }
      if (row.epoch !== epoch) {
        row.epoch = epoch;
        this.#draw(row, look(block, i), expansion(block, i));
      }
      const flag = flags(block, i);
      if (row.flags !== flag) {
        row.flags = flag;
        row.el.className = `row ${row.cls}${flag}`;
        row.el.ariaSelected = String(flag.includes("cur") || flag.includes("picked"));
      }
      if (row.y !== y) {
        row.y = y;
        row.el.style.transform = row.label.style.transform = `translateY(${y}px)`;
      }
      if (row.h !== h) {
        row.h = h;
        row.el.style.height = `${h}px`;
      }
      rows.push(row);
      next = row;
    }
    for (const row of above.reverse()) {
      this.#hide(row);
      rows.push(row);
    }
    this.rows = rows.reverse();
    // A spare row stays in the document, out of sight, as long as it may be wanted in a moment.
    for (const { el, label } of free.splice(2)) {
      el.remove();
      label.remove();
    }
    for (const row of free) this.#hide(row);
    this.spare = free;
  }

  /** @param {Row} row */
  #hide(row) {
    if (row.y === -9999) return;
    row.y = -9999;
    row.el.style.transform = row.label.style.transform = "translateY(-9999px)";
  }

  /** @returns {Row} */
  #make() {
    const el = document.createElement("div");
    el.id = `${this.prefix}${this.made++}`;
    el.setAttribute("role", "treeitem");
    const label = h("div", { class: "row-label", id: `${el.id}-label` }, "");
    const row = { el, label, key: 0, epoch: -1, y: -9999, h: 0, block: null, i: 0, cls: "", flags: "", parts: [], said: "", colour: "", expansion: null, drawn: Infinity };
    owners.set(el, row);
    return row;
  }

  /** @param {Row} row @param {Look} look @param {HTMLElement | null} expansion */
  #draw(row, look, expansion) {
    const { el } = row;
    const cls = look.colour ? `${look.cls} ${look.colour}` : look.cls;
    if (row.cls !== cls || !el.className) {
      row.cls = cls;
      el.className = `row ${cls}${row.flags}`;
    }
    if (row.said !== look.label) {
      // Under a filter lines have no numbers: then nothing stands before them.
      if (!look.label) row.label.remove();
      else if (!row.said) this.labels.append(row.label);
      row.said = look.label;
      /** @type {Text} */ (row.label.firstChild).data = look.label;
    }
    if (row.colour !== look.colour) {
      row.colour = look.colour;
      row.label.className = `row-label ${look.colour}`;
    }
    if (look.rule) {
      const { strong, text } = look.rule;
      const words = document.createElement("span");
      if (strong) words.append(bold(strong), " ");
      words.append(text);
      el.replaceChildren(words, ...look.chips.map((chip) => button(chip, 0)));
      row.parts = [];
      row.expansion = null;
      return;
    }
    const { parts } = row;
    // Buttons, and what was opened under another line.
    while (el.lastChild && el.lastChild !== parts[parts.length - 1]?.node) el.lastChild.remove();
    let written = 0;
    let spans = 0;
    const { runs } = look;
    const whole = look.content?.text ?? "";
    row.drawn = whole.length > this.reach && NARROW.test(whole) ? this.reach : Infinity;
    let left = row.drawn;
    for (let k = 0; k < runs.length && left > 0; k++) {
      const run = runs[k];
      let { text } = run;
      if (!text) continue;
      const coloured = !isPlain(run);
      if (!coloured) for (; k + 1 < runs.length && isPlain(runs[k + 1]); k++) text += runs[k + 1].text;
      else if (++spans >= MAX_SPANS) for (k++; k < runs.length; k++) text += runs[k].text;
      text = text.slice(0, left);
      left -= text.length;
      write(row, written++, text, run);
    }
    for (const { node } of parts.splice(written)) node.remove();
    for (const chip of look.chips) el.append(button(chip, -1));
    row.expansion = expansion;
    if (expansion) el.append(expansion);
  }

  /** The row that shows a line now. @param {Block} block @param {number} i */
  find(block, i) {
    const key = keyOf(block, i);
    return this.rows.find((row) => row.key === key && row.y !== -9999) ?? null;
  }
}

/** @param {Run} run */
const isPlain = (run) => !run.cls && !run.fg && !run.bg && !run.href;

/** @param {import("../model/look.js").Chip} chip @param {number} tab -1: not a place for the focus */
function button({ action, text, title = "" }, tab) {
  return h("button", { class: "row-chip", type: "button", tabindex: `${tab}`, title: title || undefined, "data-action": action }, text);
}

/** @param {string} text */
function bold(text) {
  const b = document.createElement("b");
  b.append(text);
  return b;
}

/**
 * Writes a part of a row's text, into the node that is there if it is of that kind.
 * @param {Row} row @param {number} k @param {string} text @param {Run} run
 */
function write({ el, parts }, k, text, run) {
  const { cls, fg, bg, href } = run;
  const tag = href ? "a" : isPlain(run) ? "" : "span";
  let part = parts[k];
  if (part?.tag !== tag || tag === "a") {
    const fresh = document.createTextNode(text);
    const node = tag ? document.createElement(tag) : fresh;
    if (tag) node.appendChild(fresh);
    if (href) safe(/** @type {HTMLAnchorElement} */ (node), href);
    el.insertBefore(node, part?.node ?? null);
    part = { tag, node, text: fresh, data: text, cls: "", fg: "", bg: "" };
    parts.splice(k, 0, part);
  }
  if (part.data !== text) part.text.data = part.data = text;
  if (!tag) return;
  const { style } = /** @type {HTMLElement} */ (part.node);
  if (part.cls !== cls) /** @type {HTMLElement} */ (part.node).className = part.cls = cls;
  if (part.fg !== fg) style.color = part.fg = fg;
  if (part.bg !== bg) style.backgroundColor = part.bg = bg;
}

/** A link that was found safe: http or https, shown as it is. @param {HTMLAnchorElement} link @param {string} href */
function safe(link, href) {
  link.href = href;
  link.rel = "noopener noreferrer";
  link.target = "_blank";
  link.tabIndex = -1;
}

/** @type {WeakMap<Element, Row>} */
const owners = new WeakMap();

/** The row that a node of the document belongs to. @param {Node | null} node @returns {Row | null} */
export function rowAt(node) {
  const element = node instanceof Element ? node : (node?.parentElement ?? null);
  const el = element?.closest(".row");
  return el ? (owners.get(el) ?? null) : null;
}

/** The few things that one does with a line, behind its text. */
export class RowTools {
  /** @param {HTMLElement} layer */
  constructor(layer) {
    // Not for screen readers, and not for the focus: the keys and the menu of the line do the same.
    this.el = h("div", { class: "row-tools", hidden: true, "aria-hidden": "true", onmousedown: (/** @type {Event} */ event) => event.preventDefault() });
    layer.append(this.el);
    this.key = this.place = "";
    this.wide = 0;
    /** The line that the mouse is over. @type {import("../model/block.js").Ref | null} */
    this.over = null;
    /** @type {Tool[]} */
    this.tools = [];
  }

  /**
   * @param {Tool[]} tools
   * @param {number} y on the paper
   * @param {number} from where the text ends, px
   * @param {number} to where the pane ends, px
   */
  show(tools, y, from, to) {
    this.tools = tools;
    const key = tools.map((tool) => tool.text).join();
    const place = [key, y, from, to].join();
    if (place === this.place) return;
    this.place = place;
    show(this.el, true);
    if (key !== this.key) {
      this.key = key;
      fill(this.el, ...tools.map((tool, k) => h("button", { tabindex: "-1", title: `${tool.text}  ${tool.key}`, onclick: () => this.tools[k]?.act() }, tool.text)));
      this.wide = this.el.offsetWidth; // it lays the page out: not in each frame
    }
    this.el.style.transform = `translate(${Math.round(from + 12)}px, ${y}px)`;
    show(this.el, from + this.wide + 20 <= to);
  }

  hide() {
    this.place = "";
    show(this.el, false);
  }
}

/** Lines shown at most; the rest is told. */
const MOST_LINES = 200;
/** Room above and below, px. */
const PAD = 8;

/**
 * @param {string} line
 * @param {number} high px of a line
 * @param {{value: (key: string, value: string, at: {x: number, y: number}) => void, copy: () => void,
 *   link: () => void, only: (text: string) => void, marks: (text: string) => import("../model/runs.js").Mark[]}} host
 * @returns {{el: HTMLElement, height: number}}
 */
export function expansion(line, high, host) {
  const { kind, rows } = expandLine(line);
  const shown = rows.slice(0, MOST_LINES);
  const body = h("div", { class: "expansion-body" }, ...shown.map((row) =>
    h("div", { class: "expansion-line" }, "  ".repeat(row.indent), ...row.parts.map((part) => {
      const text = marked(shownText(part.text), host.marks);
      const isValue = row.value !== "" && part === row.parts.findLast((one) => one.cls === "str" || one.cls === "num" || one.cls === "val");
      if (!isValue) return h("span", { class: part.cls }, ...text);
      return h("button", { class: `value ${part.cls}`, title: "Show only, hide, mark, copy", tabindex: "-1", onclick: (/** @type {MouseEvent} */ event) => {
        const box = /** @type {HTMLElement} */ (event.currentTarget).getBoundingClientRect();
        host.value(row.key, row.value, { x: box.left, y: box.bottom + 2 });
      } }, ...text);
    }))),
  rows.length > MOST_LINES && h("div", { class: "expansion-line quiet" }, `${count(rows.length - MOST_LINES)} more lines; Copy has them all`));
  const ids = findIds(line).slice(0, 2);
  const tools = h("div", { class: "expansion-tools" },
    h("button", { tabindex: "-1", onclick: host.copy }, "Copy"),
    h("button", { tabindex: "-1", onclick: host.link }, "Copy link"),
    ...ids.map((id) => h("button", { tabindex: "-1", onclick: () => host.only(id) }, `Show only ${id.length > 24 ? `${id.slice(0, 23)}…` : id}`)));
  const el = h("div", { class: `expansion ${kind}` }, tools, body);
  const lines = shown.length + (rows.length > MOST_LINES ? 1 : 0);
  return { el, height: Math.max(1, lines) * high + 2 * PAD + 6 };
}

/** @param {string} text @param {(text: string) => import("../model/runs.js").Mark[]} marks */
function marked(text, marks) {
  /** @type {(string | HTMLElement)[]} */
  const parts = [];
  let at = 0;
  for (const { from, to, cls } of marks(text).sort((a, b) => a.from - b.from)) {
    if (from < at) continue;
    parts.push(text.slice(at, from), h("span", { class: cls }, text.slice(from, to)));
    at = to;
  }
  return [...parts, text.slice(at)];
}

/** Text without characters that hide or reorder. @param {string} text */
function shownText(text) {
  const display = new Display(text, 4000);
  display.show(0, text.length);
  return display.pieces.map((piece) => piece.text).join("") + (display.cut ? "…" : "");
}
