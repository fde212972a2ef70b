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
 * @property {(push: boolean) => void} moved the address is out of date; push: a step one goes back
 * @property {(text: string) => void} toast
 * @property {(text: string) => void} announce said to a screen reader, at once
 * @property {(lines: number, errors: number, text: string) => void} news new lines came
 * @property {() => string} zone
 * @property {() => number | null} offset of the daemon's clock to this one, ms
 * @property {(action: string) => void} act an action of the table of keys
 * @property {(source: string) => {rate: string, fact: string}} facts of a source
 * @property {(source: string) => string} colour of a source, the same wherever it is shown
 * @property {(at: {x: number, y: number}, items: {text: string, key?: string, act: () => void}[]) => void} menu
 * @property {(text: string, escapes?: boolean) => void} copy
 * @property {(ref: Ref) => void} link copies a link to a line
 * @property {(source: string) => import("../model/protocol.js").SourceInfo | undefined} info
 */

import { resolve, ruleBlock, same } from "../model/blocks.js";
import { Lag } from "../model/connect.js";
import { stripControls } from "../model/ansi.js";
import { Feed } from "../model/feed.js";
import { detectFormat } from "../model/fields.js";
import { filterOf, marksOf } from "../model/filters.js";
import { parseGoTo } from "../model/goto.js";
import { END, Layout } from "../model/layout.js";
import { countLevels } from "../model/levels.js";
import { findIds } from "../model/links.js";
import { Looks } from "../model/look.js";
import { start, update } from "../model/mode.js";
import { clock, clockShort, count, dateTime, duration } from "../model/words.js";
import { fill, h, show } from "./dom.js";
import { expansion } from "./expansion.js";
import { FilterBar } from "./filterbar.js";
import { Finder } from "./finder.js";
import { ask } from "./frame.js";
import { Header } from "./header.js";
import { LogMap } from "./map.js";
import { Paper } from "./paper.js";
import { Rows, rowAt } from "./rows.js";
import { RowTools } from "./rowtools.js";
import { Picked, pinnedRows, selectedText, selectWord } from "./selection.js";
import { TimeBox } from "./timebox.js";

/** @typedef {import("../model/filters.js").Chip} Chip */
/** @typedef {{ref: Ref, source: string, cursor: string, skip: number, under: Filter, ms: number}} Bookmark */

/** Where a jump puts its target: this part of the height from the top. */
const THIRD = 1 / 3;
/** A new window may be empty for this long before the old rows go. */
const PATIENCE = 150;
/** Viewports held beyond the visible rows before more is asked for. */
const AHEAD = 3;

/** Bookmarks of a pane. */
const MOST_BOOKMARKS = 100;
/** Lines that decide on the format of a log. */
const SAMPLE = 200;

/** What is said in place of a log that cannot be followed. @type {Record<string, string>} */
const ABSENT = { missing: "Not there yet", unreadable: "This log cannot be read", "not-a-file": "This is not a file with lines" };

let panes = 0;

