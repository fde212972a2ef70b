import assert from "node:assert/strict";
import { test } from "node:test";

import { resolve, same, slice } from "../../../web/model/block.js";
import { Blocks } from "../../../web/model/blocks.js";
import { blockOf, rowsOf, rule } from "./held.js";
import { random } from "./random.js";

/** What must hold after every change. @param {Blocks} blocks @param {string[]} model */
function check(blocks, model) {
  assert.deepEqual(rowsOf(blocks), model);
  assert.equal(blocks.rows, model.length);
  assert.equal(blocks.lines, model.filter((row) => !row.startsWith("--")).length);
  assert.equal(blocks.weight, blocks.list.reduce((sum, block) => sum + block.weight, 0));
  let base = blocks.first;
  for (const block of blocks.list) {
    assert.equal(block.base, base);
    assert.ok(block.held && block.count > 0);
    base += block.count;
  }
  /** @type {string[]} */ const walked = [];
  blocks.walk(-Infinity, Infinity, (line) => void walked.push(line));
  assert.deepEqual(walked, model.filter((row) => !row.startsWith("--")));
}

test("property: random appends, prepends, inserts, rules and drops keep order, bounds and references", () => {
  const r = random(23);
  for (let run = 0; run < 120; run += 1) {
    const blocks = new Blocks({ bytes: r.pick([3000, 1e9]), lines: r.pick([40, 1e9]) });
    /** @type {string[]} */ let model = [];
    /** @type {{ref: import("../../../web/model/block.js").Ref, row: string}[]} */ const refs = [];
    let n = 0;
    let cursor = 0;
    for (let step = 0; step < 40; step += 1) {
      const lines = Array.from({ length: r.int(0, 6) }, () => `${(n += 1)}${r.pick(["", " x", "é漢", " ".repeat(20)])}`);
      const block = r.next() < 0.15 ? rule("s", `r${(n += 1)}`)
        : blockOf(r.pick(["s", "t"]), lines, { start: `c${cursor}`, end: `c${(cursor += 1)}` });
      const rows = block.rule ? [`--${block.rule.text}`] : lines;
      const how = r.int(0, 9);
      if (how < 4) {
        blocks.append(block);
        model.push(...rows);
      } else if (how < 6) {
        blocks.prepend(block);
        model.unshift(...rows);
      } else if (how < 8 && rows.length > 0) {
        const place = r.int(0, model.length);
        blocks.insert(blocks.first + place, block);
        model.splice(place, 0, ...rows);
      } else if (how === 8) {
        const k = blocks.list.findIndex((one) => one.rule);
        const gone = blocks.list[k];
        if (gone) {
          const place = gone.base - blocks.first;
          blocks.remove(gone);
          model.splice(place, 1);
        }
      } else {
        const eye = blocks.first + r.int(0, Math.max(0, model.length - 1));
        const row = model[eye - blocks.first];
        const { above, below } = blocks.trim(eye);
        const count = (/** @type {import("../../../web/model/block.js").Block[]} */ list) => list.reduce((sum, one) => sum + one.count, 0);
        model = model.slice(count(above), model.length - count(below));
        if (row !== undefined) assert.ok(model.includes(row), "the row under the eye stays");
        for (const one of [...above, ...below]) assert.ok(!one.held);
      }
      check(blocks, model);
      for (const { ref, row } of refs) {
        const ord = blocks.ord(ref);
        if (Number.isNaN(ord)) assert.ok(!model.includes(row), `${row} is held, but its reference is lost`);
        else assert.equal(model[ord - blocks.first], row);
      }
      if (model.length > 0) {
        const ord = blocks.first + r.int(0, model.length - 1);
        const ref = blocks.at(ord);
        if (ref) {
          refs.push({ ref: { ...ref }, row: model[ord - blocks.first] ?? "" });
          assert.ok(same(resolve(ref), blocks.at(ord)));
        }
      }
    }
    assert.equal(blocks.at(blocks.end), null);
    assert.equal(blocks.at(blocks.first - 1), null);
  }
});

test("bounds hold after trimming, however much came, and the eye stays", () => {
  const blocks = new Blocks({ bytes: 10_000, lines: 500 });
  for (let n = 0; n < 1000; n += 1) {
    blocks.append(blockOf("s", [`line ${n}`, "x".repeat(50)], { start: `c${n}`, end: `c${n + 1}` }));
    blocks.trim(blocks.end - 1);
    assert.ok(blocks.weight <= 10_000 + 5000 && blocks.rows <= 500 + 200);
  }
  assert.equal(rowsOf(blocks).at(-2), "line 999");
});

test("small live batches of one log become one block", () => {
  const blocks = new Blocks();
  for (let n = 0; n < 50; n += 1) blocks.append(blockOf("s", [`l${n}`], { start: `c${n}`, end: `c${n + 1}` }));
  assert.equal(blocks.list.length, 1);
  blocks.append(blockOf("s", ["after a hole"], { start: "c99", end: "c100" }));
  blocks.append(blockOf("t", ["other"], { start: "c100", end: "c101" }));
  assert.equal(blocks.list.length, 3);
});

test("a slice has the lines, numbers and late marks of its part", () => {
  const block = blockOf("s", ["a", "", "ccc", "d"], { start: "c0", end: "c4", at: 100, number: 7 });
  block.late = new Map([[2, 50]]);
  const part = slice(block, 1, 3);
  assert.deepEqual([part.line(0), part.line(1), part.count], ["", "ccc", 2]);
  assert.deepEqual([part.number, part.at, part.late?.get(1)], [8, 102, 50]);
  assert.deepEqual(part.part, { first: false, last: false });
  assert.equal(slice(block, 0, 4).part, null);
});
