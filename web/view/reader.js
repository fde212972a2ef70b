/**
 * What one does with a line: make it the current one, select, copy, open, mark it, ask for its menu.
 *
 * @typedef {import("../model/block.js").Ref} Ref
 * @typedef {import("../model/block.js").Block} Block
 * @typedef {import("../model/pager.js").Place} Place
 * @typedef {import("../model/stretch.js").Opened} Opened
 * @typedef {import("./viewport.js").Spot & {ref: Ref | null, ms: number}} Bookmark  no `ref`: from the address, not seen yet
 *
 * @typedef {object} LineHost what it asks of the page beside what a viewport does
 * @property {(text: string) => void} toast
 * @property {(action: string) => void} act an action of the table of keys
 * @property {(at: {x: number, y: number}, items: {text: string, key?: string, act: () => void}[]) => void} menu
 * @property {(text: string, escapes?: boolean) => void} copy
 * @property {(ref: Ref) => void} link copies a link to a line
 */

import { stripControls } from "../model/ansi.js";
import { MAX_MARKS } from "../model/address.js";
import { resolve, same } from "../model/block.js";
import { findIds } from "../model/extract.js";
import { count } from "../model/words.js";
import { expansion, rowAt, RowTools } from "./rows.js";
import { Handles, Picked, selectedRows, selectedText, selectWord } from "./selection.js";
import { Viewport } from "./viewport.js";

/** A press of a finger is a long one from here on, ms. */
const LONG = 500;

/**
 * @template {import("./viewport.js").ViewHost & LineHost} H
 * @extends {Viewport<H>}
 */
export class Reader extends Viewport {
  /** @param {H} host @param {Set<string>} features */
  constructor(host, features) {
    super(host, features);
    this.picked = new Picked(this.feed.blocks, (ref) => this.placeOf(ref));
    this.tools = new RowTools(this.paper.paper);
    /** @type {Bookmark[]} */
    this.bookmarks = [];
    /** @type {Bookmark[]} those of what is being opened */
    this.toCome = [];
    /** @type {WeakMap<Block, Map<number, {el: HTMLElement, by: unknown[], build: () => {el: HTMLElement}}>>} */
    this.expansions = new WeakMap();
    /** What is done when the next opening has its rows. @type {((opened: Opened) => void) | null} */
    this.landed = null;
    const { paper } = this.paper;
    paper.addEventListener("mousedown", (event) => this.pressed(event));
    paper.addEventListener("click", (event) => this.clicked(event));
    paper.addEventListener("mousemove", (event) => this.hovered(event), { passive: true });
    paper.addEventListener("mouseleave", () => this.offer(null));
    paper.addEventListener("dblclick", (event) => this.takeWord(event));
    this.handles = new Handles(paper, {
      hold: (first) => this.holdEnd(first),
      drag: (y) => this.dragEnd(y),
      act: (action) => this.actOnPicked(action),
    });
    // A long press of a finger selects lines. The mouse keeps the browser's own menu.
    paper.addEventListener("pointerdown", (event) => this.touched(event));
    for (const end of ["pointerup", "pointercancel", "pointermove"]) {
      paper.addEventListener(end, (event) => this.lifted(/** @type {PointerEvent} */ (event)), { passive: true });
    }
    paper.addEventListener("contextmenu", (event) => {
      if (/** @type {PointerEvent} */ (event).pointerType !== "mouse" && rowAt(/** @type {Node} */ (event.target))) event.preventDefault();
    });
  }

  // What is added by those who build on it.

  /** Goes to a place in the same logs. @param {Place} _place */
  jump(_place) {}

  /** @param {"show" | "hide" | "mark"} _kind @param {string} _text */
  addChip(_kind, _text) {}

  /** This line among its neighbours, without filters. */
  context() {}

  /** Whether the current line is drawn otherwise than others. @returns {boolean} */
  get marksCurrent() {
    return false;
  }

  /** The text of the current line. @type {string | null} */
  currentText = null;

  /** @override */
  prepare() {
    const range = this.picked.range();
    this.pickFrom = range?.[0] ?? 0;
    this.pickTo = range?.[1] ?? 0;
  }

