/**
 * What a pane asks of the daemon for the logs that it shows: what comes live, pages of what is beyond
 * the edges of what is held or in a hole of it, and a window that is being opened somewhere else.
 *
 * @typedef {import("./block.js").Block} Block
 * @typedef {import("./protocol.js").Filter} Filter
 * @typedef {{top: string | null, bottom: string | null, above: boolean}} Edge above: whether there is
 *   more before `top`
 * @typedef {{cursor: string, skip?: number, under?: Filter, link?: boolean, source?: string,
 *   time?: number}} Spot skip: lines after the cursor, under the filter `under`, or else under this
 *   feed's; link: whether the line may be gone; source: whose cursor it is, and time: where that is
 *   among the other logs of a merge, ms
 * @typedef {{end: true, upper?: boolean} | {start: true} | Spot | {time: number} | {fraction: number, source?: string}
 *   | {number: number}} Place fraction: of the bytes of a log, `source`; the others of a merge are shown
 *   where it is in time; upper: one comes from above the hole, if there is one
 * @typedef {{before?: string, after?: string, until?: string}} Where cursors
 * @typedef {{direction: "above" | "below", opening: Opening | null, id: number, hole?: import("./hole.js").Hole,
 *   where: Where}} Request for a page, of an opening, of a hole or of what is held
 */

import { blockOf, emptyBlock } from "./block.js";
import { filterKeys } from "./protocol.js";
import { Windows } from "./windows.js";

export class Opening {
  /** @param {Place} place @param {string[]} sources @param {boolean} first @param {number} id */
  constructor(place, sources, first, id) {
    /** Of the commands that opened it: an answer with another id is for an older opening. */
    this.id = id;
    this.place = place;
    this.sources = sources;
    /** Whose line is asked for; "" for none's. */
    this.owner = "cursor" in place || "fraction" in place ? (place.source ?? sources[0]) : "";
    if (!sources.includes(this.owner)) this.owner = "";
    /** Where that is in time, for the other logs, ms; NaN as long as nobody knows. */
    this.time = ("time" in place ? place.time : undefined) ?? NaN;
    /** Whether the logs are others than before. */
    this.first = first;
    this.exact = true;
    /** Whether the window in which one reads stays, above it. */
    this.keeps = false;
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
      edge = { top: null, bottom: null, above: true };
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

  /** Nothing can be had of a log, or nothing has to be asked for. @param {string} source @param {string} [cursor] where it is @param {boolean} [more] before it */
  nothing(source, cursor = this.edge(source).bottom ?? "", more = false) {
    for (const direction of /** @type {const} */ (["above", "below"])) {
      if (!this.pages.get(source)?.[direction]) this.page(source, direction, emptyBlock(source, cursor), more && direction === "above");
    }
  }
}

/** Requests for pages under way: those of one log are answered in order. */
export class Requests {
  /** @type {Map<string, Request[]>} */
  #all = new Map();

  clear() {
    this.#all.clear();
  }

  /** Whether one is under way. @param {string} source */
  busy(source) {
    return (this.#all.get(source)?.length ?? 0) > 0;
  }

  /** @param {string} source @param {Request} request */
  add(source, request) {
    this.#all.set(source, [...(this.#all.get(source) ?? []), request]);
  }

  /** The request that an answer is for; of a daemon that repeats no ids, the first. @param {string} source @param {number} [id] */
  take(source, id) {
    const queue = this.#all.get(source) ?? [];
    const index = id === undefined ? 0 : queue.findIndex((one) => one.id === id);
    return index < 0 ? undefined : queue.splice(index, 1)[0];
  }
}

/** Lines of one page of history, and of the one that tells how much is between two windows. */
const PAGE = 2000;
const NEXT = 200;

export class Pager extends Windows {
  /**
   * @param {import("./stretch.js").Host} host
   * @param {Set<string>} features what the daemon offers; shared, filled by `hello`
   */
  constructor(host, features) {
    super(host);
    this.features = features;
    this.requests = new Requests();
    /** Searching in a rare filter: where to, or null. @type {{source: string, time: number} | null} */
    this.searching = null;
    this.stopped = false;
    this.ids = 0;
    /** Subscriptions whose `subscribed` has yet to come: what comes before is of the old one.
     * @type {Map<string, number>} */
    this.awaited = new Map();
    /** What the daemon sends lines of, under which filter. */
    this.subscribed = "";
  }

