/**
 * The window on a log: where its lines stand on the paper, who moves it, and the frame that draws it.
 *
 * State goes one way: a message or a gesture changes the model, the model marks the view as dirty,
 * the next frame draws it: it reads, computes, writes. Nothing else writes rows to the document.
 * What is shown, and what one does with a line, is added by those who build on it.
 *
 * @typedef {import("../model/block.js").Ref} Ref
 * @typedef {import("../model/block.js").Block} Block
 * @typedef {import("../model/layout.js").Placed} Placed
 * @typedef {import("../model/stretch.js").Opened} Opened
 * @typedef {import("../model/pager.js").Spot & {skip: number, under: import("../model/protocol.js").Filter, source: string}} Spot
 *
 * @typedef {object} ViewHost what it asks of the page
 * @property {(command: object) => boolean} send
 * @property {() => void} changed its state line is out of date
 * @property {(push: boolean) => void} moved the address is out of date; push: a step one goes back
 * @property {(text: string) => void} announce said to a screen reader, at once
 * @property {() => number | null} offset of the daemon's clock to this one, ms
 */

import { resolve, same } from "../model/block.js";
import { Lag } from "../model/protocol.js";
import { Feed } from "../model/feed.js";
import { END, Layout, THIRD } from "../model/layout.js";
import { Looks } from "../model/look.js";
import { start, update } from "../model/mode.js";
import { AHEAD, Brink } from "./brink.js";
import { ask } from "./dom.js";
import { Paper } from "./paper.js";
import { Rows } from "./rows.js";
import { pinnedRows } from "./selection.js";

/** Columns beyond the visible ones that are drawn, at least. */
const SIDE = 200;
/** How often one draws, at least, where lines stream by, ms: half of the frames; and if one is further
 * behind than that. */
const OFTEN = 25;
const LATE = 40;
const SELDOM = 100;
/** Figures that change with every line are drawn this often, ms: more, nobody can read. */
const READABLE = 200;

let views = 0;

/** @template {ViewHost} H */
export class Viewport {
  /**
   * @param {H} host
   * @param {Set<string>} features
   */
  constructor(host, features) {
    this.host = host;
    this.features = features;
    this.id = ++views;
    this.mode = start();
    this.lag = new Lag();
    this.feed = new Feed({
      send: (command) => host.send(command),
      eye: () => this.eyeOrd(),
      floor: () => this.lastOrd + 1,
      following: () => this.following,
      arrived: (block, from, t) => this.arrived(block, from, t),
      counted: (_source, lines, text, live) => this.counted(lines, text, live),
      opened: (opened) => this.opened(opened),
      changed: () => this.dirty(),
      failed: (message, code) => this.failed(message, code),
      timeOf: (block, i) => this.looks.timeOf(block, i),
      now: () => Date.now(),
    }, features);
    this.looks = new Looks(this.feed.blocks, () => Date.now());
    this.layout = new Layout(this.feed.blocks, (block, i) => this.looks.height(block, i));
    this.paper = new Paper({
      up: () => this.up(),
      scrolled: (down) => this.scrolled(down),
      moved: () => this.scrolledAway(),
      idle: () => this.idle(),
      resized: (changed) => this.resized(changed),
    }, "log");
    this.rows = new Rows(this.paper.rows, `p${this.id}-`);
    this.brink = new Brink(this);
    /** The line that keys act on. @type {Ref | null} */
    this.current = null;
    /** The first line that is wholly visible. @type {Ref | null} */
    this.firstVisible = null;
    this.lastVisible = /** @type {Ref | null} */ (null);
    this.eye = 0;
    this.lastOrd = -1;
    this.widest = 0;
    /** Digits of the largest line number that was shown. */
    this.digits = 4;
    /** Until when the old rows may stay while the new window has none. */
    this.stale = 0;
    this.boxTop = NaN;
    /** When the oldest and the newest line that wait for the next frame were read by the daemon. */
    this.pendingT = 0;
    this.newestT = 0;
    this.behind = 0;
    this.drawnAt = 0;
    this.closed = false;
    this.draw = () => (this.late() ? ask(this.draw) : this.paint());
    this.figures = 0;
  }