  pickFrom = 0;
  pickTo = 0;

  /** Whether lines are selected by fingers. */
  fingers = false;
  /** A finger that may stay where it is. */
  touch = { timer: 0, x: 0, y: 0, done: false };

  /** @param {PointerEvent} event */
  touched(event) {
    const row = rowAt(/** @type {Node} */ (event.target));
    clearTimeout(this.touch.timer);
    this.touch.done = false;
    if (event.pointerType === "mouse" || !row?.block || row.block.rule) return;
    const ref = { block: row.block, i: row.i };
    const timer = setTimeout(() => {
      this.touch.done = true;
      this.up();
      getSelection()?.removeAllRanges();
      this.picked.set(ref, ref);
      this.fingers = true;
      this.dirty();
    }, LONG);
    this.touch = { timer, x: event.clientX, y: event.clientY, done: false };
  }

  /** @param {PointerEvent} event */
  lifted({ type, clientX, clientY }) {
    const { timer, x, y } = this.touch;
    if (type !== "pointermove" || Math.hypot(clientX - x, clientY - y) > 10) clearTimeout(timer);
  }

  /** The other end stays where it is. @param {boolean} first */
  holdEnd(first) {
    const range = this.picked.range();
    const ref = range && this.feed.blocks.at(first ? range[1] - 1 : range[0]);
    if (ref) this.picked.set(ref, this.feed.blocks.at(first ? range[0] : range[1] - 1) ?? ref);
  }

  /** @param {number} y on the screen @param {number} [edge] px within the pane from where on it goes beyond what is visible */
  dragEnd(y, edge = 2 * this.paper.line) {
    const { paper } = this;
    const box = paper.el.getBoundingClientRect();
    const way = y < box.top + edge ? -1 : y > box.bottom - edge ? 1 : 0;
    if (way) {
      // Not as the user's own scrolling: at the end it would follow.
      paper.scrollTo(paper.top + way * paper.line);
      paper.wake();
      this.paint();
    }
    const at = Math.max(box.top + 2, Math.min(box.bottom - 2, y));
    const row = rowAt(document.elementsFromPoint(box.left + box.width / 2, at).find((el) => el.closest(".row")) ?? null);
    if (!row?.block || row.block.rule || !this.picked.from) return;
    this.picked.set(this.picked.from, { block: row.block, i: row.i });
    this.dirty();
  }

  /** @param {string} action of the bar */
  actOnPicked(action) {
    const range = this.picked.range();
    const ref = range && this.feed.blocks.at(range[0]);
    if (ref && action === "link") this.host.link(ref);
    else if (ref && action === "only") this.addChip("show", findIds(this.lineOf(ref))[0] ?? this.lineOf(ref).slice(0, 200));
    else if (ref && action === "more") this.rowMenu(ref);
    else if (action === "copy") return this.host.act("copy");
    this.clearSelection();
    return undefined;
  }

  /** Puts the handles where the selected lines are. */
  placeHandles() {
    const range = this.picked.range();
    if (!range) this.fingers = false;
    const [first, last] = range && this.fingers ? [this.feed.blocks.at(range[0]), this.feed.blocks.at(range[1] - 1)] : [null, null];
    const top = first ? this.layout.yOf(first) : NaN;
    const bottom = last ? this.layout.yOf(last) + this.looks.height(last.block, last.i) : NaN;
    this.handles.set(range && this.fingers ? range[1] - range[0] : 0, top, bottom);
  }

  /** @override */
  scrolledAway() {
    this.tools.over = null;
    super.scrolledAway();
  }

  /** @override */
  drawn() {
    this.offer(this.tools.over);
  }

  /** A line as it is in the file. @param {Ref} ref */
  lineOf(ref) {
    const { block, i } = resolve(ref);
    return block.line(i);
  }

  /** Makes a line the current one. @override @param {Ref | null} ref */
  select(ref) {
    super.select(ref);
    this.tools.over = null;
    const text = this.current ? this.current.block.line(this.current.i) : null;
    if (this.marksCurrent && text !== this.currentText) this.looks.again();
    this.currentText = text;
    if (this.selecting && ref) this.picked.set(this.selecting, ref);
    this.host.changed();
    this.dirty();
  }

