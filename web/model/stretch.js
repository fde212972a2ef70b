/**
 * What is held of the logs of a pane: one window of consecutive lines between two edges.
 *
 * The lower edge is the live end (`attached`), or anywhere in the log. Both edges are cursors, one
 * for each source; beyond them the log can be had again, so that what is dropped costs a request
 * and nothing else. Nothing is asked for here.
 *
 * @typedef {import("./block.js").Block} Block
 * @typedef {import("./block.js").Ref} Ref
 * @typedef {import("./block.js").Rule} Rule
 * @typedef {import("./pager.js").Edge} Edge
 * @typedef {import("./pager.js").Opening} Opening
 * @typedef {import("./pager.js").Place} Place
 * @typedef {{to: Ref | null, place: Place, exact: boolean, first: boolean}} Opened
 *
 * @typedef {object} Host what the pane does when something comes of it
 * @property {(command: object) => boolean} send
 * @property {() => number} eye ordinal that must not be dropped
 * @property {() => number} floor ordinal above which nothing may be put in any more
 * @property {() => boolean} following
 * @property {(block: Block, from: number, t: number) => void} arrived new live lines, from index
 *   `from` of a block (which may have held others before), read at `t`
 * @property {(source: string, lines: number, text: string, live: boolean) => void} counted new
 *   lines that are not held; live: just written
 * @property {(opened: Opened) => void} opened a new window has its rows
 * @property {() => void} changed rows came or went
 * @property {(message: string, code: string) => void} failed
 * @property {(block: Block, i: number) => number} timeOf ms of a line, NaN when it has none
 * @property {() => number} now
 */

import { ruleBlock } from "./block.js";
import { Blocks } from "./blocks.js";
import { Losses } from "./rules.js";
import { Weave } from "./weave.js";

/** While reading, live lines are kept up to this many characters; then they are only counted, and
 * paged in when one reads on. */
const KEEP = 4 << 20;

/** What happened to a file, as a rule in the text. */
const EVENTS = new Set(["rotated", "missing", "returned", "truncated"]);

export class Stretch {
  /** @param {Host} host */
  constructor(host) {
    this.host = host;
    /** @type {string[]} */
    this.sources = [];
    /** @type {import("./protocol.js").Filter} */
    this.filter = {};
    this.blocks = new Blocks();
    /** @type {Map<string, Edge>} */
    this.edges = new Map();
    /** Whether the lower edge is the live end. */
    this.attached = false;
    /** Characters of live lines that came while reading. */
    this.kept = 0;
    /** Live lines beyond the lower edge that were counted, and must not be counted again. */
    this.ahead = 0;
    /** A window that is being opened: it replaces this one. */
    this.opening = /** @type {Opening | null} */ (null);
    this.losses = new Losses();
    this.weave = new Weave(this.blocks, host);
    /** Sources of which nothing is below the window. @type {Set<string>} */
    this.atEnd = new Set();
  }

  get merged() {
    return this.sources.length > 1;
  }

  /** Whether something is shown or hidden by a filter. */
  get filtered() {
    return !!(this.filter.include?.length || this.filter.exclude?.length);
  }

  /** Whether there is more of the log above what is held. */
  get above() {
    for (const edge of this.edges.values()) if (edge.above) return true;
    return false;
  }

  /** Whether there is more below what is held (and not live). */
  get below() {
    return !this.attached && this.edges.size > 0;
  }

  /** Stops keeping live lines; they are counted from here on, and paged in when one reads on. */
  detach() {
    if (!this.attached) return;
    this.attached = false;
    this.ahead = 0;
    this.host.changed();
  }

  /** The lines that came while reading need not be bounded any more. */
  caughtUp() {
    this.kept = 0;
  }

  /** New lines at the live end. @param {Block} block */
  live(block) {
    const edge = this.edges.get(block.source);
    if (!edge) return;
    edge.bottom = block.end;
    edge.top ??= block.start;
    if (block.count) this.#arrive(block);
  }

