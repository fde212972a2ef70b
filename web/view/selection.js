/**
 * Selecting and copying. What is copied is what is in the file: the text comes from the store, not
 * from the screen, so that no number, time of ours, soft break or fold gets into it.
 *
 * Two kinds of selection: the browser's own, over text; and whole lines (`v`, Shift click), which
 * may reach beyond what is on screen. Escape sequences and other control characters are left out,
 * because a terminal obeys what is pasted into it.
 *
 * @typedef {import("../model/block.js").Ref} Ref
 * @typedef {import("../model/blocks.js").Blocks} Blocks
 * @typedef {import("../model/look.js").Looks} Looks
 */

import { stripControls } from "../model/ansi.js";
import { blockOf, resolve } from "../model/block.js";
import { merged } from "../model/order.js";
import { filterKeys } from "../model/protocol.js";
import { fileRange } from "../model/runs.js";
import { plural } from "../model/words.js";
import { wordAt } from "../model/extract.js";
import { toDisplay } from "../model/layout.js";
import { h, say, show } from "./dom.js";
import { keyOf, rowAt } from "./rows.js";

/** @typedef {import("./viewport.js").Spot} Spot */

/** Whole lines that are selected, in either order. */
export class Picked {
  /** @param {Blocks} blocks @param {(ref: Ref) => Spot} placeOf */
  constructor(blocks, placeOf) {
    this.blocks = blocks;
    this.placeOf = placeOf;
    /** Where they are in the log. @type {[Spot, Spot] | null} */
    this.ends = null;
    /** @type {Ref | null} */
    this.from = null;
    /** @type {Ref | null} */
    this.to = null;
  }

  /** @param {Ref} from @param {Ref} to */
  set(from, to) {
    // The other end may be no longer held, and the filter be another.
    this.ends = [this.ends && from === this.from ? this.ends[0] : this.placeOf(from), this.placeOf(to)];
    this.from = from;
    this.to = to;
  }

  /** Where they are, when not all of them are held. */
  get far() {
    const { from, to, ends, blocks } = this;
    if (!from || !to || !ends) return null;
    const [a, b] = [blocks.ord(from), blocks.ord(to)];
    return Number.isNaN(a) || Number.isNaN(b) || blocks.holed(Math.min(a, b), Math.max(a, b)) ? ends : null;
  }

  clear() {
    this.from = this.to = this.ends = null;
  }

  /** First ordinal and the one behind the last; null when nothing is selected. @returns {[number, number] | null} */
  range() {
    if (!this.from || !this.to) return null;
    const a = this.blocks.ord(this.from);
    const b = this.blocks.ord(this.to);
    // An end that is no longer held is taken to be at that end of what is.
    const first = Number.isNaN(a) ? this.blocks.first : a;
    const last = Number.isNaN(b) ? this.blocks.end - 1 : b;
    return [Math.min(first, last), Math.max(first, last) + 1];
  }

  /** Its lines, as they are in the file. */
  text() {
    const range = this.range();
    if (!range) return "";
    /** @type {string[]} */
    const lines = [];
    this.blocks.walk(range[0], range[1], (line) => lines.push(line));
    return lines.join("\n");
  }
}

/** For fingers: a handle at either end of the lines that are selected, and a bar of what to do with them. */
export class Handles {
  /**
   * @param {HTMLElement} paper
   * @param {{drag: (y: number) => void, hold: (first: boolean) => void, act: (action: string) => void}} host
   *   hold: an end is taken, the first or the last; drag: it is moved to a place on the screen
   */
  constructor(paper, host) {
    this.ends = [true, false].map((first) => {
      const el = h("div", {
        class: `pick-handle${first ? " first" : ""}`, hidden: true, "aria-hidden": "true",
        onpointerdown: (/** @type {PointerEvent} */ event) => {
          event.preventDefault();
          el.setPointerCapture(event.pointerId);
          host.hold(first);
        },
        onpointermove: (/** @type {PointerEvent} */ event) => {
          if (el.hasPointerCapture(event.pointerId)) host.drag(event.clientY + (first ? 22 : -22));
        },
      });
      paper.append(el);
      return el;
    });
    this.count = h("span", { class: "pick-count", role: "status" });
    const button = (/** @type {string} */ text, /** @type {string} */ action) =>
      h("button", { onclick: () => host.act(action) }, text);
    this.el = h("div", { class: "pick-bar", role: "toolbar", "aria-label": "Selected lines", hidden: true },
      this.count, button("Copy", "copy"), button("Link", "link"), button("Show only", "only"), button("More", "more"), button("Done", "done"));
  }

  /** @param {number} lines 0: nothing is selected by fingers @param {number} top @param {number} bottom of the lines, on the paper; NaN where that is not known */
  set(lines, top, bottom) {
    show(this.el, lines > 0);
    say(this.count, plural(lines, "line"));
    this.ends.forEach((el, k) => {
      const y = k ? bottom : top - 44;
      show(el, lines > 0 && y === y);
      el.style.top = `${y}px`;
    });
  }
}

