import assert from "node:assert/strict";
import { test } from "node:test";

import { cells } from "../../../web/model/cells.js";
import { breakRuns, toDisplay, wrap } from "../../../web/model/layout.js";
import { random } from "./random.js";

/** @param {string} text @param {number} columns @param {number} [indent] */
function lines(text, columns, indent) {
  const breaks = [0, ...wrap(text, columns, indent), text.length];
  return breaks.slice(1).map((end, i) => text.slice(breaks[i], end));
}

test("what fits is one line", () => {
  assert.deepEqual(wrap("", 80), []);
  assert.deepEqual(wrap("x".repeat(80), 80), []);
  assert.equal(wrap("x".repeat(81), 80).length, 1);
});

test("breaks come after spaces and the signs of addresses, else at the cell", () => {
  assert.deepEqual(lines("order accepted order=81718", 16), ["order accepted ", "order=81718"]);
  assert.deepEqual(lines("/api/v1/orders?page=3&size=50", 16), ["/api/v1/orders?", "page=3&size=50"]);
  assert.deepEqual(lines("x".repeat(30), 16), ["x".repeat(16), "x".repeat(14)]);
  assert.deepEqual(lines("x".repeat(40), 16), ["x".repeat(16), "x".repeat(14), "x".repeat(10)]);
});

test("the slashes of an address stay together, and with its host", () => {
  assert.deepEqual(lines("see https://example.org/a/b", 13), ["see ", "https://exa", "mple.org/a/", "b"]);
  assert.deepEqual(lines("a b //srv/share", 8), ["a b ", "//srv/", "share"]);
});

test("a space at the edge hangs over it and makes no line of its own", () => {
  assert.deepEqual(lines(`${"x".repeat(16)} y`, 16), [`${"x".repeat(16)} `, "y"]);
  assert.deepEqual(wrap(`${"x".repeat(16)} `, 16), []);
  assert.deepEqual(lines(`${"x".repeat(16)}  y`, 16), [`${"x".repeat(16)}  `, "y"]);
});

test("wide characters are not cut in half", () => {
  assert.deepEqual(lines("漢字漢字漢字漢字漢字", 9, 0), ["漢字漢字", "漢字漢字", "漢字"]);
});

test("property: lines fit, lose nothing, and make progress", () => {
  const r = random(2);
  const pieces = ["a", "bc", "def ", " ", ",", "/", "?x=1&", "漢", "😀", "e\u0301", "word", "a-very-long-word-of-letters"];
  for (let n = 0; n < 4000; n += 1) {
    const text = r.text(40, pieces);
    const columns = r.int(1, 60);
    const indent = r.int(0, 6);
    const first = Math.max(8, columns);
    const got = lines(text, columns, indent);
    assert.equal(got.join(""), text);
    got.forEach((line, i) => {
      const width = i === 0 ? first : Math.max(4, first - indent);
      const hanging = line.endsWith("  ") ? 2 : line.endsWith(" ") ? 1 : 0;
      assert.ok(cells(line) - hanging <= width, JSON.stringify({ text, columns, indent, line }));
      assert.ok(line.length > 0 || text === "");
    });
  }
});

test("property: breaking runs keeps their text and finds the way back", () => {
  const r = random(3);
  for (let n = 0; n < 1500; n += 1) {
    const runs = Array.from({ length: r.int(1, 8) }, (_, i) => ({ text: r.text(8, ["ab", " ", "漢", "/"]), cls: String(i) }));
    const text = runs.map((run) => run.text).join("");
    const breaks = wrap(text, 8);
    const broken = breakRuns(runs, breaks);
    assert.deepEqual(broken.map((run) => run.cls), runs.map((run) => run.cls));
    assert.deepEqual(broken.map((run) => run.text.replaceAll("\n", "")), runs.map((run) => run.text));
    const whole = broken.map((run) => run.text).join("");
    assert.deepEqual(whole.split("\n"), lines(text, 8));
    for (let offset = 0; offset <= whole.length; offset += 1) {
      assert.equal(toDisplay(offset, breaks), whole.slice(0, offset).replaceAll("\n", "").length);
    }
  }
});