  /** Lines wait for the next frame that were read at this time. @param {number} t ms; 0: to catch up */
  waits(t) {
    this.pendingT ||= t;
    this.newestT = t || this.newestT;
  }

  /** Whether lines stream by: not one row that is drawn would stay. */
  get streams() {
    const { feed, paper } = this;
    return this.following && this.newestT > 0 && (feed.blocks.end - this.lastOrd) * paper.line >= paper.height;
  }

  /**
   * Whether this frame had better be left out: where lines stream by, nobody misses it. The browser
   * hands over messages only between frames, so who is behind receives first.
   */
  late() {
    if (!this.streams) return false;
    return performance.now() - this.drawnAt < (this.lag.add(this.newestT, Date.now()) > LATE ? SELDOM : OFTEN);
  }

  /** The state line is out of date, by lines that came. */
  flows() {
    this.figures ||= setTimeout(() => {
      this.figures = 0;
      this.host.changed();
    }, READABLE);
  }

  // What is added by those who build on it.

  /** New live lines are held. @param {Block} _block @param {number} _from @param {number} _t */
  arrived(_block, _from, _t) {}

  /** New lines were counted. @param {number} _lines @param {string} _text @param {boolean} _live */
  counted(_lines, _text, _live) {}

  /** A new window has its rows. @param {Opened} _opened */
  opened(_opened) {}

  /** @param {string} _message @param {string} _code */
  failed(_message, _code) {}

  /** Before the rows are placed. */
  prepare() {}

  /** After they were drawn. */
  drawn() {}

  /** Goes to the end and follows. */
  toEnd() {}

  /** Classes of a row that come and go. @type {(block: Block, i: number) => string} */
  flags = () => "";

  /** What is opened under a line. @type {(block: Block, i: number) => HTMLElement | null} */
  expansionOf = () => null;

  /** Makes a line the current one. @param {Ref | null} ref */
  select(ref) {
    this.current = ref && resolve(ref);
    this.host.changed();
    this.dirty();
  }

  /** Whether something is shown or hidden by a filter. */
  get filtered() {
    return this.feed.filtered;
  }

  get following() {
    return this.mode.mode === "following";
  }

  get sources() {
    return this.feed.sources;
  }

  /** Ordinal of the row that must not be dropped: rows may have come in above since it was drawn. */
  eyeOrd() {
    const { blocks } = this.feed;
    const ord = this.firstVisible ? blocks.ord(this.firstVisible) : NaN;
    return this.following ? blocks.end - 1 : ord === ord ? ord : this.eye;
  }

  dirty() {
    if (!this.closed) ask(this.draw);
  }

  /** The line that keeps its place. @returns {Ref | null} */
  held() {
    const { current, paper } = this;
    if (current) {
      const y = this.layout.yOf(current);
      if (y >= paper.top && y < paper.top + paper.height) return current;
    }
    return this.firstVisible;
  }

  /** Makes a line the anchor, so that it stays where it is whatever changes height. @param {Ref | null} [ref] */
  keep(ref = this.held()) {
    if (this.following || !ref) return;
    const y = this.layout.yOf(ref);
    if (!Number.isNaN(y)) this.layout.fix(ref, y);
  }

  /** A line as a place: it survives whatever happens to what is held. @param {Ref} ref @returns {Spot} */
  placeOf(ref) {
    const { block, i } = resolve(ref);
    const place = { cursor: block.start, skip: block.skip + i, under: this.feed.filter, source: block.source };
    if (!this.feed.merged) return place;
    const time = this.feed.weave.orderAt(block.base + i);
    return Number.isFinite(time) ? { ...place, time } : place;
  }