  /** @param {string} source @param {{lines: number} | {cursor: string} | {from: string}} where */
  subscribe(source, where) {
    const id = ++this.ids;
    this.awaited.set(source, id);
    this.subscribed = this.subscription();
    this.host.send({ type: "subscribe", source, ...where, id, ...filterKeys(this.filter) });
  }

  /** Stops receiving altogether: nobody looks. `resume` goes on. */
  sleep() {
    for (const source of this.sources) this.host.send({ type: "unsubscribe", source });
    this.requests.clear();
    this.awaited.clear();
  }

  /** Asks for the page above, unless one is under way. */
  wantAbove() {
    if (this.opening || this.stopped) return;
    for (const source of this.sources) {
      const edge = this.edges.get(source);
      if (!edge?.above || edge.top === null || this.weave.waits(source, false)) continue;
      this.page(source, { before: edge.top });
    }
  }

  /** Asks for the page below, unless one is under way or the end is live anyway. */
  wantBelow() {
    if (this.opening || this.attached) return;
    for (const source of this.sources) {
      const edge = this.edges.get(source);
      if (!edge || edge.bottom === null || this.atEnd.has(source) || this.weave.waits(source, true)) continue;
      if (!this.features.has("history.after")) return this.attach();
      this.page(source, { after: edge.bottom });
    }
    return undefined;
  }

  /** Asks for a page of the hole, from one of its sides. @param {import("./hole.js").Direction} direction */
  wantHole(direction) {
    const { hole } = this;
    if (!hole || this.opening || this.stopped) return;
    this.page(hole.source, hole.place(direction), PAGE, hole);
  }

  /** Asks how much is between the window that was put aside and this one. */
  wantAside() {
    const { torn } = this;
    const until = torn?.aside && this.edges.get(torn.source)?.top;
    if (torn && until) this.page(torn.source, { after: torn.start, until }, NEXT, torn);
  }

  /** Whether a hole can be loaded from both sides. Each log of a merge would have its own, at another time: there is none. */
  get tears() {
    return !this.merged && this.features.has("history.until");
  }

  /** @param {import("./protocol.js").Gap} head @override */
  gap(head) {
    const { source, reason, start, end, bytes } = head;
    if (reason !== "lagging" || !start || !end || !this.tears) super.gap(head);
    else if (this.sources.includes(source)) this.tear(source, start, end, bytes);
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

  /** @param {string} source @param {Where} where @param {number} [lines] @param {import("./hole.js").Hole} [hole] */
  page(source, where, lines = PAGE, hole) {
    if (!this.opening && this.requests.busy(source)) return;
    const id = ++this.ids;
    if (!this.host.send({ type: "history", source, ...where, lines, id, ...filterKeys(this.filter) })) return;
    this.requests.add(source, { direction: where.before ? "above" : "below", opening: this.opening, id, hole, where });
  }

  /** A page of what is held. @param {import("./block.js").Block} block @param {Request} request @param {import("./protocol.js").History} head */
  paged(block, request, head) {
    const { direction, hole, where } = request;
    if (!this.edges.has(head.source)) return;
    if (hole?.aside) {
      if (hole === this.torn) this.join(hole, block, where.until ?? "", head);
    } else if (hole) {
      this.fill(block, request, head);
    } else if (direction === "above") {
      this.pageAbove(block, head.more);
    } else {
      this.pageBelow(block, head.more);
      if (this.allAtEnd) this.attach();
    }
    if (direction === "above") {
      this.searching = !block.count && head.more ? { source: head.source, time: head.time ?? NaN } : null;
    }
    this.trim();
    this.host.changed();
  }

  /** Goes on live from the lower edge. */
  attach() {
    this.atEnd.clear();
    this.attached = true;
    for (const [source, edge] of this.edges) {
      this.subscribe(source, edge.bottom === null ? { lines: 0 } : { cursor: edge.bottom });
    }
  }

  /** @param {import("./protocol.js").Lines} head @param {string | null} body */
  lines(head, body) {
    const { source } = head;
    // What comes before the new `subscribed` belongs to the subscription before it.
    if (!this.sources.includes(source) || this.awaited.has(source)) return;
    const block = blockOf(head, body);
    if (this.opening?.subscribed.has(source)) {
      this.opening.early.push(block);
    } else if (this.attached && !this.opening) {
      this.live(block);
    } else if (block.count) {
      this.ahead += block.count;
      this.host.counted(source, block.count, block.text, block.t > 0);
    }
  }
}