  /** Goes to a line that is held and makes it the current one. @param {Ref} ref */
  goTo(ref) {
    this.turn({ type: "jump", now: Date.now() });
    this.select(ref);
    this.unfold(ref);
    this.reveal(ref, true);
    this.host.moved(false);
  }

  /** A line that one goes to must not be folded away. @param {Ref} ref */
  unfold(ref) {
    const at = resolve(ref);
    const group = this.looks.place(at.block, at.i);
    if (group.place === "hidden") this.looks.openGroup(group.head, true);
  }

  /** @param {MouseEvent} event */
  pressed(event) {
    const row = rowAt(/** @type {Node} */ (event.target));
    if (event.button !== 0 || !row?.block || this.touch.done) return;
    if (/** @type {Element} */ (event.target).closest("button, a")) return;
    this.up();
    if (row.block.rule) return;
    const ref = { block: row.block, i: row.i };
    if (event.shiftKey) {
      event.preventDefault();
      getSelection()?.removeAllRanges();
      this.picked.set(this.picked.from ?? this.current ?? ref, ref);
      this.host.changed();
      this.dirty();
    } else if (event.clientX - row.el.getBoundingClientRect().left < this.gutter() + 3) {
      event.preventDefault();
      this.pickLines(event.clientY, ref);
    } else if (this.picked.from) {
      this.picked.clear();
      this.dirty();
    }
  }

  /** Before the text the mouse selects whole lines; beyond the edges it goes on. @param {number} y on the screen @param {Ref} ref */
  pickLines(y, ref) {
    getSelection()?.removeAllRanges();
    this.focus();
    this.picked.set(ref, ref);
    this.dirty();
    const timer = setInterval(() => this.dragEnd(y, 0), 40);
    const move = (/** @type {MouseEvent} */ event) => { y = event.clientY; };
    addEventListener("mousemove", move);
    addEventListener("mouseup", () => {
      clearInterval(timer);
      removeEventListener("mousemove", move);
      this.dragEnd(y, 0);
    }, { once: true });
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const target = /** @type {Element} */ (event.target);
    const row = rowAt(target);
    const button = target.closest("button");
    if (row?.block?.rule && button instanceof HTMLElement) return this.across(button.dataset.action);
    if (!row?.block || row.block.rule || event.shiftKey) return;
    const ref = { block: row.block, i: row.i };
    if (button instanceof HTMLElement && button.dataset.action) {
      this.up();
      this.keep(ref);
      if (button.dataset.action === "group") this.looks.openGroup(this.looks.place(ref.block, ref.i).head, true);
      else if (button.dataset.action === "expand") this.expand(ref);
      this.dirty();
      return;
    }
    if (target.closest("a, button, .expansion")) return;
    const selection = getSelection();
    if (selection && !selection.isCollapsed) return;
    this.select(ref);
    this.host.moved(false);
  }

  /** What one does about a hole. @param {string} [action] */
  across(action) {
    this.up();
    if (action === "over") this.brink.over();
    else this.brink.load();
    this.focus();
  }

  /** A double click selects the value that one means. @param {MouseEvent} event */
  takeWord(event) {
    const row = rowAt(/** @type {Node} */ (event.target));
    if (row?.block && !row.block.rule) selectWord(row, this.looks.of(row.block, row.i));
  }

  /** @param {MouseEvent} event */
  hovered(event) {
    if (this.tools.el.contains(/** @type {Node} */ (event.target))) return;
    const row = event.buttons === 0 ? rowAt(/** @type {Node} */ (event.target)) : null;
    this.offer(row?.block && !row.block.rule ? { block: row.block, i: row.i } : null);
  }

