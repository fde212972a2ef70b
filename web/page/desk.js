/**
 * The panes of the window: up to four side by side, each with a connection, one of them focused; and
 * the address, which always says what they show: one can go back in it, and a link is made of it.
 *
 * @typedef {{pane: Pane, link: Link}} Slot
 * @typedef {object} DeskHost
 * @property {() => Link} link a new connection
 * @property {(pane: () => Pane, link: Link) => import("../view/pane.js").PaneHost} pane what a pane
 *   asks of the page
 * @property {(pane: Pane) => void} made a pane is there
 * @property {() => void} arranged others are shown, or another is focused
 * @property {() => void} removed one was closed by the user
 * @typedef {import("../model/address.js").Address} Address
 * @typedef {object} AddressHost
 * @property {Desk} desk
 * @property {Set<string>} features
 * @property {(pane: Pane, names: string[], place: import("../model/pager.js").Place) => void} show
 * @property {(text: string) => void} say
 */

import { emptyPane, formatAddress, MAX_ADDRESS, MAX_PANES, parseAddress, tooLong } from "../model/address.js";
import { filterKeys } from "../model/protocol.js";
import { date } from "../model/words.js";
import { ask, attribute, one } from "../view/dom.js";
import { Pane } from "../view/pane.js";
import { copy } from "../view/selection.js";

/** @typedef {import("../view/socket.js").Link} Link */

const COLOURS = ["s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8"];

export class Desk {
  /** @param {DeskHost} host @param {Set<string>} features */
  constructor(host, features) {
    this.host = host;
    this.features = features;
    /** @type {Slot[]} */
    this.slots = [];
    this.focused = 0;
    /** Whether all panes show the same time, and which. */
    this.tied = false;
    this.time = NaN;
    /** Connections; the first stays when its pane is closed, for it tells of all sources. @type {Link[]} */
    this.links = [];
    /** @type {Map<string, string>} */
    this.colours = new Map();
  }

  /** @returns {Pane | undefined} */
  get current() {
    return this.slots[this.focused]?.pane;
  }

  get panes() {
    return this.slots.map(({ pane }) => pane);
  }

  get full() {
    return this.slots.length >= MAX_PANES;
  }

  /** @returns {Pane} */
  add() {
    const { host } = this;
    const link = this.links.find((its) => !its.pane) ?? host.link();
    if (!this.links.includes(link)) this.links.push(link);
    /** @type {Pane} */
    const pane = new Pane(host.pane(() => pane, link), this.features);
    link.pane = pane;
    link.socket.open();
    host.made(pane);
    const focus = () => this.focus(this.panes.indexOf(pane));
    pane.el.addEventListener("focusin", focus);
    pane.el.addEventListener("mousedown", focus);
    this.slots.push({ pane, link });
    one("#main").append(pane.el);
    this.arrange();
    return pane;
  }

  /** Another pane, which has the focus. */
  beside() {
    const pane = this.add();
    this.focused = this.slots.length - 1;
    return pane;
  }

  /** Closes a pane. @param {Pane} pane */
  remove(pane) {
    const index = this.panes.indexOf(pane);
    if (index < 0 || this.slots.length < 2) return;
    this.#drop(index);
    this.arrange();
    this.current?.focus();
    this.host.removed();
  }

  /** Closes the last panes, or adds some. @param {number} count */
  fit(count) {
    while (this.slots.length > count) this.#drop(this.slots.length - 1);
    while (this.slots.length < count) this.add();
  }

