/**
 * Finding in one pane: hits in view at once, the next one wherever it is, and the count of all.
 *
 * The next hit is looked for in the lines that are held, then by the daemon from their edge on; so
 * `n`, `e` and `w` reach any line of the log. The count and the ticks of the map come from a search
 * of the whole log that runs beside it.
 *
 * @typedef {import("./bars.js").Query} Query
 * @typedef {import("../model/protocol.js").Term} Term
 * @typedef {import("../model/block.js").Ref} Ref
 * @typedef {import("../model/runs.js").Mark} Mark
 * @typedef {{source: string, cursor: string, skip: number, time: number}} Hit time: NaN where it is not known
 * @typedef {{what: string, down: boolean, wrapped: boolean, term: string | Term, matches: (line: string) => boolean,
 *   open: Map<number, Hit | null>, hits: Hit[]}} Seeking open: questions without an answer, and of which hit
 *
 * @typedef {object} FinderHost
 * @property {() => import("../model/feed.js").Feed} feed
 * @property {() => Ref | null} current the line from which one goes on
 * @property {(ref: Ref) => void} go to a line that is held
 * @property {(place: {cursor: string, skip: number, source: string}) => void} jump
 * @property {() => void} changed the marks are others
 * @property {(text: string) => void} say
 * @property {() => boolean} filtered
 * @property {(ref: Ref) => number | null} at byte place of a line
 * @property {() => string} mapped the log that the map shows
 * @property {() => void} unfilter shows the hidden lines
 * @property {(bar: HTMLElement) => void} mount
 */

import { compile, toRe2 } from "../model/find.js";
import { Finding, Terms } from "../model/finding.js";
import { levelOf } from "../model/levels.js";
import { filterKeys } from "../model/protocol.js";
import { plural } from "../model/words.js";
import { FindBar } from "./bars.js";

/** The daemon is asked when the typing pauses for this long, ms. */
const PAUSE = 200;
/** Hits that are kept for the map. */
const LIMIT = 20_000;
/** Parts of the log of which it is asked whether hits are in them. */
const BUCKETS = 400;

/** The last terms of all panes, in memory only. */
const terms = new Terms();

export class Finder {
  /** @param {FinderHost} host @param {Set<string>} features */
  constructor(host, features) {
    this.host = host;
    this.features = features;
    this.bar = new FindBar({
      query: (query) => this.query(query),
      next: (down) => this.next(down),
      stop: () => this.stop(),
      close: () => this.close(),
      unfilter: () => host.unfilter(),
      terms: () => terms,
      mount: (bar) => host.mount(bar),
    });
    /** @type {Finding | null} */
    this.finding = null;
    /** The same without the filter, to tell of hits in hidden lines. @type {Finding | null} */
    this.behind = null;
    /** @type {import("../model/find.js").Matcher | null} */
    this.matcher = null;
    this.error = "";
    this.text = "";
    this.timer = 0;
    /** A search for the next line, wherever it is. @type {Seeking | null} */
    this.seeking = null;
    this.refocus = () => {};
  }

  /** Whether the daemon looks through the whole log. */
  get whole() {
    return this.features.has("find");
  }

  get active() {
    return this.matcher !== null;
  }

  /** @param {string} [text] */
  show(text) {
    this.bar.show(text);
    if (this.bar.field.value && !this.active) this.query(this.bar.query);
    this.draw();
  }

  /** Closes the bar; the marks stay until it is asked again. */
  close() {
    this.bar.hide();
    this.host.changed();
    this.refocus();
  }

  /** Takes the marks away. @returns {boolean} whether there were any */
  clear() {
    if (!this.active) return false;
    this.stop();
    this.matcher = null;
    this.finding = null;
    this.text = "";
    this.host.changed();
    return true;
  }

  /** @param {Query} query */
  query(query) {
    this.text = query.text;
    this.stop();
    this.finding = this.behind = null;
    this.error = "";
    clearTimeout(this.timer);
    const compiled = query.text ? compile(query) : null;
    this.matcher = compiled && "matcher" in compiled ? compiled.matcher : null;
    if (compiled && "error" in compiled) this.error = compiled.error;
    if (this.matcher && this.whole) this.timer = setTimeout(() => this.#ask(toRe2(query)), PAUSE);
    this.host.changed();
    this.draw();
  }

  /** @param {string | Term} term */
  #ask(term) {
    const feed = this.host.feed();
    const { merged, sources } = feed;
    if (!sources.length) return;
    const mapped = this.host.mapped();
    this.sources = [...sources].sort((a, b) => Number(b === mapped) - Number(a === mapped));
    const begin = (/** @type {import("../model/protocol.js").Filter} */ filter) => {
      const finding = new Finding(...this.sources.map(() => ++feed.ids));
      this.asks.push(...this.sources.map((source, k) => ({ type: "find", id: finding.ids[k], source, pattern: term, limit: LIMIT, ...filterKeys(filter) })));
      return finding;
    };
    this.term = term;
    this.spread = [];
    this.finding = begin(feed.filter);
    this.behind = this.host.filtered() && !merged ? begin({}) : null;
    this.#askNext();
    this.draw();
  }

