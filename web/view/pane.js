/**
 * One view of one or more logs: it puts together the feed (what is held), the mode (who moves the
 * view), the layout (where rows stand), the looks (how they are drawn) and the paper.
 *
 * State goes one way: a message or a gesture changes the model, the model marks the pane as dirty,
 * the next frame draws it. Nothing else writes to the document.
 *
 * @typedef {import("../model/blocks.js").Ref} Ref
 * @typedef {import("../model/blocks.js").Block} Block
 * @typedef {import("../model/feed.js").Place} Place
 * @typedef {import("../model/feed.js").Opened} Opened
 * @typedef {import("../model/protocol.js").Filter} Filter
 * @typedef {import("../model/layout.js").Placed} Placed
 *
 * @typedef {object} PaneHost what a pane asks of the page
 * @property {(command: object) => boolean} send
 * @property {() => void} changed its state line is out of date
 * @property {(text: string) => void} toast
 * @property {(text: string) => void} announce said to a screen reader, at once
 * @property {(lines: number, errors: number, text: string) => void} news new lines came
 * @property {() => string} zone
 */

import { resolve, same } from "../model/blocks.js";
import { Feed } from "../model/feed.js";
import { END, Layout } from "../model/layout.js";
import { Looks } from "../model/look.js";
import { countLevels } from "../model/levels.js";
import { start, update } from "../model/mode.js";
import { Lag } from "../model/connect.js";
import { h, say, show } from "./dom.js";
import { ask } from "./frame.js";
import { Paper } from "./paper.js";
import { keyOf, Rows, rowAt } from "./rows.js";

/** Where a jump puts its target: this part of the height from the top. */
const THIRD = 1 / 3;
/** A new window may be empty for this long before the old rows go. */
const PATIENCE = 150;
/** Viewports held beyond the visible rows before more is asked for. */
const AHEAD = 3;

let panes = 0;

export class Pane {
  /**
   * @param {PaneHost} host
   * @param {Set<string>} features
   */
  constructor(host, features) {
    this.host = host;
    this.id = ++panes;
    this.mode = start();
    this.looks = new Looks();
    this.lag = new Lag();
    this.feed = new Feed({
      send: host.send,
      eye: () => (this.following ? this.feed.blocks.end - 1 : this.eye),
      floor: () => this.lastOrd + 1,
      following: () => this.following,
      arrived: (block, from) => this.#arrived(block, from),
      counted: (_source, lines, text) => this.#counted(lines, text),
      opened: (opened) => this.#opened(opened),
      changed: () => this.dirty(),
      failed: (message, code) => this.#failed(message, code),
      timeOf: () => NaN,
      now: () => Date.now(),
    }, features);
    this.layout = new Layout(this.feed.blocks, (block, i) => this.#height(block, i));
    this.paper = new Paper({
      up: () => this.up(),
      scrolled: (down) => this.#scrolled(down),
      moved: () => this.dirty(),
      idle: () => this.#idle(),
      resized: () => this.dirty(),
    }, "log");
    this.rows = new Rows(this.paper.rows, `p${this.id}-`);
    this.notice = h("div", { class: "notice", hidden: true });
    this.body = h("div", { class: "pane-body" }, this.paper.el, this.notice);
    this.el = h("section", { class: "pane", "aria-label": "log" }, this.body);

    /** The line that keys act on. @type {Ref | null} */
    this.current = null;
    /** The first line that is wholly visible. @type {Ref | null} */
    this.firstVisible = null;
    this.lastVisible = /** @type {Ref | null} */ (null);
    this.eye = 0;
    this.lastOrd = -1;
    this.widest = 0;
    this.digits = 4;
    this.stale = 0;
    /** Where on the screen the target of the next opening goes, px. @type {number | null} */
    this.landing = null;
    /** The last time a line came, and how late it was. */
    this.lastLine = 0;
    this.failure = "";
    this.closed = false;
    this.draw = () => this.#draw();
    /** Times from the daemon's read to the frame that shows it; kept for the state line. */
    this.pendingT = 0;
    this.behind = 0;

    const { paper } = this.paper;
    paper.addEventListener("mousedown", (event) => this.#mouse(event));
    paper.addEventListener("click", (event) => this.#click(event));
  }

  get following() {
    return this.mode.mode === "following";
  }

  get sources() {
    return this.feed.sources;
  }

  dirty() {
    if (!this.closed) ask(this.draw);
  }

  /**
   * Shows logs, under a filter, at a place.
   * @param {string[]} sources
   * @param {Filter} filter
   * @param {Place} place
   */
  open(sources, filter, place) {
    this.failure = "";
    this.#mode({ type: "end" in place ? "end" : "jump", now: Date.now() });
    const label = sources.join(", ") || "log";
    this.el.setAttribute("aria-label", label);
    this.feed.open(sources, filter, place);
    this.host.changed();
    this.dirty();
  }

  /** Goes to a place in the same logs. @param {Place} place */
  jump(place) {
    if ("end" in place) return this.toEnd();
    this.#mode({ type: "jump", now: Date.now() });
    this.feed.jump(place);
    return undefined;
  }

  /** Goes to the end and follows. */
  toEnd() {
    const was = this.mode;
    this.#mode({ type: "end", now: Date.now() });
    this.current = null;
    this.feed.caughtUp();
    if (!this.feed.attached) this.feed.jump({ end: true });
    else this.feed.trim();
    this.dirty();
    return was.mode !== "following";
  }

  /** The user goes up, or begins to read. */
  up() {
    if (!this.following) return;
    this.#mode({ type: "up", now: Date.now() });
  }

  /** @param {import("../model/mode.js").Event} event */
  #mode(event) {
    const before = this.mode.mode;
    this.mode = update(this.mode, event);
    if (this.mode.mode !== before) {
      this.el.classList.toggle("reading", !this.following);
      this.host.changed();
    }
  }

  /**
   * @param {import("../model/protocol.js").Head} head
   * @param {string | null} body
   */
  message(head, body) {
    this.feed.message(head, body);
  }

  /** @param {Block} block @param {number} from */
  #arrived(block, from) {
    const lines = block.count - from;
    const text = from ? block.text.slice(block.starts[from]) : block.text;
    if (!this.pendingT) this.pendingT = block.t;
    this.#counted(lines, text);
  }

  /** @param {number} lines @param {string} text */
  #counted(lines, text) {
    const { errors } = countLevels(text);
    this.lastLine = Date.now();
    this.#mode({ type: "arrived", lines, errors });
    this.host.news(lines, errors, text);
  }

