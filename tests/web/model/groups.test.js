import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Groups, continues, fold, groupOf, placeIn } from "../../../web/model/groups.js";
import { random } from "./random.js";

/** The sizes of all groups of a text. @param {string} text */
function sizes(text) {
  const lines = text.split("\n");
  const out = [];
  for (let i = 0; i < lines.length; ) {
    const group = groupOf((k) => lines[k] ?? "", i, 0, lines.length);
    assert.equal(group.head, i, JSON.stringify(lines.slice(0, i + 1)));
    for (let k = group.head; k < group.end; k += 1) {
      assert.deepEqual(groupOf((j) => lines[j] ?? "", k, 0, lines.length), group, `row ${k}: ${lines[k]}`);
    }
    out.push(group.size);
    i = group.end;
  }
  return out;
}

/** Each record is one paragraph, led by `>`; the daemon's tests read the same file. */
const RECORDS = readFileSync(new URL("../../text/records.txt", import.meta.url), "utf8")
  .replace(/^>|\n$/g, "").split("\n>");

test("traces of many languages belong to their head, as in the daemon", () => {
  assert.ok(RECORDS.length > 15);
  assert.deepEqual(sizes(RECORDS.join("\n")), RECORDS.map((record) => record.split("\n").length));
  assert.deepEqual(sizes(RECORDS.join("\n").replaceAll("\n", "\r\n")), RECORDS.map((record) => record.split("\n").length));
});

test("lines within Docker's, CRI's and syslog's wrapping are read without it", () => {
  const cri = (/** @type {string} */ text, tag = "stdout F") => `2026-11-22T14:02:11.1Z ${tag} ${text}`;
  assert.deepEqual(sizes([cri("ERROR x"), cri("\tat com.foo.Bar(B.java:1)"), cri("next"), cri("a", "stderr P"), cri("b", "stderr F")].join("\n")), [2, 1, 2]);
  const sys = (/** @type {string} */ text, app = "app[1]") => `Nov 22 14:02:11 web ${app}: ${text}`;
  assert.deepEqual(sizes([sys("ERROR x"), sys("    at y"), sys("    at y", "app[2]")].join("\n")), [2, 1]);
});

test("lines without continuation stand alone, also words with a colon", () => {
  assert.deepEqual(sizes("one\ntwo: x\nthree\n\nfour"), [1, 1, 1, 1, 1]);
  assert.deepEqual(sizes("key: value\n  more\nother: value"), [2, 1]);
});

test("a rule ends a group, and the first held row may be a continuation", () => {
  const rows = ["head", "  a", null, "  b", "  c"];
  const line = (/** @type {number} */ k) => rows[k] ?? null;
  assert.deepEqual(groupOf(line, 1, 0, 5), { head: 0, end: 2, size: 2 });
  assert.deepEqual(groupOf(line, 2, 0, 5), { head: 2, end: 3, size: 1 });
  assert.deepEqual(groupOf(line, 4, 0, 5), { head: 3, end: 5, size: 2 });
  assert.deepEqual(groupOf(line, 4, 4, 5), { head: 4, end: 5, size: 1 });
});

test("long groups show three lines and the last, never while they grow", () => {
  assert.equal(fold(8), null);
  assert.deepEqual(fold(22), { top: 3, hidden: 18, bottom: 1 });
  assert.equal(fold(22, true), null);
  assert.equal(fold(22, false, true), null);
  const group = { head: 10, end: 32, size: 22 };
  const places = Array.from({ length: 22 }, (_, k) => placeIn(group, fold(22), 10 + k));
  assert.deepEqual(places.filter((place) => place === "hidden").length, 18);
  assert.deepEqual([places[0], places[2], places[3], places[20], places[21]], ["shown", "chip", "hidden", "hidden", "shown"]);
});

test("property: groups of any lines cover each row once, from whichever row one asks", () => {
  const r = random(14);
  const pieces = ["plain line", "  indented", "\tat x", "at y", "Traceback (most recent call last):", "ValueError: x",
    "word", "", "goroutine 1 [running]:", "main.f(0x1)", "Caused by: z", "{\"json\":1}", "14:02 INFO x", " "];
  for (let n = 0; n < 600; n += 1) {
    const lines = Array.from({ length: r.int(1, 30) }, () => r.pick(pieces));
    let at = 0;
    while (at < lines.length) {
      const group = groupOf((k) => lines[k] ?? "", at, 0, lines.length);
      assert.equal(group.head, at);
      assert.ok(group.end > at && group.end <= lines.length);
      for (let k = at; k < group.end; k += 1) {
        assert.deepEqual(groupOf((j) => lines[j] ?? "", k, 0, lines.length), group);
      }
      at = group.end;
    }
  }
});

test("a window full of continuation lines costs a bounded look", () => {
  let looks = 0;
  groupOf(() => { looks += 1; return "  x"; }, 100_000, 0, 200_000);
  assert.ok(looks < 4000, String(looks));
  for (const piece of ["a.", "A", "at ", "a(", "Traceback ", "\\t", "}"]) {
    const started = process.cpuUsage().user;
    const long = piece.repeat(300_000 / piece.length);
    for (const [line, previous] of [[long, long], [long, "    x"], [long, "goroutine 1 ["], ["", long]]) continues(line ?? "", previous ?? "");
    assert.ok(process.cpuUsage().user - started < 1_000_000, piece);
  }
});

test("going through a long trace reads it once, and anew when something changed", () => {
  const rows = ["head", ...Array(900).fill("    at x"), "next"];
  let looks = 0;
  const line = (/** @type {number} */ k) => {
    looks += 1;
    return rows[k] ?? null;
  };
  const groups = new Groups();
  for (let i = 0; i < 901; i += 1) assert.deepEqual(groups.of(line, i, 0, rows.length, 1), { head: 0, end: 901, size: 901 });
  assert.ok(looks < 2000, String(looks));
  rows.splice(901, 0, "    at y");
  assert.equal(groups.of(line, 5, 0, rows.length, 2).size, 902);
  assert.equal(groups.of(line, 902, 0, rows.length, 2).head, 902);
});