  /** The user goes up, or begins to read. */
  up() {
    if (this.following) this.turn({ type: "up", now: Date.now() });
  }

  /** @param {import("../model/mode.js").Event} event */
  turn(event) {
    const before = this.mode.mode;
    this.mode = update(this.mode, event);
    if (this.mode.mode === before) return;
    this.host.announce(this.following ? "Following" : "Reading");
    this.host.changed();
    this.host.moved(false);
  }

  /** The user's own scrolling. @param {boolean} down */
  scrolled(down) {
    this.down = down;
    this.feed.resumeSearch();
  }

  /** Whether the user scrolled downwards since the last frame. */
  down = false;

  /** The user's own scrolling may have reached the last line. @param {number} top */
  reached(top) {
    const toEnd = this.endY === null ? Infinity : this.endY - (top + this.paper.height);
    const last = this.feed.attached;
    const row = this.paper.line;
    this.turn({ type: "scrolled", down: this.down, toEnd, row, last, now: Date.now() });
    this.down = false;
    if (this.following) this.toEnd();
  }

  scrolledAway() {
    this.dirty();
  }

  /** A bar was opened above, or the window resized: the line before the eyes stays where it is. @param {boolean} changed */
  resized(changed) {
    const top = this.paper.el.getBoundingClientRect().top;
    const moved = top - this.boxTop;
    this.boxTop = top;
    if (!this.following && moved) {
      this.paper.size(this.paper.tall + Math.max(0, moved), this.paper.wide);
      this.paper.scrollTo(this.paper.top + moved);
      this.brink.top += moved;
    }
    if (changed || moved) this.paint();
  }

  /** The y of the log's end on the paper, where it was reached by the last layout. @type {number | null} */
  endY = null;

  /** Draws the pane: read, compute, write. @returns {void} */
  paint() {
    const { paper, layout, feed, looks } = this;
    if (!paper.height) paper.measure();
    if (!paper.height || this.closed) return;
    if (!feed.blocks.rows && performance.now() < this.stale) {
      ask(this.draw);
      return;
    }
    this.drawnAt = performance.now();
    looks.frame();
    this.prepare();
    looks.set({ columns: Math.floor((paper.width - this.gutter() - 18) / paper.cell), line: paper.line });
    const { height } = paper;
    let { top } = paper;
    let placed;
    if (this.following) {
      top = END - height;
      layout.pinEnd(END);
      placed = layout.place(top, height, this.streams ? 0 : undefined);
      if (placed.topY !== null && placed.topY > top) {
        // A log shorter than the pane begins at its top.
        layout.shift(top - placed.topY);
        placed = layout.place(top, height);
      }
      this.brink.fill(placed.rows);
    } else {
      placed = layout.place(top, height);
      const room = feed.above ? height : 0;
      if (placed.topY !== null && top < placed.topY - room && placed.rows.length) {
        top = placed.topY - room;
        placed = layout.place(top, height);
      }
      const stop = this.brink.stop(top, placed.rows);
      if (stop !== top) placed = layout.place((top = stop), height);
    }
    this.brink.top = top;
    const { rows } = placed;
    this.note(rows, top, height);
    this.endY = placed.endY;
    if (!this.following && this.down) {
      this.reached(top);
      if (this.following) return this.paint(); // elsewhere on the paper
    }
    const last = rows[rows.length - 1];
    const bottom = placed.endY ?? (last ? last.y + last.h + placed.below * paper.line : top);
    const tall = this.following ? END : Math.max(bottom + (feed.below ? height : 0), top + height);
    let wide = 0;
    if (!looks.options.wrap) {
      for (const { block, i } of rows) this.widest = Math.max(this.widest, looks.of(block, i).cells);
      const need = this.widest * paper.cell + this.gutter() + 40;
      if (need > paper.width) wide = Math.ceil(need / 50) * 50;
    }
    // Writing.
    paper.size(tall, wide);
    paper.scrollTo(top);
    const step = looks.options.wrap ? Infinity : SIDE;
    this.rows.setReach(step * Math.ceil((paper.left + paper.width) / paper.cell / SIDE + 1));
    this.rows.paint(rows, (block, i) => looks.of(block, i), this.flags, this.expansionOf, looks.epoch, pinnedRows());
    this.pointAtCurrent();
    this.drawn();
    // Asking for what will be needed: who follows has first to turn, and needs it not at once.
    const near = AHEAD * height;
    if (placed.above * paper.line < (this.following ? 1 : near) && feed.above) feed.wantAbove();
    if (feed.below && placed.below * paper.line < near) feed.wantBelow();
    if (this.pendingT) {
      const offset = this.host.offset();
      this.behind = Math.max(0, offset === null ? this.lag.add(this.pendingT, Date.now()) : Date.now() + offset - this.pendingT);
      this.pendingT = 0;
    }
    this.flows();
  }

