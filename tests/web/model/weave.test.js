import assert from "node:assert/strict";
import { test } from "node:test";

import { Blocks } from "../../../web/model/blocks.js";
import { Weave } from "../../../web/model/weave.js";
import { blockOf, rowsOf, rule } from "./held.js";
import { random } from "./random.js";

/** A line is "log number time"; a time of "-" stands for a line without one. */
const timeOf = (/** @type {import("../../../web/model/block.js").Block} */ block, /** @type {number} */ i) =>
  Number(block.line(i).split(" ")[2] ?? NaN);

/** @param {string[]} rows @param {string} log */
const ofLog = (rows, log) => rows.filter((row) => row.startsWith(`${log} `));
const times = (/** @type {string[]} */ rows) => rows.filter((row) => !row.startsWith("--")).map((row) => Number(row.split(" ")[2]));

/** @param {object} [more] */
function weave(more = {}) {
  const blocks = new Blocks();
  const host = { following: () => true, floor: () => blocks.end, timeOf, now: () => 0, ...more };
  return { blocks, weave: new Weave(blocks, host) };
}

/** @param {Blocks} blocks @returns {Map<string, number>} lateness by line */
function lateOf(blocks) {
  const late = new Map();
  for (const block of blocks.list) for (const [i, ms] of block.late ?? []) late.set(block.line(i), ms);
  return late;
}

test("lines that come too fast stand as they come, and are put in order again when they do not", () => {
  let now = 1000;
  const { blocks, weave: woven } = weave({ now: () => now });
  const send = (/** @type {string} */ log, /** @type {number} */ time, count = 1) =>
    woven.arrive(blockOf(log, Array.from({ length: count }, (_, n) => `${log} ${n} ${time}`), { t: time }));
  send("a", 900, 30_000);
  now += 1000;
  send("a", 1900);
  send("b", 1800);
  assert.ok(woven.hurried);
  assert.deepEqual(times(rowsOf(blocks)).slice(-2), [1900, 1800]);
  now += 1000;
  send("a", 2900);
  send("b", 2800);
  assert.ok(!woven.hurried);
  assert.deepEqual(times(rowsOf(blocks)).slice(-2), [2800, 2900]);
});

test("property: live lines are in the order of time, each log in its own, late ones marked", () => {
  const r = random(25);
  for (let run = 0; run < 150; run += 1) {
    const { blocks, weave: woven } = weave();
    const logs = ["a", "b", "c"].slice(0, r.int(2, 3));
    const skew = r.pick([0, 1500, 6000]);
    const counts = new Map(logs.map((log) => [log, 0]));
    let clock = 10_000;
    const all = [];
    for (let step = 0; step < 30; step += 1) {
      const log = r.pick(logs);
      const lines = [];
      clock += r.int(0, 400);
      let time = clock - (log === "a" ? r.int(0, skew) : 0);
      for (let k = r.int(1, 4); k > 0; k -= 1) {
        time += r.int(-20, 30); // a writer's clock may run back
        const n = (counts.get(log) ?? 0) + 1;
        counts.set(log, n);
        lines.push(`${log} ${n} ${r.next() < 0.1 ? "-" : time}`);
      }
      all.push(...lines);
      woven.arrive(blockOf(log, lines, { t: clock }));
      if (r.next() < 0.05) blocks.append(rule(log, "r"));
    }
    const rows = rowsOf(blocks).filter((row) => !row.startsWith("--"));
    assert.equal(rows.length, all.length);
    for (const log of logs) assert.deepEqual(ofLog(rows, log), ofLog(all, log), "a log keeps its own order");
    const late = lateOf(blocks);
    let newest = -Infinity;
    for (const row of rows) {
      const time = Number(row.split(" ")[2]);
      // A line far behind what stands above it is marked; small steps back of one writer are not its fault.
      if (newest - time > 100) assert.ok((late.get(row) ?? 0) > 0, `${row} stands behind ${newest} without a mark`);
      if (Number.isFinite(time)) newest = Math.max(newest, time);
    }
    if (skew === 0) for (const ms of late.values()) assert.ok(ms < 200, "nothing is late when no log is");
  }
});

test("while reading, nothing is put above the floor", () => {
  const { blocks, weave: woven } = weave({ following: () => false });
  woven.arrive(blockOf("a", ["a 1 1000", "a 2 9000"]));
  const before = rowsOf(blocks);
  woven.arrive(blockOf("b", ["b 1 5000", "b 2 9500"]));
  assert.deepEqual(rowsOf(blocks), [...before, "b 1 5000", "b 2 9500"]);
  assert.equal(lateOf(blocks).get("b 1 5000"), 4000);
  assert.equal(lateOf(blocks).get("b 2 9500"), undefined);
});