export class Pane {
  /**
   * @param {PaneHost} host
   * @param {Set<string>} features
   */
  constructor(host, features) {
    this.host = host;
    this.features = features;
    this.id = ++panes;
    this.mode = start();
    this.lag = new Lag();
    this.feed = new Feed({
      send: (command) => host.send(command),
      eye: () => (this.following ? this.feed.blocks.end - 1 : this.eye),
      floor: () => this.lastOrd + 1,
      following: () => this.following,
      arrived: (block, from) => this.#arrived(block, from),
      counted: (_source, lines, text, live) => this.#counted(lines, text, live),
      opened: (opened) => this.#opened(opened),
      changed: () => this.dirty(),
      failed: (message, code) => this.#failed(message, code),
      timeOf: (block, i) => this.looks.timeOf(block, i),
      now: () => Date.now(),
    }, features);
    this.looks = new Looks(this.feed.blocks, () => Date.now());
    this.looks.marks = (line) => this.#marks(line);
    this.layout = new Layout(this.feed.blocks, (block, i) => this.looks.height(block, i));
    this.picked = new Picked(this.feed.blocks);
    this.paper = new Paper({
      up: () => this.up(),
      scrolled: (down) => this.#scrolled(down),
      moved: () => this.#scrolledAway(),
      idle: () => this.#idle(),
      resized: () => this.#resized(),
    }, "log");
    this.rows = new Rows(this.paper.rows, `p${this.id}-`);
    this.tools = new RowTools(this.paper.paper);
    this.finder = new Finder({
      feed: () => this.feed,
      current: () => this.current ?? (this.following ? null : this.firstVisible),
      go: (ref) => this.goTo(ref),
      jump: (place) => this.jump(place),
      changed: () => {
        this.looks.again();
        this.dirty();
      },
      say: (text) => host.toast(text),
      filtered: () => this.filtered,
      mount: (bar) => this.body.before(bar),
    }, features);
    this.finder.refocus = () => this.focus();
    this.timeBox = new TimeBox({
      parse: (text) => parseGoTo(text, { zone: host.zone(), now: Date.now() }),
      go: (ms) => this.goToTime(ms),
      mount: (bar) => this.body.before(bar),
      close: () => {
        this.timeBox.hide();
        this.focus();
      },
    });
    this.filterBar = new FilterBar({
      change: (chips) => this.setChips(chips, true),
      save: () => host.act("saveView"),
      stop: () => this.feed.stop(),
      leave: () => this.focus(),
    });
    this.header = new Header({
      toggle: (name) => this.toggleLog(name),
      remove: (name) => this.show(this.shown.filter((one) => one !== name)),
      add: () => host.act("addLog"),
      raw: (raw) => this.setRaw(raw),
      wrap: () => host.act("wrap"),
      time: () => host.act("time"),
      split: () => host.act("split"),
      download: () => host.act("download"),
      link: () => host.act("link"),
      close: () => host.act("closePane"),
    });
    this.notice = h("div", { class: "notice", hidden: true });
    this.map = new LogMap({
      send: (command) => host.send(command),
      id: () => ++this.feed.ids,
      jump: (fraction, release) => this.jump({ fraction }, release),
      jumpLoaded: (fraction) => this.#jumpLoaded(fraction),
      page: (pages) => (Math.abs(pages) < 1 ? this.step(Math.sign(pages)) : this.page(pages)),
      zone: () => host.zone(),
      name: () => this.shown[0] ?? "",
    }, features);
    this.body = h("div", { class: "pane-body" }, this.paper.el, this.map.el, this.notice);
    this.el = h("section", { class: "pane", "aria-label": "log" },
      this.header.el, this.filterBar.el, this.body);

    /** All logs of this pane; the feed has those that are not hidden. @type {string[]} */
    this.shown = [];
    /** @type {Map<string, string>} */
    this.colours = new Map();
    /** @type {Set<string>} */
    this.hidden = new Set();
    /** @type {Chip[]} */
    this.chips = [];
    /** @type {Map<Chip, string>} */
    this.chipErrors = new Map();
    this.chipMarks = marksOf([]);
    /** The line that keys act on. @type {Ref | null} */
    this.current = null;
    /** The first line that is wholly visible. @type {Ref | null} */
    this.firstVisible = null;
    this.lastVisible = /** @type {Ref | null} */ (null);
    /** @type {Bookmark[]} */
    this.bookmarks = [];
    /** @type {WeakMap<Block, Map<number, {el: HTMLElement, height: number}>>} */
    this.expansions = new WeakMap();
    this.eye = 0;
    this.lastOrd = -1;
    this.widest = 0;
    this.digits = 4;
    this.stale = 0;
    /** Where on the screen the target of the next opening goes, px. @type {number | null} */
    this.landing = null;
    /** What is said when the next opening is done. @type {((opened: Opened) => void) | null} */
    this.landed = null;
    this.lastLine = 0;
    this.failure = "";
    this.failureCode = "";
    this.closed = false;
    this.detected = 0;
    /** Lines that were unseen when the log was opened. */
    this.unseen = 0;
    this.unseenSince = 0;
    this.rates = { from: 0, all: 0, last: "" };
    this.boxTop = NaN;
    this.draw = () => this.#draw();
    /** When the oldest line that waits for the next frame was read by the daemon. */
    this.pendingT = 0;
    this.behind = 0;
    this.behindBytes = 0;

    const { paper } = this.paper;
    paper.addEventListener("mousedown", (event) => this.#mouse(event));
    paper.addEventListener("click", (event) => this.#click(event));
    paper.addEventListener("mousemove", (event) => this.#hover(event), { passive: true });
    paper.addEventListener("mouseleave", () => this.tools.hide());
    paper.addEventListener("dblclick", (event) => this.#word(event));
    // A long press of a finger: what a line can do. The mouse keeps the browser's own menu.
    paper.addEventListener("contextmenu", (event) => {
      const row = rowAt(/** @type {Node} */ (event.target));
      if (!row?.block || row.block.rule || /** @type {PointerEvent} */ (event).pointerType === "mouse") return;
      event.preventDefault();
      this.up();
      this.rowMenu({ block: row.block, i: row.i });
    });
  }

  /** Whether something is shown or hidden by a filter. */
  get filtered() {
    return !!(this.feed.filter.include?.length || this.feed.filter.exclude?.length);
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
   * Shows logs at a place, with the filter as it is.
   * @param {string[]} sources
   * @param {Place} [place]
   */
  show(sources, place = { end: true }) {
    this.host.moved(true);
    this.failure = this.failureCode = "";
    this.shown = sources;
    this.hidden = new Set([...this.hidden].filter((name) => sources.includes(name)));
    this.#name();
    this.picked.clear();
    this.#mode({ type: "end" in place ? "end" : "jump", now: Date.now() });
    this.#open(place);
  }

  /** Colours and names of the logs. */
  #name() {
    const labels = shortNames(this.shown);
    const merged = this.shown.length > 1;
    for (const el of [this.paper.el, this.paper.paper]) el.setAttribute("aria-label", this.shown.join(", ") || "log");
    this.colours = new Map(this.shown.map((name) => [name, this.host.colour(name)]));
    const names = new Map(this.shown.map((name, k) => [name, { name: labels[k], colour: this.colours.get(name) ?? "s1" }]));
    this.nameWidth = Math.min(24, Math.max(4, ...labels.map((label) => label.length)));
    this.looks.set({ names: merged ? names : null });
    this.el.classList.toggle("merged", merged);
    this.#gutterStyle();
  }

  /** Opens what the logs, their visibility and the chips say. @param {Place} place */
  #open(place) {
    this.feed.open(this.shown.filter((name) => !this.hidden.has(name)), filterOf(this.chips), place);
    this.host.changed();
    this.dirty();
  }

  /** Hides a log of a merged pane, or shows it again; the line before the eyes keeps its place. @param {string} name */
  toggleLog(name) {
    if (this.shown.length < 2) return;
    if (this.hidden.has(name)) this.hidden.delete(name);
    else if (this.hidden.size < this.shown.length - 1) this.hidden.add(name);
    else return;
    this.#again();
    this.host.moved(false);
  }

  /** Opens the same place anew, after the filter or the logs changed. */
  #again() {
    const hold = this.following ? null : this.#hold();
    if (!hold) return this.#open({ end: true });
    const { block } = resolve(hold);
    this.landing = this.layout.yOf(hold) - this.paper.top;
    const visible = this.shown.filter((name) => !this.hidden.has(name));
    if (visible.length > 1) return this.#open({ time: this.looks.timeNear(resolve(hold).block, resolve(hold).i) });
    const place = visible.includes(block.source) ? this.placeOf(hold) : { end: /** @type {const} */ (true) };
    return this.#open(place);
  }

  /** The line that keeps its place. @returns {Ref | null} */
  #hold() {
    const { current, paper } = this;
    if (current) {
      const y = this.layout.yOf(current);
      if (y >= paper.top && y < paper.top + paper.height) return current;
    }
    return this.firstVisible;
  }

  /** Makes a line the anchor, so that it stays where it is whatever changes height. @param {Ref | null} [ref] */
  #keep(ref = this.#hold()) {
    if (this.following || !ref) return;
    const y = this.layout.yOf(ref);
    if (!Number.isNaN(y)) this.layout.fix(ref, y);
  }

