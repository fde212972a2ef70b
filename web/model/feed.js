/**
 * What a pane asks of the daemon, and how the answers become its blocks.
 *
 * A feed holds one window of consecutive lines: with its lower edge at the live end (`attached`),
 * or anywhere in the log. Both edges are cursors, one for each source; beyond them the log is paged
 * with `history`, so that what was dropped, or never loaded, costs a request and nothing else.
 * Going to the end, or to a place, opens a new window; the old one stays until the new has rows.
 *
 * @typedef {import("./protocol.js").Filter} Filter
 * @typedef {import("./protocol.js").Head} Head
 * @typedef {import("./block.js").Ref} Ref
 * @typedef {import("./block.js").Rule} Rule
 * @typedef {{top: string | null, bottom: string | null, above: boolean, topAt: number | null,
 *   bottomAt: number | null}} Edge above: whether there is more before `top`
 * @typedef {{cursor: string, skip?: number, under?: Filter, link?: boolean, source?: string,
 *   time?: number}} Spot skip: lines after the cursor, under the filter `under`, or else under this
 *   feed's; link: whether the line may be gone; source: whose cursor it is, and time: where that is
 *   among the other logs of a merge, ms
 * @typedef {{end: true} | {start: true} | Spot | {time: number} | {fraction: number}
 *   | {number: number}} Place
 * @typedef {{to: Ref | null, place: Place, exact: boolean, first: boolean}} Opened
 *
 * @typedef {object} Host what the pane does when something comes of it
 * @property {(command: object) => boolean} send
 * @property {() => number} eye ordinal that must not be dropped
 * @property {() => number} floor ordinal above which nothing may be put in any more
 * @property {() => boolean} following
 * @property {(block: Block, from: number) => void} arrived new live lines, from index `from` of a
 *   block (which may have held others before)
 * @property {(source: string, lines: number, text: string, live: boolean) => void} counted new
 *   lines that are not held; live: just written
 * @property {(opened: Opened) => void} opened a new window has its rows
 * @property {() => void} changed rows came or went
 * @property {(message: string, code: string) => void} failed
 * @property {(block: Block, i: number) => number} timeOf ms of a line, NaN when it has none
 * @property {() => number} now
 */

import { Block, ruleBlock } from "./block.js";
import { Blocks } from "./blocks.js";
import { Losses } from "./rules.js";
import { filterKeys, lineStarts } from "./protocol.js";
import { Weave } from "./weave.js";

/** Lines asked for at the live end when a log is opened. */
const OPENING = 500;

/** Lines of one page of history. */
const PAGE = 2000;

/** While reading, live lines are kept up to this many characters; then they are only counted, and
 * paged in when one reads on. */
const KEEP = 4 << 20;

export class Feed {
  /**
   * @param {Host} host
   * @param {Set<string>} features what the daemon offers; shared, filled by `hello`
   */
  constructor(host, features) {
    this.host = host;
    this.features = features;
    /** @type {string[]} */
    this.sources = [];
    /** @type {Filter} */
    this.filter = {};
    this.blocks = new Blocks();
    /** @type {Map<string, Edge>} */
    this.edges = new Map();
    /** Whether the lower edge is the live end. */
    this.attached = false;
    /** Characters of live lines that came while reading. */
    this.kept = 0;
    /** A window that is being opened: what it still waits for. */
    this.opening = /** @type {Opening | null} */ (null);
    /** Requests for pages under way, answered in order. @type {Map<string, Request[]>} */
    this.requests = new Map();
    /** Searching in a rare filter: where to, or null. @type {{source: string, time: number} | null} */
    this.searching = null;
    this.stopped = false;
    this.losses = new Losses();
    this.weave = new Weave(this.blocks, host);
    /** Sources of which nothing is below the window. @type {Set<string>} */
    this.atEnd = new Set();
    this.ids = 0;
    /** Subscriptions whose `subscribed` has yet to come: what comes before is of the old one.
     * @type {Map<string, number>} */
    this.awaited = new Map();
    /** What the daemon sends lines of, under which filter. */
    this.subscribed = "";
    /** What was shown before the window that is being opened: it comes back when that fails. */
    this.before = { sources: /** @type {string[]} */ ([]), filter: /** @type {Filter} */ ({}), attached: false };
    /** Live lines beyond the lower edge that were counted, and must not be counted again. */
    this.ahead = 0;
  }