  /** @param {number} index */
  #drop(index) {
    const [{ pane, link }] = this.slots.splice(index, 1);
    pane.close();
    link.pane = null;
    if (link !== this.links[0]) {
      link.socket.close();
      this.links.splice(this.links.indexOf(link), 1);
    }
    this.focused = Math.min(this.focused, Math.max(0, this.slots.length - 1));
  }

  arrange() {
    // One pane needs no arrangement.
    attribute(one("#main"), "data-panes", this.slots.length > 1 && this.slots.length);
    this.panes.forEach((pane, k) => pane.el.classList.toggle("focused", k === this.focused));
    if (this.slots[0]) this.slots[0].pane.paper.el.id = "log";
    this.host.arranged();
  }

  /** @param {number} index */
  focus(index) {
    if (index < 0 || index >= this.slots.length || index === this.focused) return;
    this.focused = index;
    this.arrange();
  }

  /** Lets the other panes show the time that the focused one shows. @param {Pane} pane that moved */
  follow(pane) {
    if (!this.tied || pane !== this.current || pane.feed.opening) return;
    const ref = pane.following ? null : pane.firstVisible;
    const ms = ref ? pane.looks.timeNear(ref.block, ref.i) : pane.following ? Infinity : NaN;
    if (ms !== ms || ms === this.time) return;
    this.time = ms;
    for (const other of this.panes) {
      if (other === pane) continue;
      if (ms === Infinity) other.toEnd();
      else other.toTime(ms);
    }
  }

  /** The colour of a log: its own among those that are shown. @param {string} source */
  colour(source) {
    const shown = new Set(this.panes.flatMap((pane) => pane.shown));
    for (const name of this.colours.keys()) if (!shown.has(name)) this.colours.delete(name);
    const used = new Set(this.colours.values());
    const its = this.colours.get(source) ?? COLOURS.find((free) => !used.has(free)) ?? COLOURS[0];
    this.colours.set(source, its);
    return its;
  }
}

/** The place is written this long after it changed, ms; a step that one can go back from at once. */
const PAUSE = 400;
const AT_ONCE = 20;

export class AddressBar {
  /** @param {AddressHost} host */
  constructor(host) {
    this.host = host;
    this.pushing = false;
    this.applying = false;
    this.timer = 0;
    addEventListener("popstate", (event) => {
      clearTimeout(this.timer);
      this.timer = 0;
      this.pushing = false;
      const wanted = parseAddress(location.hash);
      if (wanted.panes[0].sources.length) this.apply(wanted, event.state);
    });
  }