  /** Shows what one does most with a line: the one that the mouse is over, or else the current one. @param {Ref | null} over */
  offer(over) {
    const { paper, tools } = this;
    tools.over = over;
    const ref = over ?? (this.following ? null : this.current);
    const row = ref && this.rows.find(ref.block, ref.i);
    const look = row && this.looks.of(ref.block, ref.i);
    if (!look || look.rows > 1) return tools.hide();
    const from = this.gutter() + (look.content?.cells ?? 0) * paper.cell + 3 + look.chips.length * 130;
    const more = { text: "More", key: "Shift F10", act: () => this.rowMenu(ref) };
    tools.show([...this.actionsOf(ref), more], row.y, from, paper.left + paper.width);
    return undefined;
  }

  /** What one does most with a line. @param {Ref} ref */
  actionsOf(ref) {
    return [
      { text: "Copy line", key: "y", act: () => this.host.copy(this.lineOf(ref)) },
      ...(this.features.has("locate") ? [{ text: "Copy link", key: "Y", act: () => this.host.link(ref) }] : []),
      ...(this.filtered ? [{ text: "In context", key: "c", act: () => { this.select(ref); this.context(); } }] : []),
    ];
  }

  /** The menu of a line. @param {Ref} ref */
  rowMenu(ref) {
    const { block, i } = resolve(ref);
    const row = this.rows.find(block, i);
    const box = (row?.el ?? this.paper.el).getBoundingClientRect();
    const line = block.line(i);
    const { removed } = stripControls(line);
    const act = this.host.act;
    this.select(ref);
    this.host.menu({ x: Math.max(box.left, this.paper.el.getBoundingClientRect().left) + 60, y: box.top + this.paper.line }, [
      ...this.actionsOf(ref),
      ...(removed ? [{ text: `Copy with ${count(removed)} control characters`, act: () => this.host.copy(line, true) }] : []),
      { text: "Open", key: "Enter", act: () => this.expand(ref) },
      { text: "Bookmark", key: "m", act: () => act("bookmark") },
      { text: "Select lines from here", key: "v", act: () => act("select") },
      ...findIds(line).slice(0, 3).map((id) => ({ text: `Show only ${id}`, act: () => this.addChip("show", id) })),
    ]);
  }

  /** Opens what is in a line, or closes it again. @param {Ref} [at] */
  expand(at) {
    const ref = at ?? this.current;
    if (!ref) return;
    this.up();
    this.keep(ref);
    const { block, i } = resolve(ref);
    const group = this.looks.place(block, i);
    if (group.size > 8 && group.place === "chip") return this.looks.openGroup(group.head, true), this.dirty();
    const open = this.expansions.get(block) ?? new Map();
    const heights = this.looks.expanded.get(block) ?? new Map();
    if (open.has(i)) {
      open.delete(i);
      heights.delete(i);
    } else {
      const line = block.line(i);
      const build = () => expansion(line, this.paper.line, {
        marks: (text) => this.looks.marks?.(text) ?? [],
        value: (key, value, where) => this.host.menu(where, [
          { text: `Show only ${value.slice(0, 60)}`, act: () => this.addChip("show", value) },
          { text: `Hide ${value.slice(0, 60)}`, act: () => this.addChip("hide", value) },
          { text: `Mark ${value.slice(0, 60)}`, act: () => this.addChip("mark", value) },
          { text: "Copy the value", act: () => this.host.copy(value) },
          { text: `Copy the key ${key}`, act: () => this.host.copy(key) },
        ]),
        copy: () => this.host.copy(line),
        link: () => this.host.link({ block, i }),
        only: (text) => this.addChip("show", text),
      });
      const made = build();
      open.set(i, { build, el: made.el, by: this.markers });
      heights.set(i, made.height);
    }
    this.expansions.set(block, open);
    this.looks.expanded.set(block, heights);
    this.looks.again();
    this.select({ block, i });
    return undefined;
  }

  /** Where selecting whole lines began, while it goes on. @type {Ref | null} */
  selecting = null;

  /** Begins to select whole lines at the current one, or ends it. */
  startSelecting() {
    const ref = this.current ?? (this.following ? this.lastVisible : this.firstVisible);
    if (!ref) return;
    this.up();
    getSelection()?.removeAllRanges();
    this.selecting = this.selecting ? null : ref;
    if (this.selecting) this.picked.set(ref, ref);
    this.select(ref);
  }

