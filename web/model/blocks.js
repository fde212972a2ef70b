/**
 * The lines that a pane holds: one window of consecutive lines of a log (or of several, merged).
 *
 * A block is one message: a flat string and the starts of its lines, no object per line. A line is
 * a `Ref` (block, index); it stays valid while its block is held, whatever is put before or behind.
 * A rule (rotation, gap, beginning) is a block of one row without text. Rows are numbered by
 * ordinals that run through all blocks; prepending counts downwards, so that no ordinal changes.
 *
 * @typedef {{block: Block, i: number}} Ref
 * @typedef {{kind: "rotated" | "gap" | "begin" | "since" | "missing" | "returned" | "truncated"
 *   | "vanished", source: string, text: string, at?: number}} Rule
 * @typedef {{source: string, text: string, starts: Uint32Array, start: string, end: string,
 *   t: number, at: number | null, number: number | null, bytes?: number}} Batch
 */

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

/** @param {Rule} rule @param {string} cursor @returns {Block} */
export function ruleBlock(rule, cursor) {
  return new Block(
    { source: rule.source, text: "", starts: new Uint32Array(0), start: cursor, end: cursor,
      t: 0, at: rule.at ?? null, number: null },
    rule,
  );
}

export class Blocks {
  /**
   * @param {{bytes: number, lines: number}} limits what is held at most; whole blocks are dropped
   *   at the end that is farther from the eye
   */
  constructor(limits = { bytes: 8 << 20, lines: 200_000 }) {
    this.limits = limits;
    /** @type {Block[]} */
    this.list = [];
    this.weight = 0;
    this.rules = 0;
    /** Counts every change of content, for whoever keeps something derived from it. */
    this.version = 0;
  }

  /** Ordinal of the first row. */
  get first() {
    return this.list.length ? this.list[0].base : 0;
  }

  /** Ordinal behind the last row. */
  get end() {
    const last = this.list[this.list.length - 1];
    return last ? last.base + last.count : 0;
  }

  /** Rows held, rules included. */
  get rows() {
    return this.end - this.first;
  }

  /** Lines held, rules left out. */
  get lines() {
    return this.rows - this.rules;
  }

  /** @param {Block} block */
  append(block) {
    if (!block.count) return;
    const last = this.list[this.list.length - 1];
    this.version++;
    if (last && joins(last, block)) {
      this.weight -= last.weight;
      extend(last, block);
      this.weight += last.weight;
      return;
    }
    block.base = this.end;
    this.list.push(block);
    this.weight += block.weight;
    if (block.rule) this.rules++;
  }

  /** @param {Block} block */
  prepend(block) {
    if (!block.count) return;
    this.version++;
    block.base = this.first - block.count;
    this.list.unshift(block);
    this.weight += block.weight;
    if (block.rule) this.rules++;
  }

  /**
   * Puts a block before the row `ord`, splitting the block that is there. Ordinals behind it move.
   * @param {number} ord
   * @param {Block} block
   */
  insert(ord, block) {
    if (ord >= this.end) return this.append(block);
    if (ord <= this.first) return this.prepend(block);
    this.version++;
    const index = this.indexOf(ord);
    const there = this.list[index];
    const at = ord - there.base;
    const parts = [block];
    if (at > 0) {
      this.weight -= there.weight;
      const tail = splitOff(there, at);
      this.weight += there.weight + tail.weight;
      parts.push(tail);
    }
    this.list.splice(at > 0 ? index + 1 : index, 0, ...parts);
    this.weight += block.weight;
    if (block.rule) this.rules++;
    this.#renumber(at > 0 ? index + 1 : index);
    return undefined;
  }

  /** @param {number} from index of the first block whose base is wrong */
  #renumber(from) {
    for (let k = Math.max(1, from); k < this.list.length; k++) {
      this.list[k].base = this.list[k - 1].base + this.list[k - 1].count;
    }
  }

  /** Takes one rule away. @param {Block} block */
  remove(block) {
    const index = this.list.indexOf(block);
    if (index < 0) return;
    this.version++;
    this.weight -= block.weight;
    if (block.rule) this.rules--;
    block.held = false;
    if (index === 0) {
      this.list.shift();
    } else {
      this.list.splice(index, 1);
      this.#renumber(index);
    }
  }

  clear() {
    for (const block of this.list) block.held = false;
    this.list = [];
    this.weight = this.rules = 0;
    this.version++;
  }

  /**
   * Index of the block that holds the row `ord`, by bisection.
   * @param {number} ord
   */
  indexOf(ord) {
    let low = 0;
    let high = this.list.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.list[middle].base <= ord) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** @param {number} ord @returns {Ref | null} */
  at(ord) {
    if (!this.list.length || ord < this.first || ord >= this.end) return null;
    const block = this.list[this.indexOf(ord)];
    return { block, i: ord - block.base };
  }

  /** @param {Ref} ref @returns {number} NaN when its block is no longer held */
  ord(ref) {
    const { block, i } = resolve(ref);
    return block.held ? block.base + i : NaN;
  }

  /**
   * Drops whole blocks from the end that is farther from the eye until the bounds hold.
   * @param {number} eye ordinal that must stay
   * @returns {{above: Block[], below: Block[]}} what was dropped
   */
  trim(eye) {
    /** @type {{above: Block[], below: Block[]}} */
    const dropped = { above: [], below: [] };
    let top = 0;
    let bottom = this.list.length;
    let rows = this.rows;
    while (
      bottom - top > 1 && (this.weight > this.limits.bytes || rows > this.limits.lines)
    ) {
      const first = this.list[top];
      const last = this.list[bottom - 1];
      const above = eye - (first.base + first.count);
      const below = last.base - eye;
      if (above < 0 && below < 0) break;
      const gone = above >= below ? first : last;
      if (gone === first) {
        top++;
        dropped.above.push(gone);
      } else {
        bottom--;
        dropped.below.unshift(gone);
      }
      gone.held = false;
      rows -= gone.count;
      if (gone.rule) this.rules--;
      this.weight -= gone.weight;
    }
    if (top > 0 || bottom < this.list.length) {
      this.list = this.list.slice(top, bottom);
      this.version++;
    }
    return dropped;
  }

  /**
   * Every line in an ordinal range, in order.
   * @param {number} from
   * @param {number} to exclusive
   * @param {(line: string, block: Block, i: number) => void} each
   */
  walk(from, to, each) {
    if (!this.list.length) return;
    const start = Math.max(from, this.first);
    const stop = Math.min(to, this.end);
    for (let k = this.indexOf(start); k < this.list.length; k++) {
      const block = this.list[k];
      if (block.base >= stop) return;
      if (block.rule) continue;
      const last = Math.min(block.count, stop - block.base);
      for (let i = Math.max(0, start - block.base); i < last; i++) each(block.line(i), block, i);
    }
  }
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
function joins(last, next) {
  return (
    !last.rule && !next.rule && !last.late && !next.late && !last.part && !next.part &&
    last.source === next.source && last.end === next.start && last.text.length < COALESCE && next.text.length < COALESCE
  );
}

/** @param {Block} block @param {Block} next */
function extend(block, next) {
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
function splitOff(block, at) {
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
