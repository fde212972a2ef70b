import assert from "node:assert/strict";
import { test } from "node:test";

import { Display, MAX_CELLS, cells, cellWidth, label } from "../../../web/model/cells.js";
import { random } from "./random.js";

/** @param {string} line @param {number} [limit] */
function display(line, limit) {
  const d = new Display(line, limit);
  d.show(0, line.length);
  return d;
}

/** @param {string} line @param {number} [limit] */
const shown = (line, limit) => display(line, limit).pieces.map((piece) => piece.text).join("");

/** What must never reach the screen as itself. */
const FORBIDDEN = /[\0-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\p{Cs}\u{e0000}-\u{e007f}]/u;

test("widths: Latin 1, East Asian 2, pictures 2, marks 0", () => {
  for (const [char, width] of /** @type {[string, number][]} */ ([
    ["a", 1], ["é", 1], ["漢", 2], ["한", 2], ["ｗ", 2], ["😀", 2], ["\u0301", 0], ["\ufe0f", 0], ["↓", 1],
    ["─", 1], ["⟨", 1], ["✔", 1], ["🇪", 1],
  ])) {
    assert.equal(cellWidth(char.codePointAt(0) ?? 0), width, char);
  }
  assert.equal(cells("ab漢字"), 6);
});

test("invisible characters are drawn as labels", () => {
  assert.equal(shown("a\x1b]0;t\x07b"), "a␛]0;t␇b");
  assert.equal(shown("x\u202ey"), "x⟨U+202E⟩y");
  assert.equal(shown("\0\x7f\x85\u2028\ufeff\u{e0041}"), "␀␡⟨U+0085⟩⟨U+2028⟩⟨U+FEFF⟩⟨U+E0041⟩");
  assert.equal(shown("\ud800x\udc00"), "⟨U+D800⟩x⟨U+DC00⟩");
  assert.equal(label(0x1b), "␛");
});

test("a carriage return shows inside a line and not at its end; a tab fills to eight", () => {
  assert.equal(shown("a\rb\r"), "a␍b");
  assert.equal(shown("a\tb"), "a       b");
  assert.equal(shown("12345678\tb"), "12345678        b");
  assert.equal(shown("漢\tb"), "漢      b");
});

test("ten thousand marks on one letter take one cell and a count", () => {
  const d = display(`a${"\u0301".repeat(10_000)}b`);
  assert.equal(d.pieces.map((piece) => piece.text).join(""), `a${"\u0301".repeat(8)}⟨+9992 marks⟩b`);
  assert.equal(d.column, 1 + "⟨+9992 marks⟩".length + 1);
  assert.equal(shown("\u0301"), "◌\u0301");
});

test("a row ends at its limit and tells what is left out", () => {
  const d = display("x".repeat(10_000));
  assert.equal(d.column, MAX_CELLS);
  assert.equal(d.cut, 10_000 - MAX_CELLS);
  assert.equal(shown("漢".repeat(10), 8), "漢漢漢漢");
});

test("property: the pieces cover the line once, nothing invisible is left, columns are right", () => {
  const r = random(1);
  for (let n = 0; n < 3000; n += 1) {
    const line = r.text(60);
    const limit = r.pick([8, 20, MAX_CELLS]);
    const middle = r.int(0, line.length);
    const d = new Display(line, limit);
    d.show(0, middle);
    d.show(middle, line.length);
    const text = d.pieces.map((piece) => piece.text).join("");
    assert.equal(d.pieces.map((piece) => line.slice(piece.from, piece.to)).join(""), line);
    assert.doesNotMatch(text, FORBIDDEN);
    assert.equal(d.column, cells(text), JSON.stringify(line));
    assert.ok(d.column <= limit + 24, "a label may stick out, no more");
  }
});

test("a megabyte of the worst is shown in a moment", () => {
  for (const piece of ["\u0301", "\u202e", "\t", "漢", "a\u0301", "\ud800", "😀", "\x1b[31m"]) {
    const started = process.cpuUsage().user;
    display(piece.repeat(1_000_000 / piece.length));
    assert.ok(process.cpuUsage().user - started < 2_000_000, JSON.stringify(piece));
  }
});
