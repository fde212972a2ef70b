import assert from "node:assert/strict";
import { test } from "node:test";

import { Finding, Terms } from "../../../web/model/finding.js";
import { random } from "./random.js";

/** @param {number[]} ats */
const hits = (ats) => ats.map((at) => ({ cursor: `c${at}`, at }));
const head = (/** @type {number[]} */ ats, /** @type {object} */ more = {}) =>
  ({ id: "f1", source: "s", hits: hits(ats), scanned: 62, of: 100, ...more });

test("hits come newest first, each once", () => {
  const finding = new Finding("f1");
  finding.found(head([900, 700], { file: ".2.gz" }));
  finding.found(head([500, 500, 300], { count: 1208 }));
  assert.deepEqual(finding.hits.map((hit) => hit.at), [900, 700, 500, 300]);
});

test("labels tell the place, the count so far, progress and new hits", () => {
  const finding = new Finding("f1");
  assert.equal(finding.label(), "Nothing yet");
  finding.found(head([900, 700], { file: ".2.gz", count: 1208 }));
  assert.equal(finding.label(700), "2 of 1,208 so far");
  assert.equal(finding.label(), "1,208 so far");
  assert.equal(finding.progress(), "62 %, now in .2.gz");
  finding.live(3);
  finding.found(head([], { count: 1208, scanned: 100, done: true }));
  assert.equal(finding.label(900), "1 of 1,208, +3 new");
  assert.equal(finding.progress(), "");
  assert.equal(finding.share, 1);
  const none = new Finding("f1");
  none.found(head([], { done: true, scanned: 0, of: 0 }));
  assert.equal(none.label(), "No hits");
  assert.equal(none.found({ ...head([1]), id: "other" }), false);
});

test("the searches of several logs are told as one", () => {
  const finding = new Finding("f1", "f2");
  finding.found(head([900], { count: 40, file: "a" }));
  assert.equal(finding.progress(), "31 %, now in a");
  finding.found(head([], { count: 40, scanned: 100, done: true }));
  finding.found(head([800, 700], { id: "f2", file: "b" }));
  assert.equal(finding.label(), "42 so far");
  assert.equal(finding.progress(), "81 %, now in b");
  assert.deepEqual(finding.hits.map((hit) => hit.at), [900]);
  finding.end("f2");
  assert.equal(finding.done, true);
  assert.equal(finding.cut, true);
  assert.equal(finding.label(), "42 hits and more");
  assert.equal(finding.label(900), "1 of 42 hits and more");
});

test("property: whatever the order of arrival, hits are in order, once, and bounded", () => {
  const r = random(17);
  for (let n = 0; n < 200; n += 1) {
    const finding = new Finding("f1");
    const all = new Set();
    for (let k = r.int(1, 10); k > 0; k -= 1) {
      const ats = Array.from({ length: r.int(0, 8) }, () => r.int(0, 60));
      ats.forEach((at) => all.add(at));
      finding.found(head(ats));
    }
    assert.deepEqual(finding.hits.map((hit) => hit.at), [...all].sort((a, b) => b - a));
  }
  const many = new Finding("f1");
  for (let n = 0; n < 60; n += 1) {
    many.found(head(Array.from({ length: 1000 }, (_, k) => 1e6 - n * 1000 - k), { count: (n + 1) * 1000 }));
  }
  assert.equal(many.hits.length, 50_000);
  assert.equal(many.count, 60_000);
});

test("the last twenty terms are there to go back to", () => {
  const terms = new Terms();
  for (let n = 0; n < 30; n += 1) terms.add(`t${n}`);
  terms.add("t25");
  assert.equal(terms.older(), "t25");
  assert.equal(terms.older(), "t29");
  assert.equal(terms.newer(), "t25");
  assert.equal(terms.newer(), null);
  assert.equal(new Terms().older(), null);
});
