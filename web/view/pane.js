/**
 * A pane: which logs are shown, under which filter, from where; with its head, its bars and its map.
 *
 * It puts together the feed (what is held), the view of it, and what one does with a line.
 *
 * @typedef {import("../model/block.js").Ref} Ref
 * @typedef {import("../model/block.js").Block} Block
 * @typedef {import("../model/pager.js").Place} Place
 * @typedef {import("../model/stretch.js").Opened} Opened
 * @typedef {import("../model/filters.js").Chip} Chip
 *
 * @typedef {object} LogHost what it asks of the page beside what a reader does
 * @property {(lines: number, errors: number, text: string) => void} news new lines came
 * @property {() => string} zone
 * @property {(source: string) => {rate: string, fact: string}} facts of a source
 * @property {(source: string) => string} colour of a source, the same wherever it is shown
 * @property {(source: string) => import("../model/protocol.js").SourceInfo | undefined} info
 *
 * @typedef {import("./viewport.js").ViewHost & import("./reader.js").LineHost & LogHost} PaneHost
 */

import { resolve, ruleBlock } from "../model/block.js";
import { detectFormat } from "../model/fields.js";
import { filterOf, marksOf } from "../model/filters.js";
import { parseGoTo } from "../model/goto.js";
import { END, THIRD } from "../model/layout.js";
import { countLevels } from "../model/levels.js";
import { shortNames } from "../model/sources.js";
import { clock, clockShort, dateTime } from "../model/words.js";
import { fill, h, show } from "./dom.js";
import { FilterBar, Header, Tally } from "./head.js";
import { Finder } from "./finder.js";
import { LogMap } from "./map.js";
import { Reader } from "./reader.js";
import { factsOf, noticeOf } from "./status.js";
import { TimeBox } from "./bars.js";

/** A new window may be empty for this long before the old rows go, ms. */
const PATIENCE = 150;
/** Errors and warnings that are counted in a frame while one follows. */
const SUSPECTS = 20;
/** Lines that are held at least while one follows, where the log has as many. */
const HELD = 2000;
/** What comes so soon after one is back came while one was away, ms. */
const AWAITED = 20_000;
/** Lines of a log that is read to its beginning at once. */
const SHORT = 2000;
/** Lines that decide on the format of a log. */
const SAMPLE = 200;