  /** A line as a place: it survives whatever happens to what is held. @param {Ref} ref */
  placeOf(ref) {
    const { block, i } = resolve(ref);
    return { cursor: block.start, skip: block.skip + i, under: this.feed.filter };
  }

  /**
   * @param {Chip[]} chips
   * @param {boolean} push whether one can go back from it
   */
  setChips(chips, push) {
    if (push) this.host.moved(true);
    const before = JSON.stringify(filterOf(this.chips));
    this.chips = chips;
    this.chipErrors = new Map();
    this.chipMarks = marksOf(chips);
    for (const [chip, error] of this.chipMarks.errors) this.chipErrors.set(chip, error);
    this.looks.again();
    if (JSON.stringify(filterOf(chips)) !== before && this.shown.length) this.#again();
    this.#drawFilter();
    this.host.moved(false);
    this.dirty();
  }

  /** All filters off, or on again. */
  toggleFilters() {
    const active = this.chips.filter((chip) => chip.kind !== "mark");
    if (!active.length) return;
    const on = active.some((chip) => chip.on);
    this.setChips(this.chips.map((chip) => (chip.kind === "mark" ? chip : { ...chip, on: !on })), true);
  }

  /** This line among its neighbours, without filters. */
  context() {
    const ref = this.current ?? this.firstVisible;
    if (!this.filtered || !ref) return;
    this.up();
    this.current = ref;
    this.setChips(this.chips.map((chip) => (chip.kind === "mark" ? chip : { ...chip, on: false })), true);
  }