  /** @param {Block} block */
  #arrive(block) {
    if (this.losses.all.length) this.losses.passed(block, this.host.timeOf(block, 0));
    if (this.merged) {
      const from = Math.min(this.ahead, block.count);
      this.ahead -= from;
      if (from < block.count) this.host.arrived(block, from, block.t);
      this.weave.arrive(block);
    } else {
      const last = this.blocks.list[this.blocks.list.length - 1];
      const before = last?.count ?? 0;
      const end = this.blocks.end;
      this.blocks.append(block);
      const now = this.blocks.list[this.blocks.list.length - 1];
      const from = (now === last ? before : 0) + Math.min(this.ahead, block.count);
      this.ahead = Math.max(0, this.ahead - block.count);
      if (from < now.count) this.host.arrived(now, from, block.t);
      // Lines that were there before may have a gap among them.
      if (!block.t) this.regap(block, end);
    }
    if (this.host.following()) {
      this.kept = 0;
    } else {
      this.kept += block.text.length;
      if (this.kept > KEEP) this.detach();
    }
    this.trim();
    this.host.changed();
  }

  /** A page of the log above. @param {Block} block @param {boolean} more whether there is more before it */
  pageAbove(block, more) {
    const edge = this.edges.get(block.source);
    if (!edge) return;
    edge.top = block.start;
    edge.above = more;
    if (this.merged) this.weave.above(block, this.edges);
    else {
      this.blocks.prepend(block);
      this.regap(block, this.blocks.first);
    }
    if (!this.above) this.#beginning();
  }

  /** A page of the log below. @param {Block} block @param {boolean} more */
  pageBelow(block, more) {
    const edge = this.edges.get(block.source);
    if (!edge) return;
    edge.bottom = block.end;
    if (!more) this.atEnd.add(block.source);
    this.ahead = Math.max(0, this.ahead - block.count);
    if (this.merged) this.weave.below(block, this.edges, this.atEnd);
    else {
      const from = this.blocks.end;
      this.blocks.append(block);
      this.regap(block, from);
    }
  }

  /** Holds the bounds, and moves the edges to where lines were dropped. */
  trim() {
    this.dropped(this.blocks.trim(this.host.eye(), !this.merged));
  }

  /** What the bounds dropped at either edge. @param {{above: Block[], below: Block[]}} blocks */
  dropped({ above, below }) {
    this.weave.dropped(above, this.edges, false);
    this.weave.dropped(below.reverse(), this.edges, true);
    // The rule that says so weighs something too, and may have been all that was dropped.
    if (above.length && !this.above && this.blocks.rows) this.#beginning();
    if (below.length) {
      this.atEnd.clear();
      this.detach();
    }
  }

  /** The first byte that was ever kept has been reached. */
  #beginning() {
    const first = this.blocks.list[0];
    if (!first || first.rule?.kind === "begin") return;
    const rule = { kind: /** @type {const} */ ("begin"), source: this.sources[0], text: "" };
    this.blocks.prepend(ruleBlock(rule, first?.start ?? ""));
  }

  /** A new window has all that was asked for: it replaces this one. @param {Opening} opening */
  replace(opening) {
    this.opening = null;
    this.blocks.clear();
    this.weave.clear();
    this.kept = 0;
    this.edges = new Map(this.sources.map((source) => [source, opening.edge(source)]));
    this.atEnd = opening.atEnd;
    this.attached = opening.subscribed.size > 0;
    if (this.attached) this.ahead = 0;
    const to = this.#fill(opening);
    if (!this.above && this.blocks.rows) this.#beginning();
    this.host.opened({ to, place: opening.place, exact: opening.exact, first: opening.first });
    for (const block of opening.early) this.live(block);
  }

  /**
   * Puts the first pages into the new window. Returns the line that was asked for.
   * @param {Opening} opening
   * @returns {Ref | null}
   */
  #fill(opening) {
    if (this.merged) {
      if (this.attached) for (const source of this.sources) opening.atEnd.add(source);
      return this.weave.open(opening.pages, this.edges, opening.atEnd, { source: opening.owner, time: opening.time });
    }
    const pages = opening.pages.get(this.sources[0]);
    if (pages?.above) this.blocks.prepend(pages.above);
    const from = this.blocks.end;
    if (pages?.below) this.blocks.append(pages.below);
    const to = this.blocks.at(pages?.below?.count ? from : from - 1);
    if (pages?.below) this.regap(pages.below, from);
    if (pages?.above) this.regap(pages.above, this.blocks.first);
    return to;
  }

  /** Whether nothing is below. */
  get allAtEnd() {
    return this.sources.every((one) => this.atEnd.has(one));
  }

  /** @param {import("./protocol.js").Gap} head */
  gap(head) {
    if (!this.sources.includes(head.source)) return;
    const rule = { kind: /** @type {const} */ ("gap"), source: head.source, text: JSON.stringify([head.bytes, head.reason]) };
    this.losses.told(rule, head.t ?? this.host.now());
    this.#rule(rule, head.t);
  }

  /** Puts the gaps back that stand within a page. @param {Block} page @param {number} from ordinal of its first line */
  regap(page, from) {
    if (!this.losses.all.length) return;
    for (const { rule, t, i } of this.losses.within(page, (k) => this.host.timeOf(page, k), this.filtered)) {
      if (this.blocks.list.some((block) => block.rule === rule)) continue;
      const block = ruleBlock(rule, page.start);
      block.t = t;
      this.blocks.insert(from + i, block);
    }
  }

  /** @param {import("./protocol.js").Event} head */
  event(head) {
    const kind = /** @type {Rule["kind"]} */ (head.event);
    if (EVENTS.has(kind)) this.#rule({ kind, source: head.source, text: head.file ?? "" }, head.t);
  }

  /** @param {Rule} rule @param {number} [t] */
  #rule(rule, t) {
    if (!this.sources.includes(rule.source) || !this.attached || this.opening) return;
    const edge = this.edges.get(rule.source);
    const last = this.blocks.list[this.blocks.list.length - 1];
    if (last?.rule && rule.kind !== "gap" && last.rule.kind === rule.kind) return;
    const block = ruleBlock(rule, edge?.bottom ?? "");
    block.t = t ?? this.host.now();
    this.blocks.append(block);
    this.host.changed();
  }
}