  /** What is selected over a hole becomes whole lines: those are fetched. */
  pickAcross() {
    const { blocks } = this.feed;
    const native = selectedRows(blocks);
    if (!native || !blocks.holed(native.startOrd, native.endOrd)) return;
    this.picked.set(native.a, native.a);
    this.picked.set(native.a, native.b);
    getSelection()?.removeAllRanges();
    this.dirty();
  }

  /** What is selected, as it is in the file; null when nothing is. */
  selectionText() {
    const native = selectedText(this.feed.blocks, this.looks);
    if (native !== null) return native;
    return this.picked.from ? this.picked.text() : null;
  }

  /** Where the selected lines are, for a daemon; null when there are none. */
  selectedPlace() {
    const range = this.picked.range();
    const ref = range && this.feed.blocks.at(range[0]);
    if (!range || !ref || this.feed.blocks.holed(range[0], range[1])) return null;
    return { ...this.placeOf(ref), lines: this.feed.blocks.linesIn(range[0], range[1]) };
  }

  /** The line that is read, as a place. */
  heldPlace() {
    const ref = this.held();
    return ref && this.placeOf(ref);
  }

  /** Takes the selection away. @returns {boolean} whether there was any */
  clearSelection() {
    if (!this.picked.from) return false;
    this.picked.clear();
    this.selecting = null;
    this.dirty();
    return true;
  }

  /** Marks the current line, or takes the mark away. */
  bookmark() {
    const ref = this.current ?? this.firstVisible;
    if (!ref) return;
    const at = resolve(ref);
    const index = this.bookmarks.findIndex((mark) => same(mark.ref, at));
    if (index >= 0) this.bookmarks.splice(index, 1);
    else {
      if (this.bookmarks.length >= MAX_MARKS) this.bookmarks.shift();
      const ms = this.looks.timeNear(at.block, at.i);
      this.bookmarks.push({ ref: at, ...this.placeOf(at), ms });
    }
    const last = this.bookmarks[this.bookmarks.length - 1];
    this.looks.set({ bookmark: last?.ms ?? NaN });
    this.select(at);
    this.host.announce(index >= 0 ? "Bookmark removed" : "Bookmarked");
  }

  /** @param {number} step */
  toBookmark(step) {
    if (!this.bookmarks.length) return this.host.toast("No bookmark yet: m sets one at the current line.");
    const here = this.current ? this.bookmarks.findIndex((mark) => this.current && same(mark.ref, this.current)) : -1;
    const n = this.bookmarks.length;
    const mark = this.bookmarks[(here + step + n) % n];
    if (mark.ref && !Number.isNaN(this.feed.blocks.ord(mark.ref))) return this.goTo(mark.ref);
    const index = this.bookmarks.indexOf(mark);
    this.landed = (opened) => {
      if (opened.to) this.bookmarks[index] = { ...mark, ref: resolve(opened.to) };
    };
    this.jump({ cursor: mark.cursor, skip: mark.skip, under: mark.under, source: mark.source, time: mark.time });
    return undefined;
  }

  /** Classes of a row that come and go. @override */
  flags = (/** @type {Block} */ block, /** @type {number} */ i) => {
    let flags = "";
    const { current } = this;
    if (current && current.block === block && current.i === i) flags += " cur";
    const ord = block.base + i;
    if (ord >= this.pickFrom && ord < this.pickTo && !block.rule) flags += " picked";
    if (this.bookmarks.length && this.bookmarks.some((mark) => mark.ref?.block === block && mark.ref.i === i)) flags += " marked";
    return flags;
  };

  /** What marks text: what is opened is made anew when it is another. @returns {unknown[]} */
  get markers() {
    return [];
  }

  /** @override */
  expansionOf = (/** @type {Block} */ block, /** @type {number} */ i) => {
    const open = this.expansions.get(block)?.get(i);
    const { markers } = this;
    if (open?.by.some((one, k) => one !== markers[k])) {
      open.el = open.build().el;
      open.by = markers;
    }
    return open?.el ?? null;
  };
}