  get merged() {
    return this.sources.length > 1;
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

  /**
   * Shows these sources under this filter, at this place.
   * @param {string[]} sources
   * @param {Filter} filter
   * @param {Place} place
   */
  open(sources, filter, place) {
    for (const source of this.sources) {
      if (!sources.includes(source)) this.#send({ type: "unsubscribe", source });
    }
    const first = sources.join("\n") !== this.sources.join("\n");
    if (first) this.losses.clear();
    if (!this.opening) this.before = { sources: this.sources, filter: this.filter, attached: this.attached };
    this.sources = sources;
    this.filter = filter;
    // Where the daemon cannot look for a place in each log of a merge, there is only the end.
    const found = !this.merged || this.features.has("locate");
    this.opening = new Opening(found ? place : { end: true }, sources, first, ++this.ids);
    this.stopped = false;
    this.#ask();
  }

  /** Goes somewhere else in the same logs. @param {Place} place */
  jump(place) {
    this.open(this.sources, this.filter, place);
  }

  /** A new connection: resumes what was open, exactly where it stopped. */
  resume() {
    this.requests.clear();
    this.searching = null;
    if (this.opening) {
      this.opening = new Opening(this.opening.place, this.sources, this.opening.first, ++this.ids);
      this.#ask();
      return;
    }
    this.subscribed = "";
    for (const [source, edge] of this.edges) {
      if (!this.attached) this.#subscribe(source, { lines: 0 });
      else this.#subscribe(source, edge.bottom === null ? { lines: OPENING } : { cursor: edge.bottom });
    }
  }

  /** Stops keeping live lines; they are counted from here on, and paged in when one reads on. */
  detach() {
    if (!this.attached) return;
    this.attached = false;
    this.ahead = 0;
    this.host.changed();
  }

  /** Stops receiving altogether: nobody looks. `resume` goes on. */
  sleep() {
    for (const source of this.sources) this.#send({ type: "unsubscribe", source });
    this.requests.clear();
    this.awaited.clear();
  }

  /** @param {string} source @param {{lines: number} | {cursor: string} | {from: string}} where */
  #subscribe(source, where) {
    const id = ++this.ids;
    this.awaited.set(source, id);
    this.subscribed = this.#subscription();
    this.#send({ type: "subscribe", source, ...where, id, ...this.#keys() });
  }

