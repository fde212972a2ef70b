/**
 * The address: it always says what is shown, one can go back in it, and a link is made of it.
 *
 * @typedef {import("../view/pane.js").Pane} Pane
 * @typedef {import("../model/address.js").Address} Address
 *
 * @typedef {object} AddressHost
 * @property {import("./desk.js").Desk} desk
 * @property {Set<string>} features
 * @property {(pane: Pane, names: string[], place: import("../model/pager.js").Place) => void} show
 * @property {(text: string) => void} say
 */

import { emptyPane, formatAddress, MAX_ADDRESS, parseAddress, tooLong } from "../model/address.js";
import { filterKeys } from "../model/protocol.js";
import { copy } from "../view/selection.js";

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
    desk.current?.focus();
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
    this.host.say(`This line is no longer kept${ms === ms ? `; the log now begins on ${new Date(ms).toISOString().slice(0, 10)}` : ""}. This is the oldest one.`);
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