test("while following, lines go in by time within two seconds and are marked beyond", () => {
  const { blocks, weave: woven } = weave();
  woven.arrive(blockOf("a", ["a 1 1000", "a 2 9000", "a 3 10000"]));
  woven.arrive(blockOf("b", ["b 1 9500"]));
  woven.arrive(blockOf("b", ["b 2 10200"]));
  assert.deepEqual(rowsOf(blocks), ["a 1 1000", "a 2 9000", "b 1 9500", "a 3 10000", "b 2 10200"]);
  assert.equal(lateOf(blocks).size, 0);
});

test("property: backwards, rows that were placed never move, and all come in the order of time", () => {
  const r = random(26);
  for (let run = 0; run < 150; run += 1) {
    const { blocks, weave: woven } = weave();
    const logs = ["a", "b", "c"].slice(0, r.int(2, 3));
    /** @type {Map<string, string[]>} */ const history = new Map();
    for (const log of logs) {
      let time = r.int(0, 3000);
      history.set(log, Array.from({ length: r.int(0, 25) }, (_, n) => `${log} ${n} ${(time += r.int(0, 300))}`));
    }
    /** @type {Map<string, import("../../../web/model/pager.js").Edge>} */
    const edges = new Map(logs.map((log) => [log, { top: "c", bottom: null, above: true, topAt: null, bottomAt: null }]));
    const left = new Map([...history].map(([log, lines]) => [log, [...lines]]));
    let placed = rowsOf(blocks);
    for (let guard = 0; [...edges.values()].some((edge) => edge.above) && guard < 500; guard += 1) {
      const log = r.pick(logs);
      const edge = edges.get(log);
      const lines = left.get(log);
      if (!edge?.above || !lines) continue;
      const page = lines.splice(Math.max(0, lines.length - r.int(1, 7)));
      edge.above = lines.length > 0;
      woven.above(blockOf(log, page), edges);
      const now = rowsOf(blocks);
      assert.deepEqual(now.slice(now.length - placed.length), placed, "rows that are on screen stay");
      placed = now;
    }
    assert.deepEqual([...placed].sort(), [...history.values()].flat().sort(), "all lines came");
    const order = times(placed);
    assert.deepEqual(order, [...order].sort((a, b) => a - b));
    for (const log of logs) assert.deepEqual(ofLog(placed, log), history.get(log));
  }
});

test("property: forwards from a jump, rows that were placed never move either", () => {
  const r = random(27);
  for (let run = 0; run < 100; run += 1) {
    const { blocks, weave: woven } = weave({ following: () => false });
    const logs = ["a", "b"];
    /** @type {Map<string, string[]>} */ const future = new Map();
    for (const log of logs) {
      let time = r.int(0, 500);
      future.set(log, Array.from({ length: r.int(1, 20) }, (_, n) => `${log} ${n} ${(time += r.int(0, 300))}`));
    }
    /** @type {Map<string, import("../../../web/model/pager.js").Edge>} */
    const edges = new Map(logs.map((log) => [log, { top: null, bottom: "c", above: false, topAt: null, bottomAt: null }]));
    const left = new Map([...future].map(([log, lines]) => [log, [...lines]]));
    const atEnd = new Set();
    let placed = rowsOf(blocks);
    for (let guard = 0; atEnd.size < logs.length && guard < 500; guard += 1) {
      const log = r.pick(logs);
      const lines = left.get(log);
      if (!lines || atEnd.has(log)) continue;
      const page = lines.splice(0, r.int(1, 6));
      if (lines.length === 0) atEnd.add(log);
      woven.below(blockOf(log, page), edges, atEnd);
      const now = rowsOf(blocks);
      assert.deepEqual(now.slice(0, placed.length), placed);
      placed = now;
    }
    assert.equal(placed.length, [...future.values()].flat().length);
    const order = times(placed);
    assert.deepEqual(order, [...order].sort((a, b) => a - b));
  }
});

test("the first live line is late beside what was there before it", () => {
  const { blocks, weave: woven } = weave();
  blocks.append(blockOf("a", ["a 1 1000", "a 2 99000"]));
  woven.arrive(blockOf("b", ["b 1 9000"]));
  assert.deepEqual(rowsOf(blocks), ["a 1 1000", "a 2 99000", "b 1 9000"]);
  assert.equal(lateOf(blocks).get("b 1 9000"), 90_000);
});