  gutter() {
    const { numbers, names } = this.looks.options;
    if (names) return this.nameWidth * this.paper.cell + 18;
    return numbers && !this.filtered ? this.digits * this.paper.cell + 20 : 8;
  }

  nameWidth = 12;

  styleGutter() {
    const { style } = this.paper.el;
    const { numbers, names } = this.looks.options;
    const ch = names ? this.nameWidth : numbers && !this.filtered ? this.digits : 0;
    style.setProperty("--gutter-ch", `${ch}ch`);
    style.setProperty("--gutter", ch ? `calc(${ch}ch + ${names ? 18 : 20}px)` : "8px");
  }

  /** Points the list box at its current row. */
  pointAtCurrent() {
    if (this.current) this.current = resolve(this.current);
    const row = this.current && this.rows.find(this.current.block, this.current.i);
    const { paper } = this.paper;
    if (row) {
      if (paper.getAttribute("aria-activedescendant") !== row.el.id) paper.setAttribute("aria-activedescendant", row.el.id);
    } else if (paper.hasAttribute("aria-activedescendant")) {
      paper.removeAttribute("aria-activedescendant");
    }
  }

  /** Nothing moved for a while: the paper may be shifted, unseen. */
  idle() {
    const { paper, layout, feed } = this;
    if (this.following || this.closed || !feed.blocks.rows) return;
    this.host.moved(false);
    const { topY } = layout.place(paper.top, paper.height);
    let dy = 0;
    if (!feed.above && topY !== null) dy = -topY;
    else if (paper.top < END / 4 || paper.top > END) dy = END / 2 - paper.top;
    if (Math.abs(dy) < 1) return;
    layout.shift(dy);
    paper.size(paper.tall + Math.max(0, dy), paper.wide);
    paper.scrollTo(paper.top + dy);
    this.brink.top += dy;
    this.paint();
  }

  /** Moves the current line. @param {number} by */
  step(by) {
    const { blocks } = this.feed;
    let ref = null;
    if (this.following) {
      if (by > 0) return;
      ref = this.lastVisible;
      this.up();
    } else if (this.current && !Number.isNaN(blocks.ord(this.current))) {
      const from = blocks.ord(this.current);
      const to = this.nextShown(from, by);
      if (to === from) this.brink.push(by > 0);
      ref = blocks.at(to);
    } else {
      ref = by < 0 ? this.lastVisible : this.firstVisible;
    }
    if (!ref) return;
    this.select(ref);
    this.reveal(ref);
  }

  /** The next row in a direction that is a line and is shown, up to a hole. @param {number} ord @param {number} by */
  nextShown(ord, by) {
    const { blocks } = this.feed;
    for (let at = ord + by; ; at += by) {
      const ref = blocks.at(at);
      if (!ref || ref.block.rule?.kind === "hole") return ord;
      if (!ref.block.rule && this.looks.height(ref.block, ref.i) > 0) return at;
    }
  }

