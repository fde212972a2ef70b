/**
 * What a pane shows of its logs: from where, under which filter; and how the daemon's answers become
 * what it holds.
 *
 * Going to the end, or to a place, opens a new window; the old one stays until the new has rows.
 *
 * @typedef {import("./protocol.js").Filter} Filter
 * @typedef {import("./pager.js").Place} Place
 */

import { blockOf } from "./block.js";
import { Opening, Pager } from "./pager.js";
import { filterKeys } from "./protocol.js";

/** Lines asked for at the live end when a log is opened, what a large window shows; and where more
 * of it is held above a hole. */
const OPENING = 100;
const BESIDE = 500;

export class Feed extends Pager {
  /** What was shown before the window that is being opened: it comes back when that fails. */
  before = { sources: /** @type {string[]} */ ([]), filter: /** @type {Filter} */ ({}), attached: false };

  /**
   * Shows these sources under this filter, at this place.
   * @param {string[]} sources
   * @param {Filter} filter
   * @param {Place} place
   */
  open(sources, filter, place) {
    for (const source of this.sources) {
      if (!sources.includes(source)) this.host.send({ type: "unsubscribe", source });
    }
    const first = sources.join("\n") !== this.sources.join("\n");
    if (first) this.losses.clear();
    if (!this.opening) this.before = { sources: this.sources, filter: this.filter, attached: this.attached };
    this.sources = sources;
    this.filter = filter;
    // Where the daemon cannot look for a place in each log of a merge, there is only the end.
    const found = !this.merged || this.features.has("locate");
    this.opening = new Opening(found ? place : { end: true }, sources, first, ++this.ids);
    // Going to the end, one keeps what one has been reading.
    this.opening.keeps = "end" in place && this.tears && this.blocks.lines > 0 && this.content === this.subscription();
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
      const { place, first, keeps } = this.opening;
      this.opening = new Opening(place, this.sources, first, ++this.ids);
      this.opening.keeps = keeps;
      this.#ask();
      return;
    }
    this.subscribed = "";
    for (const [source, edge] of this.edges) {
      if (!this.attached) this.subscribe(source, { lines: 0 });
      else this.subscribe(source, edge.bottom === null ? { lines: OPENING } : { cursor: edge.bottom });
    }
    this.wantAside();
  }

  close() {
    for (const source of this.sources) this.host.send({ type: "unsubscribe", source });
    this.sources = [];
    this.blocks.clear();
    this.edges.clear();
    this.requests.clear();
    this.opening = null;
  }

  /** Sends what the opening window needs. */
  #ask() {
    const opening = this.opening;
    if (!opening) return;
    const { place } = opening;
    const counted = this.subscribed === this.subscription();
    if (!("end" in place)) this.detach();
    for (const source of this.sources) {
      // Wherever one reads, what comes at the end is counted.
      if ("end" in place) this.subscribe(source, { lines: this.merged ? 0 : opening.keeps ? BESIDE : OPENING });
      else if ("start" in place && !this.features.has("locate")) this.subscribe(source, { from: "start" });
      else if (!counted) this.subscribe(source, { lines: 0 });
      if ("end" in place || ("start" in place && !this.features.has("locate"))) continue;
      this.#seek(source);
    }
  }

  /** Looks for where the window that is being opened is in one log. @param {string} source */
  #seek(source) {
    const { place, time, owner, id } = /** @type {Opening} */ (this.opening);
    const locates = this.features.has("locate");
    if ("start" in place) {
      this.host.send({ type: "locate", source, fraction: 0, id });
    } else if ("cursor" in place ? source !== owner : owner && source !== owner) {
      // In time beside the line of its log, whose answer may have to tell the time first.
      if (time === time) this.host.send({ type: "locate", source, time, id });
      else if (!owner) this.host.send({ type: "locate", source, fraction: 1, id });
    } else if (!("cursor" in place)) {
      this.host.send({ type: "locate", ...place, source, id });
    } else if (!locates || (!place.skip && !place.link && !filterKeys(place.under ?? {}).records && (!this.merged || time === time))) {
      this.#around(source, place.cursor);
    } else {
      const { cursor, skip = 0, under = this.filter } = place;
      this.host.send({ type: "locate", source, cursor, skip, ...filterKeys(under), id });
    }
  }

  /** Asks for the lines around a cursor. @param {string} source @param {string} cursor */
  #around(source, cursor) {
    if (this.features.has("history.after")) {
      this.page(source, { before: cursor }, 200);
      this.page(source, { after: cursor }, 300);
      return;
    }
    // Without paging forward, everything from there to the end has to come.
    const opening = /** @type {Opening} */ (this.opening);
    opening.nothing(source, cursor, true);
    if (opening.complete) this.#opened();
  }

  /** Takes one message about one of these sources. @param {import("./protocol.js").Head} head @param {string | null} body */
  message(head, body) {
    if (head.type === "subscribed") this.#subscribed(head);
    else if (head.type === "lines") this.lines(head, body);
    else if (head.type === "history") this.#history(head, body);
    else if (head.type === "gap") this.gap(head);
    else if (head.type === "event") this.event(head);
    else if (head.type === "located") this.#located(head);
    else if (head.type === "error") this.#error(head);
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
      if (this.merged) this.page(head.source, { before: head.cursor }, 2 * OPENING);
      else this.#opened();
      return;
    }
    const edge = this.edges.get(head.source);
    if (this.attached && edge && edge.bottom === null) edge.bottom = edge.top = head.cursor;
  }

  /** @param {import("./protocol.js").History} head @param {string | null} body */
  #history(head, body) {
    const request = this.requests.take(head.source, head.id);
    if (!request || request.opening !== this.opening) return;
    const block = blockOf(head, body);
    if (!this.opening) return this.paged(block, request, head);
    this.opening.page(head.source, request.direction, block, head.more);
    if (this.opening.complete) this.#opened();
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
        if (head.time === undefined) this.host.send({ type: "locate", source: other, fraction: 1, id: opening.id });
        else this.#seek(other);
      }
    }
    if (cursor === null) {
      // Beyond the end, or gone: the nearest there is.
      if (oldest) this.#around(source, oldest);
      else this.open(this.sources, this.filter, { end: true });
    } else if (this.merged && source !== owner && oldest && head.time === undefined) {
      // A log without times is before all that have one.
      this.host.send({ type: "locate", source, fraction: 1, id: opening.id });
    } else {
      this.#around(source, cursor);
    }
  }

  /** @param {import("./protocol.js").Failure} head */
  #error(head) {
    if (head.source !== undefined && !this.sources.includes(head.source)) return;
    const { source = "", id, code } = head;
    const request = id === undefined ? undefined : this.requests.take(source, id);
    const { opening } = this;
    if (opening && code === "bad-pattern") {
      this.#restore();
    } else if (opening && source && (request ? request.opening === opening : id === opening.id || id === this.awaited.get(source))) {
      if (this.merged) {
        // A log of a merge of which nothing can be had does not keep the others from being shown.
        opening.nothing(source);
        if (opening.complete) this.#opened();
        return;
      }
      // The place is not kept any more; a log that cannot be subscribed to has no end either.
      if (id !== this.awaited.get(source)) this.open(this.sources, this.filter, { end: true });
    } else if (request?.hole) {
      request.hole.entered.clear();
      if (request.hole.aside) this.torn = null;
      else if (code === "gone") return this.lose(request.hole);
    } else if (request && !request.opening && request.direction === "above" && code === "gone") {
      const edge = this.edges.get(source);
      if (edge) edge.above = false;
    }
    this.host.failed(head.message, head.code);
  }

  /** The new window cannot be had: the old one goes on, exactly where it stopped. */
  #restore() {
    this.opening = null;
    this.awaited.clear();
    Object.assign(this, this.before);
    if (this.sources.length) this.resume();
  }

  /** The new window has all that it asked for. */
  #opened() {
    const opening = /** @type {Opening} */ (this.opening);
    this.requests.clear(); // what is still under way is of the window before
    this.replace(opening);
    this.wantAside();
    if (!opening.subscribed.size && this.allAtEnd) this.attach();
    this.host.changed();
  }
}