/** What is fetched to be copied, characters and lines of a page. */
const MOST = 4 << 20;
const PAGE = 5000;

/**
 * The lines of some logs from one place to another, asked of the daemon; those of several are put in
 * the order of their times.
 * @param {[Spot, Spot]} ends both included
 * @param {string[]} sources
 * @param {(block: import("../model/block.js").Block, i: number) => number} timeOf
 * @param {(command: object) => Promise<import("./socket.js").Answer | null>} ask
 * @param {(lines: number, size: number) => boolean} told how far it is; false: stop
 * @returns {Promise<{text: string, whole: boolean} | null>} null when they are not to be had
 */
export async function gather(ends, sources, timeOf, ask, told) {
  const keys = filterKeys(ends[0].under);
  const find = async (/** @type {object} */ place) => {
    const head = (await ask({ type: "locate", ...place }))?.head;
    return head?.type === "located" && head.cursor !== null ? { cursor: head.cursor, at: head.at ?? NaN } : null;
  };
  const found = [];
  for (const { source, cursor, skip, under, time = 0 } of ends) {
    const place = await find({ source, cursor, skip, ...filterKeys(under) });
    if (!place) return null;
    found.push({ ...place, source, time });
  }
  const [from, to] = found.sort((a, b) => (a.source === b.source ? a.at - b.at : a.time - b.time));
  /** @type {import("../model/block.js").Block[]} */
  const blocks = [];
  /** @type {string[]} */
  const cut = [];
  let lines = 0;
  let size = 0;
  for (const source of sources) {
    // Of the other logs goes what is between the ends in time.
    const begin = source === from.source ? from : await find({ source, time: from.time });
    const end = source === to.source ? to.at + 1 : ((await find({ source, time: to.time + 1 }))?.at ?? Infinity);
    let cursor = begin && begin.at < end ? begin.cursor : null;
    /** @type {string[]} */
    const own = [];
    let room = MOST / sources.length;
    while (cursor !== null) {
      if (!told(lines + own.length, size)) return null;
      const { head, body } = (await ask({ type: "history", source, after: cursor, lines: PAGE, ...keys })) ?? {};
      if (head?.type !== "history") return null;
      const page = body?.split("\n") ?? [];
      const next = head.more ? await find({ source, cursor: head.end }) : null;
      const last = !next || next.at >= end;
      let count = page.length;
      // The page goes beyond the end: how far, only the daemon can tell.
      for (let low = 0; last && low < count;) {
        const middle = (low + count) >> 1;
        const line = await find({ source, cursor, skip: middle, ...keys });
        if (line && line.at < end) low = middle + 1;
        else count = middle;
      }
      for (const line of page.slice(0, count)) {
        room -= line.length + 1;
        if (room < 0) break;
        own.push(line);
        size += line.length + 1;
      }
      cursor = last || room < 0 ? null : head.end;
    }
    if (room < 0) cut.push(source);
    if (own.length) blocks.push(blockOf({ type: "lines", source, start: "", end: "" }, own.join("\n")));
    lines += own.length;
  }
  const all = sources.length > 1 ? merged(blocks, timeOf) : blocks;
  // Behind what was left out of one log nothing goes of the others either.
  const stop = Math.min(all.length, ...cut.map((source) => all.findLastIndex((block) => block.source === source) + 1));
  return { text: all.slice(0, stop).map(({ text }) => text).join("\n"), whole: !cut.length };
}

/**
 * Where a point of the document is in a row's text: the offset in what is displayed.
 * @param {import("./rows.js").Row} row
 * @param {Node} node
 * @param {number} offset
 * @returns {number} Infinity behind the text
 */
function offsetIn({ el, drawn }, node, offset) {
  const at = drawnBefore(el, node, offset);
  return at < drawn ? at : Infinity;
}

/** The same in the text that is in the document. @param {Element} el @param {Node} node @param {number} offset */
function drawnBefore(el, node, offset) {
  let sum = 0;
  for (const child of el.childNodes) {
    const skip = child instanceof HTMLElement && (child.localName === "button" || child.localName === "div");
    if (child === node || child.contains(node)) {
      if (skip) return Infinity;
      if (node.nodeType === Node.TEXT_NODE) return sum + offset;
      return offset > 0 ? sum + (child.textContent?.length ?? 0) : sum;
    }
    if (!skip) sum += child.textContent?.length ?? 0;
  }
  if (node === el) {
    sum = 0;
    for (let k = 0; k < offset && k < el.childNodes.length; k++) sum += el.childNodes[k].textContent?.length ?? 0;
  }
  return sum;
}

/**
 * Extends what a double click selected to the value that stands there.
 * @param {import("./rows.js").Row} row @param {import("../model/look.js").Look} look
 */
export function selectWord(row, look) {
  const selection = getSelection();
  const { content, breaks } = look;
  if (!content || !selection?.anchorNode || rowAt(selection.anchorNode) !== row) return;
  const at = toDisplay(offsetIn(row, selection.anchorNode, selection.anchorOffset), breaks);
  const { from, to } = wordAt(content.text, at);
  if (to <= from) return;
  const start = pointAt(row.el, from, breaks);
  const end = pointAt(row.el, to, breaks);
  if (start && end) selection.setBaseAndExtent(start.node, start.offset, end.node, end.offset);
}