  #subscription() {
    return JSON.stringify([this.sources, this.filter]);
  }

  close() {
    for (const source of this.sources) this.#send({ type: "unsubscribe", source });
    this.sources = [];
    this.blocks.clear();
    this.edges.clear();
    this.requests.clear();
    this.opening = null;
  }

  /** The lines that came while reading need not be bounded any more. */
  caughtUp() {
    this.kept = 0;
  }

  /** Asks for the page above, unless one is under way. */
  wantAbove() {
    if (this.opening || this.stopped) return;
    for (const source of this.sources) {
      const edge = this.edges.get(source);
      if (!edge?.above || edge.top === null || this.weave.waits(source)) continue;
      this.#page(source, { before: edge.top }, "above");
    }
  }

  /** Asks for the page below, unless one is under way or the end is live anyway. */
  wantBelow() {
    if (this.opening || this.attached) return;
    for (const source of this.sources) {
      const edge = this.edges.get(source);
      if (!edge || edge.bottom === null || this.atEnd.has(source) || this.weave.waitsBelow(source)) continue;
      if (this.features.has("history.after")) {
        this.#page(source, { after: edge.bottom }, "below");
      } else {
        return this.#attach();
      }
    }
    return undefined;
  }

  /** Ends a search for rare lines; goes on when the user scrolls again after `resumeSearch`. */
  stop() {
    this.stopped = true;
    this.searching = null;
    this.host.changed();
  }

  resumeSearch() {
    this.stopped = false;
  }

  /**
   * @param {string} source
   * @param {{before: string} | {after: string}} where
   * @param {"above" | "below" | "opening"} purpose
   * @param {number} [lines]
   */
  #page(source, where, purpose, lines = PAGE) {
    const queue = this.requests.get(source) ?? [];
    if (purpose !== "opening" && queue.length > 0) return;
    const id = ++this.ids;
    if (!this.#send({ type: "history", source, ...where, lines, id, ...this.#keys() })) return;
    queue.push({ purpose, direction: "before" in where ? "above" : "below", opening: this.opening, id });
    this.requests.set(source, queue);
  }

  #keys() {
    return filterKeys(this.filter);
  }

  /** @param {object} command */
  #send(command) {
    return this.host.send(command);
  }

  /** Sends what the opening window needs. */
  #ask() {
    const opening = this.opening;
    if (!opening) return;
    const { place } = opening;
    const counted = this.subscribed === this.#subscription();
    if (!("end" in place)) this.detach();
    for (const source of this.sources) {
      // Wherever one reads, what comes at the end is counted.
      if ("end" in place) this.#subscribe(source, { lines: this.merged ? 0 : OPENING });
      else if ("start" in place && !this.features.has("locate")) this.#subscribe(source, { from: "start" });
      else if (!counted) this.#subscribe(source, { lines: 0 });
      if ("end" in place || ("start" in place && !this.features.has("locate"))) continue;
      this.#seek(source);
    }
  }

  /** Looks for where the window that is being opened is in one log. @param {string} source */
  #seek(source) {
    const { place, time, owner, id } = /** @type {Opening} */ (this.opening);
    const locates = this.features.has("locate");
    if ("start" in place) {
      this.#send({ type: "locate", source, fraction: 0, id });
    } else if (!("cursor" in place)) {
      this.#send({ type: "locate", source, ...place, id });
    } else if (source !== owner) {
      // In time beside the line of its log, whose answer may have to tell the time first.
      if (time === time) this.#send({ type: "locate", source, time, id });
      else if (!owner) this.#send({ type: "locate", source, fraction: 1, id });
    } else if (!locates || (!place.skip && !place.link && (!this.merged || time === time))) {
      this.#around(source, place.cursor);
    } else {
      const { cursor, skip = 0, under = this.filter } = place;
      this.#send({ type: "locate", source, cursor, skip, ...filterKeys(under), id });
    }
  }

  /** Asks for the lines around a cursor. @param {string} source @param {string} cursor */
  #around(source, cursor) {
    if (this.features.has("history.after")) {
      this.#page(source, { before: cursor }, "opening", 200);
      this.#page(source, { after: cursor }, "opening", 300);
    } else {
      // Without paging forward, everything from there to the end has to come.
      const opening = /** @type {Opening} */ (this.opening);
      opening.page(source, "above", this.#nothing(source, cursor), true);
      opening.page(source, "below", this.#nothing(source, cursor), false);
      if (opening.complete) this.#opened();
    }
  }

  /** A page without lines. @param {string} source @param {string} [cursor] where it is */
  #nothing(source, cursor = this.opening?.edge(source).bottom ?? "") {
    return new Block({ source, text: "", starts: new Uint32Array(0), start: cursor, end: cursor, t: 0, at: null, number: null });
  }

  /**
   * Takes one message about one of these sources.
   * @param {Head} head
   * @param {string | null} body
   */
  message(head, body) {
    switch (head.type) {
      case "subscribed":
        return this.#subscribed(head);
      case "lines":
        return this.#lines(head, body);
      case "history":
        return this.#history(head, body);
      case "gap":
        return this.#gap(head);
      case "event":
        return this.#event(head);
      case "located":
        return this.#located(head);
      case "error":
        return this.#error(head);
    }
    return undefined;
  }

  /** @param {import("./protocol.js").Subscribed} head */
  #subscribed(head) {
    if (!this.sources.includes(head.source)) return;
    const awaited = this.awaited.get(head.source);
    if (head.id !== undefined && awaited !== head.id) return;
    this.awaited.delete(head.source);
    const opening = this.opening;
    if (opening && ("end" in opening.place || "start" in opening.place)) {
      opening.edge(head.source).bottom = head.cursor;
      opening.edge(head.source).top = head.cursor;
      opening.subscribed.add(head.source);
      // Several logs: the last lines of each come as one page, so that they can be put in order.
      if (this.merged) this.#page(head.source, { before: head.cursor }, "opening", OPENING);
      else this.#opened();
      return;
    }
    const edge = this.edges.get(head.source);
    if (this.attached && edge && edge.bottom === null) edge.bottom = edge.top = head.cursor;
  }

  /** @param {import("./protocol.js").Lines} head @param {string | null} body */
  #lines(head, body) {
    const { source } = head;
    // What comes before the new `subscribed` belongs to the subscription before it.
    if (!this.sources.includes(source) || this.awaited.has(source)) return;
    const block = this.#block(head, body);
    if (this.opening?.subscribed.has(source)) {
      this.opening.early.push(block);
    } else if (this.attached && !this.opening) {
      this.#live(block);
    } else if (block.count) {
      this.ahead += block.count;
      this.host.counted(source, block.count, block.text, block.t > 0);
    }
  }

  /** @param {Block} block */
  #live(block) {
    const edge = this.edges.get(block.source);
    if (!edge) return;
    edge.bottom = block.end;
    edge.top ??= block.start;
    edge.bottomAt = block.at === null ? null : block.at + block.text.length + 1;
    if (edge.topAt === null) edge.topAt = block.at;
    if (block.count) this.#arrive(block);
  }

  /** @param {Block} block */
  #arrive(block) {
    this.losses.passed(block, this.host.timeOf(block, 0));
    if (this.merged) {
      const from = Math.min(this.ahead, block.count);
      this.ahead -= from;
      if (from < block.count) this.host.arrived(block, from);
      this.weave.arrive(block);
    } else {
      const last = this.blocks.list[this.blocks.list.length - 1];
      const before = last?.count ?? 0;
      const end = this.blocks.end;
      this.blocks.append(block);
      const now = this.blocks.list[this.blocks.list.length - 1];
      const from = (now === last ? before : 0) + Math.min(this.ahead, block.count);
      this.ahead = Math.max(0, this.ahead - block.count);
      if (from < now.count) this.host.arrived(now, from);
      // Lines that were there before may have a gap among them.
      if (!block.t) this.#losses(block, end);
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

  /** Holds the bounds, and moves the edges to where lines were dropped. */
  trim() {
    const { above, below } = this.blocks.trim(this.host.eye());
    this.weave.droppedAbove(above, this.edges);
    this.weave.droppedBelow(below.reverse(), this.edges);
    // The rule that says so weighs something too, and may have been all that was dropped.
    if (above.length && !this.above && this.blocks.rows) this.#beginning();
    if (below.length) {
      this.atEnd.clear();
      this.detach();
    }
  }

  /**
   * @param {import("./protocol.js").Lines | import("./protocol.js").History} head
   * @param {string | null} body
   */
  #block(head, body) {
    return new Block({
      source: head.source, text: body ?? "", starts: lineStarts(body), start: head.start,
      end: head.end, t: ("t" in head ? head.t : undefined) ?? 0, at: head.at ?? null,
      number: head.number ?? null,
    });
  }

  /** @param {import("./protocol.js").History} head @param {string | null} body */
  #history(head, body) {
    const queue = this.requests.get(head.source);
    if (!queue) return;
    const index = head.id === undefined ? 0 : queue.findIndex((one) => one.id === head.id);
    const [request] = index < 0 ? [] : queue.splice(index, 1);
    if (!request) return;
    const block = this.#block(head, body);
    if (request.purpose === "opening") {
      if (request.opening === this.opening && this.opening) {
        this.opening.page(head.source, request.direction, block, head.more);
        if (this.opening.complete) this.#opened();
      }
      return;
    }
    if (this.opening) return;
    const edge = this.edges.get(head.source);
    if (!edge) return;
    if (request.direction === "above") {
      edge.top = head.start;
      edge.above = head.more;
      if (block.at !== null) edge.topAt = block.at;
      if (this.merged) this.weave.above(block, this.edges);
      else {
        this.blocks.prepend(block);
        this.#losses(block, this.blocks.first);
      }
      this.searching = !block.count && head.more ? { source: head.source, time: head.time ?? NaN } : null;
      if (!this.above) this.#beginning();
    } else {
      edge.bottom = head.end;
      if (!head.more) this.atEnd.add(head.source);
      this.ahead = Math.max(0, this.ahead - block.count);
      if (this.merged) this.weave.below(block, this.edges, this.atEnd);
      else {
        const from = this.blocks.end;
        this.blocks.append(block);
        this.#losses(block, from);
      }
      if (this.#allAtEnd) this.#attach();
    }
    this.trim();
    this.host.changed();
  }

  get #allAtEnd() {
    return this.sources.every((one) => this.atEnd.has(one));
  }

  /** Goes on live from the lower edge. */
  #attach() {
    this.atEnd.clear();
    this.attached = true;
    for (const [source, edge] of this.edges) {
      this.#subscribe(source, edge.bottom === null ? { lines: 0 } : { cursor: edge.bottom });
    }
  }

  /** The first byte that was ever kept has been reached. */
  #beginning() {
    const first = this.blocks.list[0];
    if (!first || first.rule?.kind === "begin") return;
    const rule = { kind: /** @type {const} */ ("begin"), source: this.sources[0], text: "" };
    this.blocks.prepend(ruleBlock(rule, first?.start ?? ""));
  }

  /** @param {import("./protocol.js").Located} head */
  #located(head) {
    const opening = this.opening;
    if (!opening || !this.sources.includes(head.source)) return;
    if (head.id !== undefined && head.id !== opening.id) return;
    const { source, cursor, oldest } = head;
    const { owner } = opening;
    if (cursor === null || head.exact === false) opening.exact = false;
    if (source === owner && opening.time !== opening.time) {
      // Now it is known where this is among the others; without a time, they show their ends.
      opening.time = head.time ?? NaN;
      for (const other of this.sources) {
        if (other === owner) continue;
        if (head.time === undefined) this.#send({ type: "locate", source: other, fraction: 1, id: opening.id });
        else this.#seek(other);
      }
    }
    if (cursor === null) {
      // Beyond the end, or gone: the nearest there is.
      if (oldest) this.#around(source, oldest);
      else this.open(this.sources, this.filter, { end: true });
    } else if (this.merged && source !== owner && oldest && head.time === undefined) {
      // A log without times is before all that have one.
      this.#send({ type: "locate", source, fraction: 1, id: opening.id });
    } else {
      this.#around(source, cursor);
    }
  }

  /** @param {import("./protocol.js").Failure} head */
  #error(head) {
    if (head.source !== undefined && !this.sources.includes(head.source)) return;
    const { source = "", id, code } = head;
    const queue = this.requests.get(source) ?? [];
    const index = id === undefined ? -1 : queue.findIndex((one) => one.id === id);
    const [request] = index < 0 ? [] : queue.splice(index, 1);
    const { opening } = this;
    if (opening && code === "bad-pattern") {
      this.#restore();
    } else if (opening && source && (request ? request.opening === opening : id === opening.id || id === this.awaited.get(source))) {
      if (this.merged) return this.#without(opening, source);
      // The place is not kept any more; a log that cannot be subscribed to has no end either.
      if (id !== this.awaited.get(source)) this.open(this.sources, this.filter, { end: true });
    } else if (request?.purpose === "above" && code === "gone") {
      const edge = this.edges.get(source);
      if (edge) edge.above = false;
    }
    this.host.failed(head.message, head.code);
    return undefined;
  }

  /** A log of a merge of which nothing can be had does not keep the others from being shown. @param {Opening} opening @param {string} source */
  #without(opening, source) {
    for (const direction of /** @type {const} */ (["above", "below"])) {
      if (!opening.pages.get(source)?.[direction]) opening.page(source, direction, this.#nothing(source), false);
    }
    if (opening.complete) this.#opened();
  }

  /** The new window cannot be had: the old one goes on, exactly where it stopped. */
  #restore() {
    this.opening = null;
    this.awaited.clear();
    Object.assign(this, this.before);
    if (this.sources.length) this.resume();
  }

  /** A new window has all that it asked for: it replaces the old one. */
  #opened() {
    const opening = /** @type {Opening} */ (this.opening);
    const live = opening.subscribed.size > 0;
    this.opening = null;
    this.requests.clear(); // what is still under way is of the window before
    this.blocks.clear();
    this.weave.clear();
    this.kept = 0;
    this.edges = new Map(this.sources.map((source) => [source, opening.edge(source)]));
    this.atEnd = opening.atEnd;
    this.attached = live;
    const to = this.#fill(opening);
    if (!this.above && this.blocks.rows) this.#beginning();
    this.host.opened({ to, place: opening.place, exact: opening.exact, first: opening.first });
    for (const block of opening.early) this.#live(block);
    if (!live && this.#allAtEnd) this.#attach();
    this.host.changed();
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
    if (pages?.below) this.#losses(pages.below, from);
    if (pages?.above) this.#losses(pages.above, this.blocks.first);
    return to;
  }

  /** @param {import("./protocol.js").Gap} head */
  #gap(head) {
    if (!this.sources.includes(head.source)) return;
    const rule = { kind: /** @type {const} */ ("gap"), source: head.source, text: JSON.stringify([head.bytes, head.reason]) };
    this.losses.told(rule, head.t ?? this.host.now());
    this.#rule(rule, head.t);
  }

  /** Puts the gaps back that stand within a page. @param {Block} page @param {number} from ordinal of its first line */
  #losses(page, from) {
    if (!this.losses.all.length) return;
    const filtered = !!(this.filter.include?.length || this.filter.exclude?.length);
    for (const { rule, t, i } of this.losses.within(page, (k) => this.host.timeOf(page, k), filtered)) {
      if (this.blocks.list.some((block) => block.rule === rule)) continue;
      const block = ruleBlock(rule, page.start);
      block.t = t;
      this.blocks.insert(from + i, block);
    }
  }

  /** @param {import("./protocol.js").Event} head */
  #event(head) {
    const kind = EVENTS[head.event];
    if (kind) this.#rule({ kind, source: head.source, text: head.file ?? "" }, head.t);
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