  /** Asks for one log after the other: beside it there has to be room for who goes to the next hit. */
  #askNext() {
    const ask = this.asks.shift();
    if (ask) this.host.feed().host.send(ask);
  }

  /** Asks again: other logs or another filter are shown now. */
  again() {
    if (this.text && this.active) this.query(this.bar.query);
  }

  stop() {
    clearTimeout(this.timer);
    this.asks = [];
    for (const finding of [this.finding, this.behind]) {
      for (const [id, part] of finding?.parts ?? []) if (!part.done) this.host.feed().host.send({ type: "stop", id });
      finding?.end();
    }
    this.draw();
  }

  /** What is looked for, and in which logs: that of the map is the first. @type {string | Term} */
  term = "";
  /** @type {string[]} */
  sources = [];
  /** What is to be asked yet. @type {object[]} */
  asks = [];
  /** Which outline tells where hits are that the search did not come to, and where. */
  outlined = 0;
  /** @type {number[]} */
  spread = [];
  /** Byte places of the hits. @type {number[]} */
  places = [];
  placesOf = 0;

  /** Byte places of the hits; the same array for as long as they are the same. */
  ats() {
    const hits = this.finding?.hits ?? [];
    if (hits.length !== this.placesOf) {
      this.placesOf = hits.length;
      this.places = [...hits.map((hit) => hit.at), ...this.spread];
    }
    return this.places;
  }

  /** What is marked in a line. @param {string} line @param {boolean} current @returns {Mark[]} */
  marks(line, current) {
    if (!this.matcher) return [];
    return this.matcher.find(line).map(({ from, to }) => ({ from, to, cls: current ? "find-cur" : "find" }));
  }

  /** @param {boolean} down */
  next(down) {
    if (!this.matcher) return;
    const { matcher } = this;
    terms.add(this.text);
    this.#seek((line) => matcher.find(line, 1).length > 0, toRe2(this.bar.query), down, `“${this.text}”`);
  }

  /** The next line of a level. @param {"error" | "warn"} level @param {boolean} down @param {number} [from] ordinal */
  level(level, down, from) {
    const term = { level: level === "warn" ? "warning" : "error" };
    const matches = (/** @type {string} */ line) => {
      const found = levelOf(line)?.level;
      return found === level || (level === "warn" && found === "error");
    };
    this.#seek(matches, term, down, level === "error" ? "error" : "warning", from);
  }

  /** @param {(line: string) => boolean} matches @param {string | Term} term @param {boolean} down @param {string} what @param {number} [at] */
  #seek(matches, term, down, what, at) {
    const feed = this.host.feed();
    const { blocks } = feed;
    const from = this.host.current();
    const start = at !== undefined ? at : from ? blocks.ord(from) : down ? blocks.first - 1 : blocks.end;
    const step = down ? 1 : -1;
    for (let ord = start + step; ord >= blocks.first && ord < blocks.end; ord += step) {
      const ref = blocks.at(ord);
      if (ref?.block.rule?.kind === "hole") return this.#seekFar(matches, term, down, what, false, ref.block);
      if (ref && !ref.block.rule && matches(ref.block.line(ref.i))) {
        return this.host.go(ref);
      }
    }
    this.#seekFar(matches, term, down, what, false);
    return undefined;
  }

  /**
   * Beyond what is shown: in the lines of a merge that wait for the others, and in the rest of each log,
   * or from a hole on.
   * @param {(line: string) => boolean} matches @param {string | Term} term @param {boolean} down @param {string} what @param {boolean} wrapped
   * @param {import("../model/block.js").Block} [hole]
   */
  #seekFar(matches, term, down, what, wrapped, hole) {
    const feed = this.host.feed();
    const more = !!hole || (down ? feed.below : feed.above);
    if (!this.features.has("find") || (!more && wrapped)) {
      this.host.say(more ? `No further ${what} in the lines that are loaded.` : `No further ${what}.`);
      return;
    }
    const again = wrapped || !more;
    /** @type {Seeking} */
    const seeking = { what, down, wrapped: again, term, matches, open: new Map(), hits: [] };
    this.seeking = seeking;
    for (const source of feed.sources) {
      const near = again ? null : feed.weave.nearest(source, down, matches);
      if (near) seeking.hits.push(near);
      if (near) continue;
      const edge = hole ? { bottom: hole.start, top: hole.end } : feed.edges.get(source);
      const cursor = again ? undefined : ((down ? edge?.bottom : edge?.top) ?? undefined);
      seeking.open.set(++feed.ids, null);
      feed.host.send({
        type: "find", id: feed.ids, source, pattern: term, forward: down, limit: 1, ...(cursor ? { cursor } : {}), ...filterKeys(feed.filter),
      });
    }
    this.#choose(seeking);
  }

  /** Goes to the nearest of what was found, once all logs have answered. @param {Seeking} seeking */
  #choose(seeking) {
    const { open, hits, down, wrapped, what } = seeking;
    if (open.size) return;
    const feed = this.host.feed();
    const untold = hits.length > 1 ? hits.filter(({ time }) => time !== time) : [];
    for (const hit of untold) {
      open.set(++feed.ids, hit);
      feed.host.send({ type: "locate", source: hit.source, cursor: hit.cursor, skip: hit.skip, ...filterKeys(feed.filter), id: feed.ids });
    }
    if (untold.length) return;
    this.seeking = null;
    const hit = hits.reduce((best, one) => (down ? one.time < best.time : one.time > best.time) ? one : best, hits[0]);
    if (hit) {
      if (wrapped) this.host.say(down ? "From the beginning of the log again" : "From the end of the log again");
      this.host.jump({ cursor: hit.cursor, skip: hit.skip, source: hit.source });
    } else if (!wrapped) this.#seekFar(seeking.matches, seeking.term, down, what, true);
    else this.host.say(`There is no ${what}.`);
  }

  /** @param {import("../model/protocol.js").Located} head @returns {boolean} whether it was asked for here */
  located({ id = -1, time = -Infinity }) {
    const hit = this.seeking?.open.get(id);
    if (!this.seeking || !hit) return false;
    hit.time = time;
    this.seeking.open.delete(id);
    this.#choose(this.seeking);
    return true;
  }

  /** @param {import("../model/protocol.js").Found} head */
  found(head) {
    const { seeking } = this;
    if (seeking?.open.has(head.id)) {
      const [hit] = head.hits;
      if (hit) seeking.hits.push({ source: head.source, cursor: hit.cursor, skip: hit.skip ?? 0, time: NaN });
      if (hit || head.done) seeking.open.delete(head.id);
      this.#choose(seeking);
      return;
    }
    if (this.finding?.found(head) || this.behind?.found(head)) {
      if (head.done) this.#askNext();
      if (this.finding?.parts.has(head.id) && this.finding.cut) this.#outline();
      this.host.changed();
      this.draw();
    }
  }

  /** There are more hits than are told one by one: asks where in the log they stand. */
  #outline() {
    const feed = this.host.feed();
    if (!this.features.has("outline")) return;
    this.outlined = ++feed.ids;
    const { include = [], exclude } = feed.filter;
    const filter = filterKeys({ include: [...include, this.term], exclude });
    feed.host.send({ type: "outline", id: this.outlined, source: this.sources[0], buckets: BUCKETS, ...filter });
  }

  /** @param {import("../model/protocol.js").Outline} head @returns {boolean} whether it was asked for here */
  outline({ id, buckets, of }) {
    if (id === undefined || id !== this.outlined) return id !== undefined;
    this.spread = buckets.flatMap((bucket, k) => (bucket?.[0] ? [((k + 0.5) * of) / buckets.length] : []));
    this.placesOf = -1;
    this.host.changed();
    return true;
  }

  /** New lines came. @param {string} text */
  live(text) {
    if (!this.matcher || !this.finding) return;
    let hits = 0;
    for (const line of text.split("\n", 500)) if (this.matcher.find(line, 1).length) hits++;
    if (!hits) return;
    this.finding.live(hits);
    this.draw();
  }

  /** @param {string} message @param {number | undefined} id @returns {boolean} whether it was about a search */
  failed(message, id) {
    if (id === undefined) return false;
    if (this.seeking?.open.has(id)) this.seeking = null;
    else if (this.finding?.parts.has(id)) {
      this.finding.end(id);
      this.#askNext();
      if (!this.finding.done) return true; // of several logs, one cannot be read
    } else return false;
    this.error = message;
    this.draw();
    return true;
  }

  /** Byte place of the hit in the current line; NaN when there is none. */
  #here() {
    const ref = this.host.current();
    const line = ref && !ref.block.rule ? ref.block.line(ref.i) : "";
    if (!ref || this.sources.length > 1 || !this.matcher?.find(line, 1).length) return NaN;
    return this.finding?.nearest(this.host.at(ref) ?? NaN) ?? NaN;
  }

  draw() {
    const { finding, behind } = this;
    const hidden = finding?.done && behind?.done ? behind.count - finding.count : 0;
    const { whole } = this;
    this.bar.set({
      label: finding ? finding.label(this.#here()) : this.matcher && !whole ? `${plural(this.#held(), "hit")} in the lines that are loaded` : "",
      share: finding?.share ?? 0, progress: finding?.progress() ?? "", running: finding !== null && !finding.done,
      error: this.error, hidden: hidden > 0 ? `also in ${plural(hidden, "hidden line")}` : "",
      note: !whole ? "" : this.host.filtered() ? "in the lines that the filter shows" : this.sources.length > 1 ? "in all of these logs" : "in the whole log, newest first",
    });
  }

  /** Hits in the lines that are held, where the daemon cannot look. */
  #held() {
    let hits = 0;
    const { blocks } = this.host.feed();
    const { matcher } = this;
    if (matcher) blocks.walk(blocks.end - 20_000, blocks.end, (line) => { hits += matcher.find(line, 1).length; });
    return hits;
  }
}