  /** @param {Opened} opened */
  #opened(opened) {
    const { layout, paper } = this;
    this.widest = 0;
    if (opened.first) this.digits = 4;
    if ("end" in opened.place) {
      this.#mode({ type: "end", now: Date.now() });
      this.current = null;
      this.stale = performance.now() + PATIENCE;
      layout.anchor = null;
      return;
    }
    if (!opened.to) return;
    const y = this.landing ?? Math.round(paper.height * THIRD);
    this.landing = null;
    layout.fix(opened.to, END / 2 + y);
    this.current = opened.to;
    paper.size(END, 0);
    paper.scrollTo(END / 2);
    this.host.changed();
  }

  /** @param {string} message @param {string} code */
  #failed(message, code) {
    this.failure = message;
    this.failureCode = code;
    this.dirty();
    this.host.changed();
  }

  /** @param {Block} block @param {number} i */
  #height(block, i) {
    return this.looks.height(block, i);
  }

  /** The user's own scrolling. @param {boolean} down */
  #scrolled(down) {
    this.down = down;
    this.feed.resumeSearch();
  }

  /** Whether the user scrolled downwards since the last frame. */
  down = false;

  /** The user's own scrolling may have reached the last line. @param {number} top */
  #reached(top) {
    const toEnd = this.endY === null ? Infinity : this.endY - (top + this.paper.height);
    const last = this.feed.attached;
    const row = this.paper.line;
    this.#mode({ type: "scrolled", down: this.down, toEnd, row, last, now: Date.now() });
    this.down = false;
    if (this.following) this.toEnd();
  }

  /** The y of the log's end on the paper, where it was reached by the last layout. @type {number | null} */
  endY = null;

  /** Draws the pane: read, compute, write. */
  #draw() {
    const { paper, layout, feed, looks } = this;
    if (!paper.height) paper.measure();
    if (!paper.height || this.closed) return;
    if (!feed.blocks.rows && performance.now() < this.stale) {
      ask(this.draw);
      return;
    }
    const columns = Math.floor((paper.width - this.#gutter() - 24) / paper.cell);
    looks.set({ columns, line: paper.line });
    const { height } = paper;
    let { top } = paper;
    let placed;
    if (this.following) {
      top = END - height;
      layout.pinEnd(END);
      placed = layout.place(top, height);
      if (placed.topY !== null && placed.topY > top) {
        // A log shorter than the pane begins at its top.
        const dy = top - placed.topY;
        layout.shift(dy);
        placed = layout.place(top, height);
      }
    } else {
      placed = layout.place(top, height);
      const room = feed.above ? height : 0;
      if (placed.topY !== null && top < placed.topY - room && placed.rows.length) {
        top = placed.topY - room;
        placed = layout.place(top, height);
      }
    }
    const { rows } = placed;
    this.#note(rows, top, height);
    this.endY = placed.endY;
    if (!this.following && this.down) this.#reached(top);
    const last = rows[rows.length - 1];
    const bottom = placed.endY ?? (last ? last.y + last.h + placed.below * paper.line : top);
    const tall = this.following ? END : Math.max(bottom + (feed.below ? height : 0), top + height);
    let wide = 0;
    if (!looks.options.wrap) {
      for (const { block, i } of rows) this.widest = Math.max(this.widest, looks.of(block, i).cells);
      const need = this.widest * paper.cell + this.#gutter() + 40;
      if (need > paper.width) wide = Math.ceil(need / 50) * 50;
    }
    // Writing.
    this.paper.size(tall, wide);
    paper.scrollTo(top);
    this.rows.paint(rows, (block, i) => looks.of(block, i), this.flags, this.below, looks.epoch, NONE);
    this.#active();
    this.#notice();
    // Asking for what will be needed.
    const near = AHEAD * height;
    if (placed.above * paper.line < near && feed.above) feed.wantAbove();
    if (feed.below && placed.below * paper.line < near) feed.wantBelow();
    if (this.pendingT) {
      this.behind = Math.max(0, this.lag.add(this.pendingT, Date.now()));
      this.pendingT = 0;
    }
    this.host.changed();
  }

  #gutter() {
    const { numbers, names } = this.looks.options;
    if (names) return this.nameWidth * this.paper.cell + 16;
    return numbers ? this.digits * this.paper.cell + 22 : 12;
  }

  nameWidth = 12;

  /** Remembers what is before the user's eyes. @param {Placed[]} rows @param {number} top @param {number} height */
  #note(rows, top, height) {
    let first = null;
    let last = null;
    let digits = this.digits;
    for (const row of rows) {
      if (row.y + row.h > top && row.y < top + height) {
        if (!first && row.y >= top - 0.5 && !row.block.rule) first = row;
        last = row;
        if (row.block.number !== null) digits = Math.max(digits, String(row.block.number + row.i).length);
      }
    }
    this.firstVisible = first && { block: first.block, i: first.i };
    this.lastVisible = last && { block: last.block, i: last.i };
    this.eye = first?.ord ?? this.feed.blocks.end - 1;
    this.lastOrd = last?.ord ?? -1;
    if (digits !== this.digits) {
      this.digits = digits;
      this.paper.el.style.setProperty("--digits", `${digits}ch`);
      this.dirty();
    }
    // The eye's line is the anchor: what changes elsewhere cannot move it.
    if (this.following) return;
    const current = this.current && rows.find((row) => same(this.current, row) && row.y >= top && row.y + row.h <= top + height);
    const hold = current || first;
    if (hold) this.layout.fix({ block: hold.block, i: hold.i }, hold.y);
  }

  /** Classes of a row that come and go. */
  flags = (/** @type {Block} */ block, /** @type {number} */ i) =>
    this.current && this.current.block === block && this.current.i === i ? " cur" : "";

  below = () => null;

  /** Points the list box at its current row. */
  #active() {
    const current = this.current && resolve(this.current);
    const row = current && this.rows.find(current.block, current.i);
    const { paper } = this.paper;
    if (row) {
      if (paper.getAttribute("aria-activedescendant") !== row.el.id) {
        paper.setAttribute("aria-activedescendant", row.el.id);
      }
    } else if (paper.hasAttribute("aria-activedescendant")) {
      paper.removeAttribute("aria-activedescendant");
    }
  }

  /** What is said in place of lines. */
  #notice() {
    const { feed } = this;
    let text = "";
    if (this.failure) text = this.failure;
    else if (feed.sources.length && !feed.blocks.rows && !feed.opening) text = "No lines yet. They will appear here.";
    show(this.notice, text !== "");
    say(this.notice, text);
  }

  /** Nothing moved for a while: the paper may be shifted, unseen. */
  #idle() {
    const { paper, layout, feed } = this;
    if (this.following || this.closed || !feed.blocks.rows) return;
    const { topY } = layout.place(paper.top, paper.height);
    let dy = 0;
    if (!feed.above && topY !== null) dy = -topY;
    else if (paper.top < END / 4 || paper.top > END) dy = END / 2 - paper.top;
    if (Math.abs(dy) < 1) return;
    layout.shift(dy);
    paper.size(paper.tall + Math.max(0, dy), paper.wide);
    paper.scrollTo(paper.top + dy);
    this.dirty();
  }

  /** @param {MouseEvent} event */
  #mouse(event) {
    if (event.button === 0 && rowAt(/** @type {Node} */ (event.target))) this.up();
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const row = rowAt(/** @type {Node} */ (event.target));
    if (!row?.block || row.block.rule) return;
    const selection = getSelection();
    if (selection && !selection.isCollapsed) return;
    this.select({ block: row.block, i: row.i });
  }

  /** Makes a line the current one. @param {Ref | null} ref */
  select(ref) {
    this.current = ref;
    this.host.changed();
    this.dirty();
  }

  /** Moves the current line. @param {number} by */
  step(by) {
    const { blocks } = this.feed;
    if (this.following) {
      if (by > 0) return;
      this.up();
    }
    let at = this.current ? blocks.ord(this.current) : NaN;
    if (Number.isNaN(at)) {
      const ref = this.following || by < 0 ? this.lastVisible : this.firstVisible;
      at = ref ? blocks.ord(ref) : NaN;
    } else {
      at = this.#nextShown(at, by);
    }
    const ref = blocks.at(at);
    if (!ref) return;
    this.select(ref);
    this.reveal(ref);
  }

  /** The next row in a direction that is a line and is shown. @param {number} ord @param {number} by */
  #nextShown(ord, by) {
    const { blocks } = this.feed;
    for (let at = ord + by; ; at += by) {
      const ref = blocks.at(at);
      if (!ref) return ord;
      if (!ref.block.rule && this.#height(ref.block, ref.i) > 0) return at;
    }
  }

  /** Scrolls as little as needed to show a line that is held. @param {Ref} ref @param {boolean} [third] */
  reveal(ref, third = false) {
    const { paper, layout } = this;
    const y = layout.yOf(ref);
    if (Number.isNaN(y)) return;
    const high = this.#height(resolve(ref).block, resolve(ref).i);
    const { top, height } = paper;
    if (y >= top && y + high <= top + height) return;
    paper.mine();
    const to = third ? y - height * THIRD : y < top ? y : y + high - height;
    paper.size(Math.max(paper.tall, to + height), paper.wide);
    paper.scrollTo(to);
    this.dirty();
  }

  /** Scrolls by a part of the height. @param {number} share */
  page(share) {
    const { paper } = this;
    if (this.following && share > 0) return;
    if (share < 0) this.up();
    const by = Math.max(paper.line, Math.abs(share) * paper.height - 2 * paper.line) * Math.sign(share);
    paper.mine();
    if (share > 0 && this.endY !== null && this.feed.attached && paper.top + paper.height + by >= this.endY) {
      this.toEnd();
      return;
    }
    paper.scrollTo(paper.top + by);
    paper.wake();
    this.dirty();
  }

  /** Space: stops; when reading, a page down. */
  space() {
    if (this.following) this.#mode({ type: "stop", now: Date.now() });
    else this.page(1);
    this.host.changed();
  }

  /** @param {number} cells */
  sideways(cells) {
    const { paper } = this;
    paper.scrollSide(cells === -Infinity ? 0 : cells === Infinity ? 1e7 : paper.left + cells * paper.cell);
  }

  /** The first line of the log. */
  first() {
    this.#mode({ type: "jump", now: Date.now() });
    if (!this.feed.above) {
      const first = this.feed.blocks.at(this.feed.blocks.first);
      if (first) {
        this.current = null;
        this.reveal(first);
      }
      return;
    }
    this.feed.jump({ start: true });
  }

  focus() {
    this.paper.paper.focus({ preventScroll: true });
  }

  /** The name of a row, for what is remembered of it. @param {Ref} ref */
  key(ref) {
    return keyOf(ref.block, ref.i);
  }

  close() {
    this.closed = true;
    this.feed.close();
    this.paper.close();
    this.el.remove();
  }
}

/** @type {Set<number>} */
const NONE = new Set();
