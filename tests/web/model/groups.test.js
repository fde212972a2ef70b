import assert from "node:assert/strict";
import { test } from "node:test";

import { fold, groupOf, placeIn } from "../../../web/model/groups.js";
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

test("a Java trace hangs under its head", () => {
  assert.deepEqual(sizes(`2026-11-22 14:02:06 ERROR it broke
java.lang.IllegalStateException: x
	at com.foo.Bar.baz(Bar.java:12)
	at com.foo.Bar.qux(Bar.java:34)
Caused by: java.io.IOException: y
	at com.foo.Io.read(Io.java:5)
	... 12 more
2026-11-22 14:02:07 INFO next
2026-11-22 14:02:07 INFO next`), [7, 1, 1]);
});

test("a Python trace includes its last line and chained ones", () => {
  assert.deepEqual(sizes(`14:02:11 ERROR payment provider timed out
Traceback (most recent call last):
  File "/srv/a.py", line 118, in capture
    resp = self.http.post(url)
httpx.ReadTimeout: The read operation timed out

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/srv/b.py", line 1, in <module>
ValueError
14:02:12 INFO order cancelled
next`), [11, 1, 1]);
});

test("Go, Rust and Node traces", () => {
  assert.deepEqual(sizes(`panic: runtime error
goroutine 1 [running]:
main.f(0x1, 0x2)
	/src/main.go:12 +0x1d
main.main()
	/src/main.go:5 +0x20
done here`), [6, 1]);
  assert.deepEqual(sizes(`TypeError: x is not a function
    at f (/srv/a.js:1:2)
    at g (/srv/a.js:3:4)
next line`), [3, 1]);
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
      assert.ok(group.head <= at && group.end > at && group.end <= lines.length);
      assert.equal(group.size, group.end - group.head);
      at = group.end;
    }
  }
});

test("a window full of continuation lines costs a bounded look", () => {
  let looks = 0;
  groupOf(() => { looks += 1; return "  x"; }, 100_000, 0, 200_000);
  assert.ok(looks < 8000, String(looks));
});