/** @typedef {{purpose: "above" | "below" | "opening", direction: "above" | "below",
 *   opening: Opening | null, id: number}} Request */

/** What happened to a file, as a rule in the text. @type {Record<string, Rule["kind"]>} */
const EVENTS = {
  rotated: "rotated",
  missing: "missing",
  returned: "returned",
  truncated: "truncated",
};

/** A window that is being opened. */
class Opening {
  /** @param {Place} place @param {string[]} sources @param {boolean} first @param {number} id */
  constructor(place, sources, first, id) {
    /** Of the commands that opened it: an answer with another id is for an older opening. */
    this.id = id;
    this.place = place;
    this.sources = sources;
    /** Whose line is asked for; "" for none's. */
    this.owner = "cursor" in place ? (place.source ?? sources[0]) : "";
    if (!sources.includes(this.owner)) this.owner = "";
    /** Where that is in time, for the other logs, ms; NaN as long as nobody knows. */
    this.time = ("time" in place ? place.time : undefined) ?? NaN;
    /** Whether the logs are others than before. */
    this.first = first;
    this.exact = true;
    /** @type {Set<string>} */
    this.subscribed = new Set();
    /** @type {Block[]} */
    this.early = [];
    /** @type {Map<string, Edge>} */
    this.edges = new Map();
    /** @type {Map<string, {above?: Block, below?: Block}>} */
    this.pages = new Map();
    /** @type {Set<string>} */
    this.atEnd = new Set();
  }

  /** @param {string} source @returns {Edge} */
  edge(source) {
    let edge = this.edges.get(source);
    if (!edge) {
      edge = { top: null, bottom: null, above: true, topAt: null, bottomAt: null };
      this.edges.set(source, edge);
    }
    return edge;
  }

  /**
   * @param {string} source
   * @param {"above" | "below"} direction
   * @param {Block} block
   * @param {boolean} more
   */
  page(source, direction, block, more) {
    const edge = this.edge(source);
    const pages = this.pages.get(source) ?? {};
    this.pages.set(source, pages);
    pages[direction] = block;
    if (direction === "above") {
      edge.top = block.start;
      edge.topAt = block.at;
      edge.above = more;
    } else {
      edge.bottom = block.end || null;
      if (!more) this.atEnd.add(source);
    }
  }

  get complete() {
    return this.sources.every((source) => {
      const pages = this.pages.get(source);
      return pages?.above && ("end" in this.place || pages.below);
    });
  }
}