/**
 * The point of the document where an offset of the display text stands.
 * @param {Element} el @param {number} display @param {number[]} breaks
 */
function pointAt(el, display, breaks) {
  let left = display + breaks.filter((at) => at < display).length;
  const walker = document.createTreeWalker(el, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const long = /** @type {Text} */ (node).data.length;
    if (left <= long) return { node, offset: left };
    left -= long;
  }
  return null;
}

/** The ends of the browser's selection. @type {Node[]} */
let ends = [];
// Not asked for in each frame: the answer takes Chromium half a millisecond.
document.addEventListener("selectionchange", () => {
  const { anchorNode, anchorOffset, focusNode, focusOffset } = getSelection() ?? {};
  // Not isCollapsed: to answer that, it lays out the page.
  ends = !anchorNode || !focusNode || (anchorNode === focusNode && anchorOffset === focusOffset) ? [] : [anchorNode, focusNode];
});

/** Keys of the rows that hold the ends of the browser's selection: they must not be recycled. */
export function pinnedRows() {
  const keys = new Set();
  for (const node of ends) {
    const row = rowAt(node);
    if (row?.block) keys.add(keyOf(row.block, row.i));
  }
  return keys;
}

/** The rows of the browser's selection, and the lines that they show; null when it is not over rows. @param {Blocks} blocks */
export function selectedRows(blocks) {
  const selection = getSelection();
  if (!selection || selection.isCollapsed || !selection.rangeCount) return null;
  const range = selection.getRangeAt(0);
  if (range.commonAncestorContainer instanceof Element && range.commonAncestorContainer.closest(".expansion")) return null;
  if (range.commonAncestorContainer.parentElement?.closest(".expansion")) return null;
  const first = rowAt(range.startContainer);
  const last = rowAt(range.endContainer) ?? rowAt(lastRowIn(range));
  if (!first?.block || !last?.block) return null;
  const a = resolve({ block: first.block, i: first.i });
  const b = resolve({ block: last.block, i: last.i });
  const startOrd = blocks.ord(a);
  const endOrd = blocks.ord(b);
  if (Number.isNaN(startOrd) || Number.isNaN(endOrd)) return null;
  return { range, first, last, a, b, startOrd, endOrd };
}

/**
 * The text of the file behind the browser's selection; null when it is not over rows.
 * @param {Blocks} blocks @param {Looks} looks
 * @returns {string | null}
 */
export function selectedText(blocks, looks) {
  const selected = selectedRows(blocks);
  if (!selected) return null;
  const { range, first, last, startOrd, endOrd } = selected;
  const startAt = offsetIn(first, range.startContainer, range.startOffset);
  const endAt = rowAt(range.endContainer) ? offsetIn(last, range.endContainer, range.endOffset) : Infinity;
  /** @type {string[]} */
  const parts = [];
  blocks.walk(startOrd, endOrd + 1, (line, block, i) => {
    const ord = block.base + i;
    const { content, breaks } = looks.of(block, i);
    if (!content || (ord !== startOrd && ord !== endOrd)) {
      parts.push(line);
      return;
    }
    const from = ord === startOrd && startAt !== Infinity ? toDisplay(startAt, breaks) : ord === startOrd ? content.text.length : 0;
    const to = ord === endOrd && endAt !== Infinity ? toDisplay(endAt, breaks) : content.text.length;
    const columns = fileRange(content, from, to);
    parts.push(to > from ? line.slice(columns.from, columns.to) : "");
  });
  return parts.join("\n");
}

/** @param {Range} range */
function lastRowIn(range) {
  const rows = document.querySelectorAll(".row");
  let last = null;
  for (const row of rows) if (range.intersectsNode(row)) last = row;
  return last;
}

let pending = /** @type {string | null} */ (null);

/**
 * Puts a text on the clipboard, also where the page is not in a secure context.
 * @param {string} text
 * @param {boolean} [escapes] keep control characters
 * @returns {Promise<boolean>}
 */
export async function copy(text, escapes = false) {
  const clean = escapes ? text : stripControls(text).text;
  try {
    if (navigator.clipboard && isSecureContext) {
      await navigator.clipboard.writeText(clean);
      return true;
    }
  } catch {
    // Not allowed now: the old way may be.
  }
  pending = clean;
  const done = document.execCommand("copy");
  pending = null;
  return done;
}

/**
 * Answers the browser's copy event; `text` says what is selected in the focused pane.
 * @param {() => string | null} text
 * @param {(lines: number) => void} copied
 */
export function onCopy(text, copied) {
  document.addEventListener("copy", (event) => {
    if (event.target instanceof Element && event.target.closest("input, textarea") && pending === null) return;
    const own = pending ?? text();
    if (own === null || !event.clipboardData) return;
    event.preventDefault();
    const clean = pending ?? stripControls(own).text;
    event.clipboardData.setData("text/plain", clean);
    copied(clean.split("\n").length);
  });
}
