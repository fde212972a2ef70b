/**
 * A block is one message: a flat string and the starts of its lines, no object per line. A line is
 * a `Ref` (block, index); it stays valid while its block is held, whatever is put before or behind.
 * A rule (rotation, gap, hole, beginning) is a block of one row without text.
 *
 * @typedef {{block: Block, i: number}} Ref
 * @typedef {{kind: "rotated" | "gap" | "begin" | "since" | "missing" | "returned" | "truncated"
 *   | "vanished" | "hole", source: string, text: string, at?: number}} Rule
 * @typedef {{source: string, text: string, starts: Uint32Array, start: string, end: string,
 *   t: number, at: number | null, number: number | null, bytes?: number}} Batch
 */

import { lineStarts } from "./protocol.js";

/** Small live batches grow the block before them up to this many characters, so that a slow log
 * that sends a line at a time does not cost an object per line. */
const COALESCE = 4096;

export class Block {
  /** @param {Batch} batch @param {Rule | null} rule */
  constructor(batch, rule = null) {
    this.source = batch.source;
    this.text = batch.text;
    this.starts = batch.starts;
    this.count = rule ? 1 : batch.starts.length;
    this.start = batch.start;
    this.end = batch.end;
    /** When the daemon read it just after it was written, ms; 0 when it was there before. */
    this.t = batch.t;
    /** Byte place in the log, over all its files. */
    this.at = batch.at;
    /** Number of the first line in its file; null when unknown or filtered. */
    this.number = batch.number;
    this.rule = rule;
    /** Ordinal of the first row. */
    this.base = 0;
    this.held = true;
    /** Heights in visual lines, one a row; filled by the layout, thrown away when `epoch` is old. */
    this.heights = /** @type {Uint16Array | null} */ (null);
    this.epoch = -1;
    /** Late lines of a merge: index -> milliseconds late. */
    this.late = /** @type {Map<number, number> | null} */ (null);
    /** Which part of a message this is, when it is not the whole: its cursors are the message's. */
    this.part = /** @type {{first: boolean, last: boolean} | null} */ (null);
    /** Lines of the message before the first of this part. */
    this.skip = 0;
  }

  /** @param {number} i */
  line(i) {
    if (this.rule) return "";
    const from = this.starts[i];
    const to = i + 1 < this.count ? this.starts[i + 1] - 1 : this.text.length;
    return this.text.slice(from, to);
  }

  /** @param {number} i length of a line in UTF-16 units */
  length(i) {
    if (this.rule) return 0;
    return (i + 1 < this.count ? this.starts[i + 1] - 1 : this.text.length) - this.starts[i];
  }

  /** What it weighs against the bounds: its text and something for the objects. */
  get weight() {
    return this.text.length + 4 * this.starts.length + 200;
  }
}

/** A message as a block. @param {import("./protocol.js").Lines | import("./protocol.js").History} head @param {string | null} body */
export function blockOf(head, body) {
  return new Block({
    source: head.source, text: body ?? "", starts: lineStarts(body), start: head.start,
    end: head.end, t: ("t" in head ? head.t : undefined) ?? 0, at: head.at ?? null,
    number: head.number ?? null,
  });
}

/** A block without lines. @param {string} source @param {string} cursor where it is */
export function emptyBlock(source, cursor) {
  return blockOf({ type: "lines", source, start: cursor, end: cursor }, null);
}

/** @param {Rule} rule @param {string} cursor @returns {Block} */
export function ruleBlock(rule, cursor) {
  return new Block(
    { source: rule.source, text: "", starts: new Uint32Array(0), start: cursor, end: cursor,
      t: 0, at: rule.at ?? null, number: null },
    rule,
  );
}

/** Where a line went whose block was split. @type {WeakMap<Block, {at: number, into: Block}[]>} */
const moved = new WeakMap();

/**
 * The same line, in the block that holds it now.
 * @param {Ref} ref
 * @returns {Ref}
 */
export function resolve(ref) {
  let { block, i } = ref;
  for (let hops = moved.get(block); hops; hops = moved.get(block)) {
    const hop = hops.findLast((one) => i >= one.at); // of several cuts the one nearest before it
    if (!hop) break;
    i -= hop.at;
    block = hop.into;
  }
  return { block, i };
}

/** @param {Ref | null} a @param {Ref | null} b */
export function same(a, b) {
  if (!a || !b) return a === b;
  if (a.block === b.block) return a.i === b.i;
  const x = resolve(a);
  const y = resolve(b);
  return x.block === y.block && x.i === y.i;
}

/** @param {Block} last @param {Block} next */
export function joins(last, next) {
  return (
    !last.rule && !next.rule && !last.late && !next.late && !last.part && !next.part &&
    last.source === next.source && last.end === next.start && last.text.length < COALESCE && next.text.length < COALESCE
  );
}

/** @param {Block} block @param {Block} next */
export function extend(block, next) {
  const shift = block.text.length + 1;
  const starts = new Uint32Array(block.count + next.count);
  starts.set(block.starts);
  for (let i = 0; i < next.count; i++) starts[block.count + i] = next.starts[i] + shift;
  block.text = `${block.text}\n${next.text}`;
  block.starts = starts;
  block.count = starts.length;
  block.end = next.end;
  block.epoch = -1;
}

/**
 * Some lines of a block as a block of their own. It has the cursors of the whole message.
 * @param {Block} block
 * @param {number} from
 * @param {number} to exclusive
 */
export function slice(block, from, to) {
  const cut = block.starts[from];
  const until = to < block.count ? block.starts[to] - 1 : block.text.length;
  const starts = new Uint32Array(to - from);
  for (let i = 0; i < starts.length; i++) starts[i] = block.starts[from + i] - cut;
  const part = new Block({
    source: block.source, text: block.text.slice(cut, until), starts, start: block.start,
    end: block.end, t: block.t, at: block.at === null ? null : block.at + cut,
    number: block.number === null ? null : block.number + from,
  });
  const first = from === 0 && (block.part?.first ?? true);
  const last = to === block.count && (block.part?.last ?? true);
  part.part = first && last ? null : { first, last };
  part.skip = block.skip + from;
  if (block.late) {
    for (const [i, ms] of block.late) {
      if (i >= from && i < to) (part.late ??= new Map()).set(i - from, ms);
    }
  }
  return part;
}

/**
 * Cuts a block in two; the second half is returned, and lines of it are found there from now on.
 * @param {Block} block
 * @param {number} at index of the first line of the second half
 */
export function splitOff(block, at) {
  const tail = slice(block, at, block.count);
  const head = slice(block, 0, at);
  block.text = head.text;
  block.starts = head.starts;
  block.count = at;
  block.late = head.late;
  block.part = head.part;
  block.epoch = -1;
  const hops = moved.get(block) ?? [];
  hops.unshift({ at, into: tail });
  moved.set(block, hops);
  return tail;
}
