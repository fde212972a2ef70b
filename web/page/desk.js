/**
 * The panes of the window: up to four side by side, each with a connection, one of them focused.
 *
 * @typedef {{pane: Pane, link: Link}} Slot
 * @typedef {object} DeskHost
 * @property {() => Link} link a new connection
 * @property {(pane: () => Pane, link: Link) => import("../view/pane.js").PaneHost} pane what a pane
 *   asks of the page
 * @property {(pane: Pane) => void} made a pane is there
 * @property {() => void} arranged others are shown, or another is focused
 * @property {() => void} removed one was closed by the user
 */

import { MAX_PANES } from "../model/address.js";
import { one } from "../view/dom.js";
import { Pane } from "../view/pane.js";

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
    one("#main").dataset.panes = String(this.slots.length);
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