  /** What is marked in a line. @param {string} line */
  #marks(line) {
    const chips = this.chipMarks.find(line);
    return this.finder.active ? [...this.finder.marks(line, this.currentText !== null && line === this.currentText), ...chips] : chips;
  }

  /** The text of the current line, where its find hit is drawn as the current one. @type {string | null} */
  currentText = null;

  /** Goes to a place in the same logs. @param {Place} place @param {boolean} [push] */
  jump(place, push = true) {
    if ("end" in place) return void this.toEnd();
    if (push) this.host.moved(true);
    this.#mode({ type: "jump", now: Date.now() });
    this.feed.jump(place);
    this.host.changed();
    return undefined;
  }

  /** Goes to a line that is held and makes it the current one. @param {Ref} ref */
  goTo(ref) {
    this.#mode({ type: "jump", now: Date.now() });
    this.select(ref);
    this.#unfold(ref);
    this.reveal(ref, true);
    this.host.moved(false);
  }

  /** A line that one goes to must not be folded away. @param {Ref} ref */
  #unfold(ref) {
    const at = resolve(ref);
    const group = this.looks.place(at.block, at.i);
    if (group.place === "hidden") this.looks.openGroup(group.head, true);
  }

  /** @param {number} ms */
  goToTime(ms) {
    const zone = this.host.zone();
    this.landed = (opened) => {
      const to = opened.to && resolve(opened.to);
      const found = to ? this.looks.timeNear(to.block, to.i) : NaN;
      const wanted = clock(ms, zone);
      if (!to || found !== found) this.timeBox.say(`no line with a time near ${wanted}`);
      else if (found < ms) this.timeBox.say(`the log ends before ${wanted}: its last line is ${dateTime(found, zone)}`);
      else if (!this.feed.above && this.feed.blocks.first + 1 >= this.feed.blocks.ord(to) && found - ms > 1000) {
        this.timeBox.say(`the log begins after ${wanted}: its first line is ${dateTime(found, zone)}`);
      } else this.timeBox.say(`first line after ${wanted} is ${clock(found, zone)}`);
      this.focus();
    };
    this.jump({ time: ms });
  }

  /** Goes to the end and follows. */
  toEnd() {
    this.#mode({ type: "end", now: Date.now() });
    this.current = this.currentText = null;
    this.feed.caughtUp();
    if (!this.feed.attached) this.feed.jump({ end: true });
    else this.feed.trim();
    this.host.moved(false);
    this.dirty();
  }

  /** The user goes up, or begins to read. */
  up() {
    if (this.following) this.#mode({ type: "up", now: Date.now() });
  }

  /** @param {import("../model/mode.js").Event} event */
  #mode(event) {
    const before = this.mode.mode;
    this.mode = update(this.mode, event);
    if (this.mode.mode === before) return;
    this.el.classList.toggle("reading", !this.following);
    this.host.announce(this.following ? "Following" : "Reading");
    this.host.changed();
    this.host.moved(false);
  }

  /**
   * @param {import("../model/protocol.js").Head} head
   * @param {string | null} body
   */
  message(head, body) {
    if (head.type === "found") this.finder.found(head);
    else if (head.type === "behind") this.behindBytes = head.bytes;
    else if (head.type === "extent" || head.type === "outline") this.map.message(head);
    else if (head.type === "located" && this.map.message(head)) return;
    else if (head.type === "error" && this.finder.failed(head.message, head.id)) return;
    else this.feed.message(head, body);
  }

  /** @param {Block} block @param {number} from */
  #arrived(block, from) {
    const lines = block.count - from;
    const text = from ? block.text.slice(block.starts[from]) : block.text;
    if (!this.pendingT) this.pendingT = block.t;
    this.#counted(lines, text, block.t > 0);
    this.finder.live(text);
  }

  /** @param {number} lines @param {string} text @param {boolean} live just written, not there before */
  #counted(lines, text, live) {
    const { errors } = countLevels(text);
    this.#mode({ type: "arrived", lines, errors });
    this.host.changed();
    if (!live) return;
    this.lastLine = Date.now();
    this.rates.from += lines;
    this.host.news(lines, errors, text);
  }

  /** @param {Opened} opened */
  #opened(opened) {
    const { layout, paper } = this;
    this.widest = 0;
    this.failure = this.failureCode = "";
    this.looks.expanded.clear();
    this.expansions = new WeakMap();
    this.looks.open.clear();
    this.looks.again();
    if (opened.first) {
      this.digits = 4;
      this.detected = 0;
      this.bookmarks = [];
      this.#gutterStyle();
    }
    this.#detect();
    if ("end" in opened.place) {
      this.#mode({ type: "end", now: Date.now() });
      this.current = this.currentText = null;
      this.stale = performance.now() + PATIENCE;
      layout.anchor = null;
    } else if (!opened.to) {
      layout.anchor = null;
      layout.y = paper.top;
    } else {
      const y = this.landing ?? Math.round(paper.height * THIRD);
      layout.fix(opened.to, END / 2 + y);
      this.select(opened.to);
      paper.size(END, 0);
      paper.scrollTo(END / 2);
    }
    this.landing = null;
    const { landed } = this;
    this.landed = null;
    landed?.(opened);
    if (opened.first) {
      this.finder.again();
      this.map.open(this.shown.length === 1 ? this.shown[0] : "");
    }
    this.host.changed();
  }

  /** Finds out what the lines are: JSON, logfmt, an access log. */
  #detect() {
    const { blocks } = this.feed;
    if (this.detected >= SAMPLE || blocks.lines <= this.detected * 2) return;
    this.detected = Math.min(SAMPLE, blocks.lines);
    /** @type {Map<string, string[]>} */
    const samples = new Map();
    blocks.walk(blocks.end - SAMPLE * Math.max(1, this.shown.length), blocks.end, (line, { source }) => {
      const lines = samples.get(source) ?? [];
      lines.push(line);
      samples.set(source, lines);
    });
    let changed = false;
    for (const [source, lines] of samples) {
      const format = detectFormat(lines.slice(-SAMPLE));
      if (this.looks.formats.get(source) === format) continue;
      this.looks.formats.set(source, format);
      changed = true;
    }
    if (changed) this.looks.again();
  }

  /** @param {string} message @param {string} code */
  #failed(message, code) {
    if (code === "bad-pattern") {
      const bad = this.chips.findLast((chip) => chip.on && chip.kind !== "mark" && (chip.form === "regex" || chip.form === "where"));
      if (bad) this.chipErrors.set(bad, message);
      else this.host.toast(message);
      this.#drawFilter();
      return;
    }
    if (this.feed.blocks.rows) this.host.toast(message);
    else {
      this.failure = message;
      this.failureCode = code;
    }
    this.dirty();
    this.host.changed();
  }

  /** The user's own scrolling. @param {boolean} down */
  #scrolled(down) {
    this.down = down;
    this.feed.resumeSearch();
  }

  #scrolledAway() {
    this.tools.hide();
    this.dirty();
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

  /** A bar was opened above, or the window resized: the line before the eyes stays where it is. */
  #resized() {
    const top = this.paper.el.getBoundingClientRect().top;
    const moved = top - this.boxTop;
    this.boxTop = top;
    if (!this.following && moved) {
      this.paper.size(this.paper.tall + Math.max(0, moved), this.paper.wide);
      this.paper.scrollTo(this.paper.top + moved);
    }
    this.draw();
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
    if (this.detected < SAMPLE) this.#detect();
    if (this.unseen) this.#sinceRule();
    looks.set({ columns: Math.floor((paper.width - this.#gutter() - 18) / paper.cell), line: paper.line });
    const { height } = paper;
    let { top } = paper;
    let placed;
    if (this.following) {
      top = END - height;
      layout.pinEnd(END);
      placed = layout.place(top, height);
      if (placed.topY !== null && placed.topY > top) {
        // A log shorter than the pane begins at its top.
        layout.shift(top - placed.topY);
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
    paper.size(tall, wide);
    paper.scrollTo(top);
    const range = this.picked.range();
    this.pickFrom = range?.[0] ?? 0;
    this.pickTo = range?.[1] ?? 0;
    this.rows.paint(rows, (block, i) => looks.of(block, i), this.flags, this.expansionOf, looks.epoch, pinnedRows());
    this.#active();
    this.#notice();
    const { first, end } = feed.blocks;
    this.map.set(this.extent(), { from: this.eye - first, to: this.lastOrd + 1 - first, of: Math.max(1, end - first) });
    this.map.setTicks(this.finder.ats(), this.bookmarks.map((mark) => this.byteOf(mark.ref) ?? NaN));
    // Asking for what will be needed.
    const near = AHEAD * height;
    if (placed.above * paper.line < near && feed.above) feed.wantAbove();
    if (feed.below && placed.below * paper.line < near) feed.wantBelow();
    if (this.pendingT) {
      const offset = this.host.offset();
      this.behind = Math.max(0, offset === null ? this.lag.add(this.pendingT, Date.now()) : Date.now() + offset - this.pendingT);
      this.pendingT = 0;
    }
    this.host.changed();
  }

  #gutter() {
    const { numbers, names } = this.looks.options;
    if (names) return this.nameWidth * this.paper.cell + 18;
    return numbers && !this.filtered ? this.digits * this.paper.cell + 20 : 8;
  }

  nameWidth = 12;

  #gutterStyle() {
    const { style } = this.paper.el;
    const { numbers, names } = this.looks.options;
    const ch = names ? this.nameWidth : numbers && !this.filtered ? this.digits : 0;
    style.setProperty("--gutter-ch", `${ch}ch`);
    style.setProperty("--gutter", ch ? `calc(${ch}ch + ${names ? 18 : 20}px)` : "8px");
  }

  /** Remembers what is before the user's eyes. @param {Placed[]} rows @param {number} top @param {number} height */
  #note(rows, top, height) {
    let first = null;
    let last = null;
    let { digits } = this;
    for (const row of rows) {
      if (row.y + row.h <= top || row.y >= top + height) continue;
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
      this.#gutterStyle();
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

  pickFrom = 0;
  pickTo = 0;

  /** Classes of a row that come and go. */
  flags = (/** @type {Block} */ block, /** @type {number} */ i) => {
    let flags = "";
    const { current } = this;
    if (current && current.block === block && current.i === i) flags += " cur";
    const ord = block.base + i;
    if (ord >= this.pickFrom && ord < this.pickTo && !block.rule) flags += " picked";
    if (this.bookmarks.length && this.bookmarks.some((mark) => mark.ref.block === block && mark.ref.i === i)) flags += " marked";
    return flags;
  };

  expansionOf = (/** @type {Block} */ block, /** @type {number} */ i) => this.expansions.get(block)?.get(i)?.el ?? null;

  /** Points the list box at its current row. */
  #active() {
    if (this.current) this.current = resolve(this.current);
    const row = this.current && this.rows.find(this.current.block, this.current.i);
    const { paper } = this.paper;
    if (row) {
      if (paper.getAttribute("aria-activedescendant") !== row.el.id) paper.setAttribute("aria-activedescendant", row.el.id);
    } else if (paper.hasAttribute("aria-activedescendant")) {
      paper.removeAttribute("aria-activedescendant");
    }
  }

  /** What is said in place of lines. */
  #notice() {
    const { feed } = this;
    const info = this.shown.length === 1 ? this.host.info(this.shown[0]) : undefined;
    /** @type {import("./dom.js").Child[]} */
    let parts = [];
    const waits = feed.opening !== null || (this.filtered && feed.above);
    if (this.shown.length && !feed.blocks.lines && info && info.state !== "live" && info.state !== "archive") {
      const word = ABSENT[info.state] ?? info.state;
      const help = info.state === "missing" ? "It is shown as soon as the file appears." : "";
      parts = [h("strong", null, word), h("p", null, info.path || info.name), info.detail && h("p", null, info.detail), help && h("p", null, help)];
    } else if (this.failure) {
      parts = [h("strong", null, this.failureCode === "unknown-source" ? "This log is not there" : "This log cannot be shown"), h("p", null, this.failure)];
    } else if (this.shown.length && !feed.blocks.lines && !waits) {
      parts = this.filtered
        ? [h("strong", null, "No line matches"), h("p", null, "The filters hide all lines of this log."),
          h("button", { type: "button", class: "primary small", onclick: () => this.toggleFilters() }, "Turn filters off")]
        : [h("strong", null, "No lines yet"), h("p", null, "They will appear here.")];
    }
    const key = parts.map((part) => (part instanceof Node ? part.textContent : part)).join("|");
    if (key === this.noticeKey) return;
    this.noticeKey = key;
    show(this.notice, parts.length > 0);
    fill(this.notice, ...parts);
  }

  noticeKey = "";

  /** Puts the rule "New since" before the lines that came unseen. */
  #sinceRule() {
    const { blocks } = this.feed;
    if (this.feed.opening) return;
    if (this.filtered || !this.following || blocks.lines === 0) {
      if (this.filtered) this.unseen = 0;
      return;
    }
    const ord = blocks.end - this.unseen;
    const at = blocks.at(ord);
    this.unseen = 0;
    if (!at || ord <= blocks.first) return;
    const text = `New since ${clockShort(this.unseenSince, this.host.zone())}`;
    blocks.insert(ord, ruleBlock({ kind: "since", source: at.block.source, text }, at.block.start));
  }

  /** Nothing moved for a while: the paper may be shifted, unseen. */
  #idle() {
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
    this.draw();
  }

  /** @param {MouseEvent} event */
  #mouse(event) {
    const row = rowAt(/** @type {Node} */ (event.target));
    if (event.button !== 0 || !row?.block) return;
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
    } else if (this.picked.from) {
      this.picked.clear();
      this.dirty();
    }
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const target = /** @type {Element} */ (event.target);
    const row = rowAt(target);
    if (!row?.block || row.block.rule || event.shiftKey) return;
    const ref = { block: row.block, i: row.i };
    const button = target.closest("button");
    if (button instanceof HTMLElement && button.dataset.action) {
      this.up();
      this.#keep(ref);
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

  /** A double click selects the value that one means. @param {MouseEvent} event */
  #word(event) {
    const row = rowAt(/** @type {Node} */ (event.target));
    if (row?.block && !row.block.rule) selectWord(row, this.looks.of(row.block, row.i));
  }

  /** @param {MouseEvent} event */
  #hover(event) {
    const row = event.buttons === 0 ? rowAt(/** @type {Node} */ (event.target)) : null;
    if (!row?.block || row.block.rule || row.y === -9999) return this.tools.hide();
    const ref = { block: row.block, i: row.i };
    const key = `${row.key}`;
    if (key === this.tools.over && !this.tools.el.hidden) return undefined;
    this.tools.over = key;
    const look = this.looks.of(row.block, row.i);
    if (look.rows > 1) return this.tools.hide();
    const { paper } = this;
    const chips = look.chips.length * 130;
    const from = this.#gutter() + (look.content?.cells ?? 0) * paper.cell + 3 + chips;
    this.tools.show([
      { text: "Copy", title: "Copy this line  y", act: () => this.host.copy(this.lineOf(ref)) },
      ...(this.features.has("locate") ? [{ text: "Link", title: "Copy a link to this line  Y", act: () => this.host.link(ref) }] : []),
      ...(this.filtered ? [{ text: "In context", title: "This line without filters  c", act: () => { this.select(ref); this.context(); } }] : []),
      { text: "…", title: "More  Shift F10", act: () => this.rowMenu(ref) },
    ], row.y, from, paper.left + paper.width);
    return undefined;
  }

  /** A line as it is in the file. @param {Ref} ref */
  lineOf(ref) {
    const { block, i } = resolve(ref);
    return block.line(i);
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
      { text: "Copy line", key: "y", act: () => this.host.copy(line) },
      ...(removed ? [{ text: `Copy with ${count(removed)} control characters`, act: () => this.host.copy(line, true) }] : []),
      ...(this.features.has("locate") ? [{ text: "Copy link", key: "Y", act: () => this.host.link(ref) }] : []),
      ...(this.filtered ? [{ text: "In context", key: "c", act: () => this.context() }] : []),
      { text: "Open", key: "Enter", act: () => this.expand(ref) },
      { text: "Bookmark", key: "m", act: () => act("bookmark") },
      { text: "Select lines from here", key: "v", act: () => act("select") },
      ...findIds(line).slice(0, 3).map((id) => ({ text: `Show only ${id.text}`, act: () => this.addChip("show", id.text) })),
    ]);
  }

  /** @param {"show" | "hide" | "mark"} kind @param {string} text */
  addChip(kind, text) {
    this.setChips([...this.chips, { kind, form: "text", text, caseRule: "match", word: false, on: true }], true);
  }

  /** Opens what is in a line, or closes it again. @param {Ref} [at] */
  expand(at) {
    const ref = at ?? this.current;
    if (!ref) return;
    this.up();
    this.#keep(ref);
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
      const made = expansion(line, this.paper.line, {
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
      open.set(i, made);
      heights.set(i, made.height);
    }
    this.expansions.set(block, open);
    this.looks.expanded.set(block, heights);
    this.looks.again();
    this.select({ block, i });
    return undefined;
  }

  /** Makes a line the current one. @param {Ref | null} ref */
  select(ref) {
    this.current = ref && resolve(ref);
    const text = this.current ? this.current.block.line(this.current.i) : null;
    if (this.finder.active && text !== this.currentText) this.looks.again();
    this.currentText = text;
    if (this.selecting && ref) this.picked.set(this.selecting, ref);
    this.host.changed();
    this.dirty();
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
    if (!range || !ref) return null;
    let lines = 0;
    this.feed.blocks.walk(range[0], range[1], () => lines++);
    return { ...this.placeOf(ref), lines };
  }

  /** The line that is read, as a place. */
  heldPlace() {
    const ref = this.#hold();
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
      if (this.bookmarks.length >= MOST_BOOKMARKS) this.bookmarks.shift();
      const ms = this.looks.timeNear(at.block, at.i);
      this.bookmarks.push({ ref: at, source: at.block.source, ...this.placeOf(at), ms });
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
    if (!Number.isNaN(this.feed.blocks.ord(mark.ref))) return this.goTo(mark.ref);
    const index = this.bookmarks.indexOf(mark);
    this.landed = (opened) => {
      if (opened.to) this.bookmarks[index] = { ...mark, ref: resolve(opened.to) };
    };
    this.jump({ cursor: mark.cursor, skip: mark.skip, under: mark.under });
    return undefined;
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
      ref = blocks.at(this.#nextShown(blocks.ord(this.current), by));
    } else {
      ref = by < 0 ? this.lastVisible : this.firstVisible;
    }
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
    this.draw();
  }

  /** Space: stops; when reading, a page down. */
  space() {
    if (this.following) this.#mode({ type: "stop", now: Date.now() });
    else this.page(1);
  }

  /** @param {number} cells */
  sideways(cells) {
    const { paper } = this;
    paper.scrollSide(cells === -Infinity ? 0 : cells === Infinity ? 1e7 : paper.left + cells * paper.cell);
  }

  /** The first line of the log. */
  first() {
    this.host.moved(true);
    this.#mode({ type: "jump", now: Date.now() });
    const first = this.feed.blocks.at(this.feed.blocks.first);
    if (this.feed.above) this.feed.jump({ start: true });
    else if (first) {
      this.current = null;
      this.reveal(first);
    }
  }

  /** @param {boolean} wrap */
  setWrap(wrap) {
    this.#keep();
    this.looks.set({ wrap });
    this.el.classList.toggle("wrapped", wrap);
    this.paper.scrollSide(0);
    this.dirty();
    this.host.changed();
  }

  /** @param {boolean} raw */
  setRaw(raw) {
    this.#keep();
    this.looks.set({ raw });
    this.dirty();
    this.host.changed();
  }

  /** Opens all groups, or folds them. */
  toggleGroups() {
    this.#keep();
    this.looks.allOpen = !this.looks.allOpen;
    this.looks.open.clear();
    this.looks.again();
    this.dirty();
  }

  /** The size of the type changed. */
  remeasure() {
    this.paper.measure();
    this.looks.again();
    this.dirty();
  }

  focus() {
    this.paper.paper.focus({ preventScroll: true });
  }

  /** The head and the filter of the pane: drawn with the state line. @param {{split: boolean, many: boolean, download: boolean}} offered */
  drawHead(offered) {
    const labels = shortNames(this.shown);
    const { options } = this.looks;
    this.header.set({
      logs: this.shown.map((name, k) => ({
        name, label: labels[k], colour: this.colours.get(name) ?? "s1", rate: this.host.facts(name).rate, hidden: this.hidden.has(name),
      })),
      fact: this.shown.length === 1 ? this.host.facts(this.shown[0]).fact : "",
      raw: options.raw, wrap: options.wrap, time: this.features.has("locate"), ...offered,
    });
    this.#drawFilter();
  }

  #drawFilter() {
    const { searching, stopped, above, blocks } = this.feed;
    const few = this.filtered && above && blocks.lines * this.paper.line < this.paper.height;
    const back = searching && searching.time === searching.time ? ` back to ${dateTime(searching.time, this.host.zone())}` : "";
    this.filterBar.set({
      chips: this.chips, errors: this.chipErrors, count: this.rates.last,
      progress: !stopped && (searching || few) ? `searched${back}, nothing ${blocks.lines ? "more " : ""}yet` : "",
    });
    this.#gutterStyle();
  }

  /** Once a second: how much of what comes is shown. @param {number} all lines a second of these logs */
  tick(all) {
    const shown = this.rates.from;
    this.rates.from = 0;
    this.rates.last = this.filtered && (all || shown) ? `${count(shown)} of ${count(Math.max(all, shown))} lines/s shown` : "";
  }

  /** Facts for the state line, least important first. */
  facts() {
    const { feed, looks } = this;
    const zone = this.host.zone();
    const facts = [];
    const now = Date.now();
    if (this.following) {
      if (this.lastLine) facts.push(["last line", duration(now - this.lastLine), "ago"]);
      if (this.lastLine && now - this.lastLine < 5000) facts.push(["", `${Math.round(this.behind)} ms`, "behind"]);
    } else {
      const ref = this.#hold();
      if (ref) {
        const { block, i } = resolve(ref);
        const info = this.host.info(block.source);
        const file = info?.path?.split("/").pop() || block.source;
        if (block.number !== null) facts.push(["", `${file}:${block.number + i}`, ""]);
        const ms = looks.timeNear(block, i);
        if (ms === ms) facts.push(["", dateTime(ms, zone), ""]);
        const mark = this.bookmarks[this.bookmarks.length - 1];
        if (mark && ms === ms && mark.ms === mark.ms && !same(mark.ref, ref)) {
          facts.push(["", duration(Math.abs(ms - mark.ms)), ms >= mark.ms ? "after the bookmark" : "before the bookmark"]);
        }
        const last = feed.attached ? feed.blocks.at(feed.blocks.end - 1) : null;
        const end = last ? looks.timeNear(last.block, last.i) : NaN;
        if (ms === ms && end - ms >= 1000) facts.push(["", duration(end - ms), "before the end"]);
      }
    }
    facts.push(["in memory", count(feed.blocks.lines), "lines"]);
    if (feed.merged) facts.push(["merged by time,", zone, ""]);
    return facts;
  }

  /** Goes to a part of the lines that are held. @param {number} fraction */
  #jumpLoaded(fraction) {
    const { blocks } = this.feed;
    const ref = blocks.at(Math.min(blocks.end - 1, Math.round(blocks.first + fraction * blocks.rows)));
    if (!ref) return;
    this.#mode({ type: "jump", now: Date.now() });
    this.layout.fix(ref, this.paper.top + this.paper.height * THIRD);
    this.dirty();
  }

  /** Where the pane is in the log, by bytes: from and to of what is visible; null when unknown. @returns {{from: number, to: number} | null} */
  extent() {
    if (this.feed.merged || !this.firstVisible || !this.lastVisible) return null;
    const from = this.byteOf(this.firstVisible);
    const to = this.byteOf(this.lastVisible);
    return from === null || to === null ? null : { from, to };
  }

  /** The byte place of a line, as well as its block tells; null when it does not. @param {Ref} ref */
  byteOf(ref) {
    const { block, i } = resolve(ref);
    if (!block.held || block.at === null) return null;
    if (!this.filtered) return block.at + (block.starts[i] ?? 0);
    // Between the lines of a filter are others: the place is somewhere before the next block.
    const { list } = this.feed.blocks;
    const next = list.slice(list.indexOf(block) + 1).find((one) => one.at !== null);
    const end = next?.at ?? this.map.scale?.bytes ?? block.at;
    return block.at + ((end - block.at) * i) / block.count;
  }

  close() {
    this.closed = true;
    this.finder.stop();
    this.feed.close();
    this.paper.close();
    this.el.remove();
  }
}

/**
 * Names as short as they can be and still differ: the last part, and more of the path where needed.
 * @param {string[]} names
 */
function shortNames(names) {
  const last = names.map((name) => name.slice(name.lastIndexOf("/") + 1) || name);
  return last.map((label, k) => (last.some((other, j) => j !== k && other === label) ? names[k] : label));
}
