/**
 * What is held of one log, in two windows: where one goes to the end, what one has been reading stays
 * above it, with a hole between them. Each window has the bounds of one.
 *
 * @typedef {import("./block.js").Block} Block
 * @typedef {import("./pager.js").Opening} Opening
 */

import { ruleBlock } from "./block.js";
import { Hole } from "./hole.js";
import { Stretch } from "./stretch.js";

export class Windows extends Stretch {
  /** @param {import("./stretch.js").Host} host */
  constructor(host) {
    super(host);
    /** The hole; or what may be one, while a window is put aside. @type {Hole | null} */
    this.torn = null;
    /** The logs and the filter of what is held. */
    this.content = "";
  }

  /** The hole in what is held. */
  get hole() {
    return this.torn?.held ? this.torn : null;
  }

  /** What lines are wanted of. */
  subscription() {
    return JSON.stringify([this.sources, this.filter]);
  }

  /** @override */
  trim() {
    const { hole, blocks, host } = this;
    if (!hole) return super.trim();
    const lower = blocks.trim(host.eye(), true, blocks.indexOf(hole.ord) + 1);
    const upper = blocks.trim(host.eye(), true, 0, blocks.indexOf(hole.ord));
    hole.grow(upper.below, lower.above, this.filtered);
    return this.dropped({ above: upper.above, below: lower.below });
  }

  /** @param {Opening} opening @override */
  replace(opening) {
    const { keeps, place } = opening;
    this.torn = keeps ? this.#aside("end" in place && !!place.upper && this.hole !== null) : null;
    this.content = this.subscription();
    super.replace(opening);
  }

  /**
   * The window that one reads in, to be put aside for a while.
   * @param {boolean} upper whether that is the one above the hole, if there is one
   */
  #aside(upper) {
    const { hole, blocks, sources: [source] } = this;
    const k = hole ? blocks.indexOf(hole.ord) : -1;
    const { top = null, bottom = null, above = false } = this.edges.get(source) ?? {};
    const whole = !hole || upper;
    const aside = { list: upper ? blocks.list.slice(0, k) : blocks.list.slice(k + 1), top: whole ? top : hole.end, above: !whole || above };
    const start = upper && hole ? hole.start : bottom;
    return start === null || !aside.list.length ? null : new Hole(blocks, source, start, "", aside);
  }

  /**
   * The first answer for a window that was put aside: how much is between it and this one.
   * @param {Hole} hole @param {Block} page lines that follow it @param {string} until where this one
   *   began when it was asked @param {import("./protocol.js").History} head
   */
  join(hole, page, until, head) {
    const { aside } = hole;
    const [edge] = this.edges.values();
    this.torn = null;
    // Nothing between them: they meet, or some lines are in both. Then this one is enough.
    if (!aside || !edge || (!page.count && !head.more)) return;
    hole.end = edge.top ?? until;
    const from = page.count;
    hole.join(page, !head.more && hole.end === until, head);
    Object.assign(edge, { top: aside.top, above: aside.above });
    if (hole.held) this.torn = hole;
    if (from) this.regap(page, page.base);
  }

  /** A page of the hole. @param {Block} page @param {import("./pager.js").Request} request @param {import("./protocol.js").History} head */
  fill(page, { hole, where, direction }, head) {
    if (!hole || hole !== this.hole || !hole.fill(page, direction, where, head)) return;
    if (page.count) this.regap(page, page.base);
  }

  /**
   * The hole is none: what it was left out of is no longer kept.
   * @param {Hole} hole
   */
  lose(hole) {
    if (hole !== this.hole || !hole.block) return;
    const rule = { kind: /** @type {const} */ ("gap"), source: hole.source, text: JSON.stringify([hole.bytes, "gone"]) };
    const { blocks, host, losses } = this;
    const next = blocks.at(hole.ord + 1)?.block;
    losses.told(rule, host.now());
    if (next) losses.passed(next, host.timeOf(next, 0));
    blocks.swap(hole.block, ruleBlock(rule, hole.start));
    host.changed();
  }

  /**
   * The daemon has left lines out: they are in the file.
   * @param {string} source @param {string} start @param {string} end cursors @param {number | null} bytes
   */
  tear(source, start, end, bytes) {
    const { blocks, hole } = this;
    const edge = this.edges.get(source);
    if (!this.attached || this.opening || !edge) return;
    if (hole) {
      // There are two windows at most: the one where the eye is stays.
      const upper = this.host.eye() < hole.ord;
      blocks.keep(upper ? 0 : blocks.indexOf(hole.ord) + 1, upper ? blocks.indexOf(hole.ord) : blocks.list.length);
      if (upper) [start, bytes] = [hole.start, null];
      else Object.assign(edge, { top: hole.end, above: true });
    }
    edge.bottom = end;
    this.torn = new Hole(blocks, source, start, end);
    blocks.append(this.torn.measure(null, bytes));
    this.host.changed();
  }
}