/** @extends {Reader<PaneHost>} */
export class Pane extends Reader {
  /**
   * @param {PaneHost} host
   * @param {Set<string>} features
   */
  constructor(host, features) {
    super(host, features);
    this.looks.marks = (line) => this.marksIn(line);
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
      at: (ref) => this.byteOf(ref),
      mapped: () => this.mapped(),
      unfilter: () => this.toggleFilters(),
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
      tie: () => host.act("tie"),
      download: () => host.act("download"),
      link: () => host.act("link"),
      close: () => host.act("closePane"),
      menu: (at, items) => host.menu(at, items),
    });
    this.notice = h("div", { class: "notice", hidden: true });
    this.map = new LogMap({
      send: (command) => host.send(command),
      id: () => ++this.feed.ids,
      jump: (fraction, release) => this.jump({ fraction, source: this.map.source }, release),
      jumpLoaded: (fraction) => this.jumpLoaded(fraction),
      page: (pages) => (Math.abs(pages) < 1 ? this.step(Math.sign(pages)) : this.page(pages)),
      zone: () => host.zone(),
    }, features);
    this.body = h("div", { class: "pane-body" }, this.paper.el, this.map.el, this.notice);
    this.el = h("section", { class: "pane", "aria-label": "log" },
      this.header.el, this.filterBar.el, this.body, this.handles.el);

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
    /** Where on the screen the target of the next opening goes, px. @type {number | null} */
    this.landing = null;
    this.lastLine = 0;
    /** The filter of what was opened last. */
    this.under = "";
    this.failure = "";
    this.failureCode = "";
    /** Lines that were looked at to find the format. */
    this.detected = 0;
    /** Lines that were unseen when the log was opened. */
    this.unseen = 0;
    this.unseenSince = 0;
    /** Errors and warnings that were counted since the last frame. */
    this.suspects = 0;
    /** Until when lines may still be on their way that came unseen, ms. */
    this.awaited = 0;
    /** The last line that was there when nobody looked any more. @type {Ref | null} */
    this.leftAt = null;
    this.tally = new Tally(this);
    this.behindBytes = 0;
  }

  /** @override */
  prepare() {
    super.prepare();
    if (this.detected < SAMPLE) this.detect();
    if (this.unseen) this.markUnseen();
  }

  /** @override */
  drawn() {
    super.drawn();
    this.suspects = 0;
    this.tellNotice();
    this.placeHandles();
    const { first, end } = this.feed.blocks;
    // Not before the lines are there: to look over a log takes the daemon longer.
    const mapped = this.mapped();
    if (mapped !== this.map.source && !this.feed.opening) this.map.open(mapped);
    this.map.set(this.extent(), { from: this.eye - first, to: this.lastOrd + 1 - first, of: Math.max(1, end - first) });
    const marks = this.bookmarks.filter((mark) => mark.source === mapped);
    this.map.setTicks(this.finder.ats(), marks.map((mark) => (mark.ref && this.byteOf(mark.ref)) ?? NaN));
  }

  /** @override */
  get marksCurrent() {
    return this.finder.active;
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
    this.nameLogs();
    this.picked.clear();
    this.turn({ type: "end" in place ? "end" : "jump", now: Date.now() });
    this.openAt(place);
  }

  /** Colours and names of the logs. */
  nameLogs() {
    const labels = shortNames(this.shown);
    const merged = this.shown.length > 1;
    for (const el of [this.paper.el, this.paper.paper]) el.setAttribute("aria-label", this.shown.join(", ") || "log");
    this.colours = new Map(this.shown.map((name) => [name, this.host.colour(name)]));
    const names = new Map(this.shown.map((name, k) => [name, { name: labels[k], colour: this.colours.get(name) ?? "s1" }]));
    this.nameWidth = Math.min(24, Math.max(4, ...labels.map((label) => label.length)));
    this.looks.set({ names: merged ? names : null });
    this.el.classList.toggle("merged", merged);
    this.styleGutter();
  }

  /** Opens what the logs, their visibility and the chips say. @param {Place} place */
  openAt(place) {
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
    this.openAgain();
    this.host.moved(false);
  }

  /** Opens the same place anew, after the filter or the logs changed. */
  openAgain() {
    const hold = this.following ? null : this.held();
    if (!hold) return this.openAt({ end: true });
    this.landing = this.layout.yOf(hold) - this.paper.top;
    return this.openAt(this.placeOf(hold));
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
    if (JSON.stringify(filterOf(chips)) !== before && this.shown.length) this.openAgain();
    this.drawFilter();
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

  /** This line among its neighbours, without filters. @override */
  context() {
    const ref = this.current ?? this.firstVisible;
    if (!this.filtered || !ref) return;
    this.up();
    this.select(ref);
    this.setChips(this.chips.map((chip) => (chip.kind === "mark" ? chip : { ...chip, on: false })), true);
  }

  /** @override */
  get markers() {
    return [this.finder.matcher, this.chipMarks];
  }

  /** What is marked in a line. @param {string} line */
  marksIn(line) {
    const chips = this.chipMarks.find(line);
    return this.finder.active ? [...this.finder.marks(line, this.currentText !== null && line === this.currentText), ...chips] : chips;
  }


  /** @override @param {import("../model/block.js").Ref | null} ref */
  select(ref) {
    super.select(ref);
    if (this.finder.bar.open) this.finder.draw();
  }

  /** Goes to a place in the same logs. @param {Place} place @param {boolean} [push] @override */
  jump(place, push = true) {
    if ("end" in place) return void this.toEnd();
    if (push) this.host.moved(true);
    this.turn({ type: "jump", now: Date.now() });
    this.feed.jump(place);
    this.host.changed();
    return undefined;
  }

  /** Shows the first line of a time or behind it at the top, as another pane does. @param {number} ms */
  toTime(ms) {
    const { blocks, above, attached } = this.feed;
    let low = blocks.first;
    for (let high = blocks.end; low < high;) {
      const middle = (low + high) >> 1;
      const at = blocks.at(middle);
      if (at && this.looks.timeNear(at.block, at.i) < ms) low = middle + 1;
      else high = middle;
    }
    const ref = blocks.at(low);
    if (!ref && attached) return this.toEnd();
    if (!ref || (low === blocks.first && above) || blocks.holed(low - 2, low + 1)) {
      this.landing = 0;
      return this.jump({ time: ms }, false);
    }
    this.turn({ type: "jump", now: Date.now() });
    this.select(null);
    this.layout.fix(ref, this.paper.top);
    return this.dirty();
  }

  /** @param {number} ms */
  goToTime(ms) {
    const zone = this.host.zone();
    this.landed = (/** @type {Opened} */ opened) => {
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

  /** Goes to the end and follows. @override */
  toEnd() {
    const upper = !this.brink.below;
    if (!this.feed.attached && !this.following) this.host.moved(true); // one can go back to what one read
    this.turn({ type: "end", now: Date.now() });
    this.select(null);
    this.brink.leave();
    this.feed.caughtUp();
    if (!this.feed.attached) this.feed.jump({ end: true, upper });
    else this.feed.trim();
    this.host.moved(false);
    this.dirty();
  }

  /**
   * @param {import("../model/protocol.js").Head} head
   * @param {string | null} body
   */
  message(head, body) {
    if (head.type === "found") this.finder.found(head);
    else if (head.type === "behind") this.behindBytes = head.bytes;
    else if (head.type === "outline" && (this.tally.outline(head) || this.finder.outline(head))) return;
    else if (head.type === "extent" || head.type === "outline") this.map.message(head);
    else if (head.type === "located" && (this.map.message(head) || this.finder.located(head))) return;
    else if (head.type === "error" && this.finder.failed(head.message, head.id)) return;
    else this.feed.message(head, body);
  }

  /** @param {Block} block @param {number} from @param {number} t @override */
  arrived(block, from, t) {
    const lines = block.count - from;
    const text = from ? block.text.slice(block.starts[from]) : block.text;
    this.waits(t);
    this.counted(lines, text, t > 0);
    this.finder.live(text);
  }

  /** @param {number} lines @param {string} text @param {boolean} live just written, not there before @override */
  counted(lines, text, live) {
    if (!live && this.following) return; // of what was there before, nobody counts the errors
    // While one follows, these counts only give an idea: no more is looked at than a frame bears.
    const most = this.following && !document.hidden ? SUSPECTS - this.suspects : Infinity;
    const { errors, warnings } = countLevels(text, most);
    this.suspects += errors + warnings;
    this.turn({ type: "arrived", lines, errors });
    this.flows();
    if (!live) return;
    this.lastLine = Date.now();
    this.tally.came += lines;
    this.host.news(lines, errors, text);
  }

  /** @param {Opened} opened @override */
  opened(opened) {
    const { layout, paper } = this;
    this.widest = this.newestT = 0;
    this.tally.seconds = [];
    this.failure = this.failureCode = "";
    this.looks.expanded.clear();
    this.expansions = new WeakMap();
    this.looks.open.clear();
    this.looks.again();
    if (opened.first) {
      this.lastLine = this.behindBytes = 0;
      this.digits = 4;
      this.detected = 0;
      this.bookmarks = this.toCome;
      this.toCome = [];
      this.styleGutter();
    }
    this.detect();
    if ("end" in opened.place) {
      this.turn({ type: "end", now: Date.now() });
      this.select(null);
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
    const under = JSON.stringify(this.feed.filter);
    if (opened.first || under !== this.under) this.finder.again();
    this.under = under;
    this.host.changed();
  }

  /** Finds out what the lines are: JSON, logfmt, an access log. */
  detect() {
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

  /** @param {string} message @param {string} code @override */
  failed(message, code) {
    if (code === "bad-pattern") {
      const bad = this.chips.findLast((chip) => chip.on && chip.kind !== "mark" && (chip.form === "regex" || chip.form === "where"));
      if (bad) this.chipErrors.set(bad, message);
      else this.host.toast(message);
      this.drawFilter();
      return;
    }
    if (this.feed.opening?.first) {
      // What is on the screen is of other logs.
      this.feed.blocks.clear();
      this.map.open("");
    }
    if (this.feed.blocks.rows) this.host.toast(message);
    else {
      this.failure = message;
      this.failureCode = code;
    }
    this.dirty();
    this.host.changed();
  }

  /** What is said in place of lines. */
  tellNotice() {
    const parts = noticeOf(this);
    const key = parts.map((part) => (part instanceof Node ? part.textContent : part)).join("|");
    if (key === this.noticeKey) return;
    this.noticeKey = key;
    show(this.notice, parts.length > 0);
    fill(this.notice, ...parts);
  }

  noticeKey = "";

  /**
   * Somebody looks again.
   * @param {number} missed lines that came meanwhile, as far as they were counted
   * @param {number} since when nobody looked any more, ms
   * @param {boolean} asleep whether lines were not received, so that some may be on their way that
   *   nobody has counted yet
   */
  back(missed, since, asleep) {
    const { blocks } = this.feed;
    const held = this.leftAt ? blocks.end - 1 - blocks.ord(this.leftAt) : 0;
    this.unseen = this.following ? Math.max(missed, held, asleep ? 1 : 0) : 0;
    this.unseenSince = since;
    this.awaited = Date.now() + AWAITED;
    if (!this.unseen) this.leftAt = null;
  }

  /** Puts the rule "New since" before the lines that came unseen. */
  markUnseen() {
    const { blocks } = this.feed;
    if (this.feed.opening || this.feed.torn?.aside || !blocks.lines) return;
    const left = this.leftAt ? blocks.ord(this.leftAt) + 1 : blocks.end - this.unseen;
    if (this.leftAt && left >= blocks.end && Date.now() < this.awaited) return; // they are on their way
    const at = blocks.at(left);
    const wanted = this.following && !this.filtered && at && left > blocks.first;
    this.unseen = 0;
    this.leftAt = null;
    if (!wanted) return;
    const text = `New since ${clockShort(this.unseenSince, this.host.zone())}`;
    blocks.insert(left, ruleBlock({ kind: "since", source: at.block.source, text }, at.block.start));
  }

  /** @param {"show" | "hide" | "mark"} kind @param {string} text @override */
  addChip(kind, text) {
    this.setChips([...this.chips, { kind, form: "text", text, caseRule: "match", word: false, on: true }], true);
  }

  /** Goes to the first error among the lines that came since reading began. */
  firstNewError() {
    const { blocks, attached } = this.feed;
    if (!attached) return this.toEnd();
    const from = blocks.at(Math.max(blocks.first, blocks.end - this.mode.lines));
    if (from) this.finder.level("error", true, blocks.ord(from) - 1);
    return undefined;
  }

  /** The first line of the log. */
  first() {
    this.host.moved(true);
    this.turn({ type: "jump", now: Date.now() });
    const first = this.feed.blocks.at(this.feed.blocks.first);
    if (this.feed.above) this.feed.jump({ start: true });
    else if (first) {
      this.current = null;
      this.reveal(first);
    }
  }

  /** The head and the filter of the pane: drawn with the state line. @param {{split: boolean, many: boolean, tied: boolean, download: boolean}} offered */
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
    this.drawFilter();
  }

  drawFilter() {
    const { searching, stopped, above, blocks } = this.feed;
    const few = this.filtered && above && blocks.lines * this.paper.line < this.paper.height;
    const back = searching && searching.time === searching.time ? ` back to ${dateTime(searching.time, this.host.zone())}` : "";
    this.filterBar.set({
      chips: this.chips, errors: this.chipErrors, count: this.tally.words(),
      progress: !stopped && (searching || few) ? `searched${back}, nothing ${blocks.lines ? "more " : ""}yet` : "",
    });
    this.styleGutter();
  }

  /** Once a second: how much of what comes is shown. @param {number} all lines a second of these logs */
  tick(all) {
    // What is short is held as a whole: then it is known how much a filter shows of it.
    if (this.whole && this.whole < SHORT) {
      this.feed.wantAbove();
      this.feed.wantHole("above");
    }
    this.tally.tick(all);
    // Opened with little, so that it is there at once; now what one may scroll to, or the whole of a small log.
    const { blocks, above, opening, hole } = this.feed;
    if (this.following && !this.filtered && above && !opening && !hole && blocks.lines < HELD) this.feed.wantAbove();
  }

  /** Facts for the state line. */
  facts() {
    return factsOf(this);
  }

  close() {
    this.closed = true;
    this.finder.stop();
    this.feed.close();
    this.paper.close();
    this.el.remove();
  }

  /** The log that the map shows: of several the largest, beside which the others are in time. */
  mapped() {
    const { sources } = this.feed;
    if (sources.length < 2) return sources[0] ?? "";
    if (!this.features.has("locate") || sources.includes(this.map.source)) return this.map.source;
    const size = (/** @type {string} */ name) => this.host.info(name)?.size ?? 0;
    return sources.reduce((most, name) => (size(name) > size(most) ? name : most));
  }

  /** Lines of the whole log, as far as the map tells them. */
  get whole() {
    return this.feed.merged ? 0 : this.map.lines;
  }

  /** Where the pane is in the log of the map, by bytes: from and to of what is visible; null when unknown. @returns {{from: number, to: number} | null} */
  extent() {
    const [from, to] = [this.firstVisible, this.lastVisible].map((ref) => this.#near(ref));
    if (from === null || to === null) return null;
    // Who follows sees the end, however large the log is said to be by now.
    const more = this.following ? (this.map.scale?.bytes ?? to) - to : 0;
    return { from: from + more, to: to + more };
  }

  /** The byte place of a line; of another log's, that of the nearest line above it. @param {Ref | null} ref */
  #near(ref) {
    const { list } = this.feed.blocks;
    const at = ref && resolve(ref);
    if (!at?.block.held || at.block.source === this.map.source) return at && this.byteOf(at);
    const k = this.feed.blocks.indexOf(at.block.base);
    const its = (/** @type {Block} */ block) => block.source === this.map.source && !block.rule;
    const above = list.findLast((block, at) => at < k && its(block));
    const block = above ?? list.find(its);
    return block ? this.byteOf({ block, i: above ? block.count - 1 : 0 }) : null;
  }

  /** The byte place of a line, as well as its block tells; null when it does not. @param {Ref} ref */
  byteOf(ref) {
    const { block, i } = resolve(ref);
    if (!block.held || block.at === null) return null;
    if (!this.filtered) return block.at + (block.starts[i] ?? 0);
    // Between the lines of a filter are others: the place is somewhere before the next block.
    const { list } = this.feed.blocks;
    const next = list.slice(list.indexOf(block) + 1).find((one) => (one.at !== null && one.source === block.source) || one.rule?.kind === "hole");
    const end = next?.rule?.kind === "hole" ? block.at : next?.at ?? this.map.scale?.bytes ?? block.at;
    return block.at + ((end - block.at) * i) / block.count;
  }

  /** Goes to a part of the lines that are held. @param {number} fraction */
  jumpLoaded(fraction) {
    const { blocks } = this.feed;
    const ref = blocks.at(Math.min(blocks.end - 1, Math.round(blocks.first + fraction * blocks.rows)));
    if (!ref) return;
    this.turn({ type: "jump", now: Date.now() });
    this.layout.fix(ref, this.paper.top + this.paper.height * THIRD);
    this.dirty();
  }
}