  /** @param {Pane} pane @returns {import("../model/address.js").Pane} */
  #of(pane) {
    const hold = pane.following ? null : (pane.current ?? pane.firstVisible);
    const at = hold && this.host.features.has("locate") ? addressOf(pane, pane.placeOf(hold)) : null;
    const { wrap, raw } = pane.looks.options;
    const filter = JSON.stringify(pane.feed.filter); // places count the lines that it shows
    return {
      ...emptyPane(), sources: pane.shown, chips: pane.chips, q: pane.finder.text,
      marks: pane.bookmarks.filter(({ under }) => JSON.stringify(under) === filter).map((mark) => addressOf(pane, mark)),
      at, wrap: wrap === innerWidth < 600 ? null : wrap, raw: raw || null,
    };
  }

  /** @returns {Address} */
  get address() {
    return { panes: this.host.desk.panes.map((pane) => this.#of(pane)) };
  }

  /**
   * The address is out of date, or, with `push`, is about to be: then one can go back to where one is.
   * @param {boolean} push
   */
  changed(push) {
    if (this.applying) return;
    if (push && !this.pushing) {
      // What one goes back to is where one is now.
      this.#write(false);
      this.pushing = true;
    }
    if (push) clearTimeout(this.timer);
    if (!this.timer || push) this.timer = setTimeout(() => {
      this.timer = 0;
      this.#write(true);
    }, this.pushing ? AT_ONCE : PAUSE);
  }

  /** @param {boolean} may whether it may be a new step */
  #write(may) {
    const { panes } = this.host.desk;
    if (!panes.some((pane) => pane.shown.length) || panes.some((pane) => pane.feed.opening)) {
      if (may && !this.timer) this.changed(false);
      return;
    }
    const text = `#${formatAddress(this.address)}`;
    const state = { y: panes.map((pane) => (pane.current ? pane.layout.yOf(pane.current) - pane.paper.top : null)) };
    if (text === location.hash || text.length > MAX_ADDRESS) return;
    if (may && this.pushing) history.pushState(state, "", text);
    else history.replaceState(state, "", text);
    if (may) this.pushing = false;
  }

  /** Shows what an address says. @param {Address} address @param {{y?: (number | null)[]} | null} [state] */
  apply({ panes }, state = null) {
    const { desk, features, show } = this.host;
    this.applying = true;
    desk.fit(panes.length);
    panes.forEach((wanted, k) => {
      const pane = desk.panes[k];
      if (!wanted.sources.length) return;
      pane.landing = state?.y?.[k] ?? null;
      pane.chips = [];
      pane.setChips(wanted.chips, false);
      if (wanted.at && !features.has("locate")) wanted.at = null;
      if (wanted.at) pane.landed = (opened) => this.#explain(pane, opened);
      pane.unseen = 0;
      const { at, since, sources: names } = wanted;
      const when = since && features.has("locate") ? pane.timeBox.host.parse(since) : { ms: NaN };
      if ("error" in when) this.host.say(when.error);
      if (at) show(pane, names, { ...at, source: names[at.log ?? 0], link: true });
      else show(pane, names, "ms" in when && when.ms === when.ms ? { time: when.ms } : { end: true });
      pane.toCome = wanted.marks.map((mark) => ({ ...mark, source: names[mark.log ?? 0], under: pane.feed.filter, ref: null, ms: NaN }));
      if (wanted.wrap !== null) pane.setWrap(wanted.wrap);
      if (wanted.raw !== null) pane.setRaw(wanted.raw);
      if (wanted.q) pane.finder.show(wanted.q);
    });
    desk.arrange();
    this.applying = false;
    ask(() => setTimeout(() => desk.current?.focus())); // behind the frame: it lays the page out
  }

  /** Goes to an address; one can go back. @param {string} fragment */
  go(fragment) {
    this.changed(true);
    this.apply(parseAddress(fragment));
    this.changed(true);
  }

  /** A link to a line that is no longer kept explains itself. @param {Pane} pane @param {import("../model/stretch.js").Opened} opened */
  #explain(pane, opened) {
    if (opened.exact || !opened.to) return;
    const ms = pane.looks.timeNear(opened.to.block, opened.to.i);
    this.host.say(`This line is no longer kept${ms === ms ? `; the log now begins on ${date(ms)}` : ""}. This is the oldest one.`);
  }

  /** Copies a link to a line, by a cursor of its own. @param {Pane} pane @param {import("../model/block.js").Ref} ref */
  async copyLink(pane, ref) {
    const { desk, features, say } = this.host;
    const place = pane.placeOf(ref);
    const link = desk.slots.find((slot) => slot.pane === pane)?.link;
    const answer = features.has("locate")
      ? await link?.ask({ type: "locate", source: ref.block.source, cursor: place.cursor, skip: place.skip, ...filterKeys(place.under) })
      : null;
    const located = answer?.head;
    const own = located?.type === "located" && located.cursor ? { ...place, cursor: located.cursor, skip: 0 } : place;
    const wanted = { panes: [{ ...this.#of(pane), at: addressOf(pane, own) }] };
    const problem = tooLong(wanted);
    if (problem) return say(problem);
    const url = new URL(location.href);
    url.hash = formatAddress(wanted);
    say((await copy(url.href)) ? "Link to this line copied" : "The browser does not let the page copy.");
    return undefined;
  }
}

/** A place as the address has it: of several logs it says which. @param {Pane} pane @param {import("../view/viewport.js").Spot} spot */
function addressOf(pane, { cursor, skip, source, time }) {
  if (pane.shown.length < 2) return { cursor, skip };
  return { cursor, skip, log: pane.shown.indexOf(source), ...(time !== undefined && time >= 0 ? { time: Math.floor(time) } : {}) };
}