  /** Scrolls as little as needed to show a line that is held. @param {Ref} ref @param {boolean} [third] */
  reveal(ref, third = false) {
    const { paper, layout } = this;
    const y = layout.yOf(ref);
    if (Number.isNaN(y)) return;
    const at = resolve(ref);
    const high = this.looks.height(at.block, at.i);
    const { top, height } = paper;
    this.dirty();
    if (y >= top && y + high <= top + height) return;
    paper.mine();
    const to = third ? y - Math.round(height * THIRD) : y < top ? y : y + high - height;
    layout.fix(at, y);
    paper.size(Math.max(paper.tall, to + height), paper.wide);
    paper.scrollTo(to);
  }

  /** Scrolls by a part of the height. @param {number} share */
  page(share) {
    const { paper } = this;
    if (this.following && share > 0) return;
    if (share < 0) this.up();
    const by = Math.max(paper.line, Math.abs(share) * paper.height - 2 * paper.line) * Math.sign(share);
    if (share > 0 && this.endY !== null && this.feed.attached && paper.top + paper.height + by >= this.endY) {
      this.toEnd();
      return;
    }
    paper.mine();
    paper.scrollTo(paper.top + Math.round(by / paper.line) * paper.line);
    paper.wake();
    this.paint();
  }

  /** Space: stops; when reading, a page down. */
  space() {
    if (this.following) this.turn({ type: "stop", now: Date.now() });
    else this.page(1);
  }

  /** @param {number} cells */
  sideways(cells) {
    const { paper } = this;
    paper.scrollSide(cells === -Infinity ? 0 : cells === Infinity ? 1e7 : paper.left + cells * paper.cell);
  }

  /** @param {boolean} wrap */
  setWrap(wrap) {
    this.keep();
    this.looks.set({ wrap });
    this.paper.scrollSide(0);
    this.dirty();
    this.host.changed();
  }

  /** @param {boolean} raw */
  setRaw(raw) {
    this.keep();
    this.looks.set({ raw });
    this.dirty();
    this.host.changed();
  }

  /** Opens all groups, or folds them. */
  toggleGroups() {
    this.keep();
    this.looks.allOpen = !this.looks.allOpen;
    this.looks.open.clear();
    this.looks.again();
    this.dirty();
  }

  /** The size of the type changed. */
  remeasure() {
    this.paper.height = 0; // the next frame measures
    this.looks.again();
    this.dirty();
  }

  focus() {
    this.paper.paper.focus({ preventScroll: true });
  }

  /** Remembers what is before the user's eyes. @param {Placed[]} rows @param {number} top @param {number} height */
  note(rows, top, height) {
    let first = null;
    let last = null;
    let { digits } = this;
    for (const row of rows) {
      if (row.y + row.h <= top || row.y >= top + height || !this.brink.mine(row.ord)) continue;
      if (!first && row.y >= top - 0.5 && !row.block.rule) first = row;
      last = row;
      if (row.block.number !== null) digits = Math.max(digits, String(row.block.number + row.i).length);
    }
    this.firstVisible = first && { block: first.block, i: first.i };
    this.lastVisible = last && { block: last.block, i: last.i };
    this.eye = first?.ord ?? this.feed.blocks.end - 1;
    this.lastOrd = last?.ord ?? -1;
    if (digits !== this.digits) {
      this.digits = digits;
      this.styleGutter();
      this.dirty();
    }
    // The eye's line is the anchor: what changes elsewhere cannot move it.
    if (this.following) return;
    const { current } = this;
    const hold = (current && rows.find((row) => same(current, row) && row.y >= top && row.y < top + height)) || first;
    if (hold) this.layout.fix({ block: hold.block, i: hold.i }, hold.y);
    // A long group whose lines are on screen stays open, also when it has ended meanwhile.
    if (last && !this.looks.options.raw) {
      const group = this.looks.place(last.block, last.i);
      if (group.size > 8 && group.place === "shown" && !group.hidden && !group.final) this.looks.keepOpen(group.head);
    }
  }
}
