import assert from "node:assert/strict";
import { test } from "node:test";

import { Blocks } from "../../../web/model/blocks.js";
import { Layout } from "../../../web/model/layout.js";
import { blockOf, rule } from "./held.js";
import { random } from "./random.js";

/** Heights by content: folded rows have none. @param {import("../../../web/model/block.js").Block} block @param {number} i */
const height = (block, i) => (block.rule ? 26 : block.line(i).length * 20);

test("property: the anchor's y is constant, whatever is put before, behind or between, and rows touch", () => {
  const r = random(24);
  for (let run = 0; run < 150; run += 1) {
    const blocks = new Blocks();
    const layout = new Layout(blocks, height);
    const lines = () => Array.from({ length: r.int(1, 8) }, () => "x".repeat(r.pick([1, 1, 1, 2, 3, 0])));
    blocks.append(blockOf("s", ["x", ...lines()]));
    const anchor = blocks.at(blocks.first);
    assert.ok(anchor);
    layout.fix(anchor, 1_000_000);
    for (let step = 0; step < 25; step += 1) {
      const block = r.next() < 0.2 ? rule("s", "r") : blockOf("s", lines());
      const how = r.int(0, 2);
      if (how === 0) blocks.append(block);
      else if (how === 1) blocks.prepend(block);
      else blocks.insert(blocks.first + r.int(0, blocks.rows), block);
      assert.equal(layout.yOf(anchor), 1_000_000);
      const top = 1_000_000 + r.int(-900, 900);
      const tall = r.int(50, 600);
      const { rows, above, below, topY, endY } = layout.place(top, tall);
      for (const [k, row] of rows.entries()) {
        assert.equal(row.h, height(row.block, row.i));
        assert.equal(blocks.at(row.ord)?.block, row.block);
        assert.equal(row.y, layout.yOf({ block: row.block, i: row.i }));
        const next = rows[k + 1];
        if (next) assert.equal(next.y, row.y + row.h, "no gap and no overlap");
      }
      // What is held covers the view as far as it reaches.
      const all = { from: layout.yOf(/** @type {any} */ (blocks.at(blocks.first))), to: 0 };
      const last = /** @type {any} */ (blocks.at(blocks.end - 1));
      all.to = layout.yOf(last) + height(last.block, last.i);
      const first = rows[0];
      const end = rows[rows.length - 1];
      if (all.from < top + tall && all.to > top) {
        assert.ok(first && first.y <= Math.max(top, all.from), "covered to the top");
        assert.ok(end && end.y + end.h >= Math.min(top + tall, all.to), "covered to the bottom");
      }
      assert.ok(above >= 0 && below >= 0 && above + below <= blocks.rows);
      if (endY !== null) assert.equal(endY, all.to);
      if (topY !== null) assert.equal(topY, all.from);
      assert.ok(rows.length < 60, "no more rows than a view needs");
    }
  }
});

test("pinned to the end, the last row that has a height stands on the bottom", () => {
  const blocks = new Blocks();
  const layout = new Layout(blocks, height);
  assert.equal(layout.pinEnd(500), false);
  blocks.append(blockOf("s", ["x", "xx", ""]));
  assert.equal(layout.pinEnd(500), true);
  const { rows } = layout.place(0, 500);
  assert.deepEqual(rows.map((row) => [row.y, row.h]), [[440, 20], [460, 40]]);
});

test("when the anchor was dropped the layout goes on from what is left", () => {
  const blocks = new Blocks({ bytes: 1e9, lines: 3 });
  const layout = new Layout(blocks, height);
  blocks.append(blockOf("s", ["x", "x"]));
  layout.fix(/** @type {any} */ (blocks.at(blocks.first)), 100);
  blocks.append(rule("s", "r"));
  blocks.append(blockOf("s", ["x", "x"]));
  blocks.trim(blocks.end - 1);
  const { rows } = layout.place(0, 1000);
  assert.ok(rows.length > 0 && rows.every((row) => Number.isFinite(row.y)));
  const gone = blockOf("s", ["x"]);
  gone.held = false;
  assert.ok(Number.isNaN(layout.yOf({ block: gone, i: 0 })));
});
