import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { PALETTE, PLAIN, ansiSpans, paint, stripControls } from "../../../web/model/ansi.js";
import { random } from "./random.js";

/** What a line looks like: text with its classes. @param {string} line */
function look(line) {
  return (ansiSpans(line) ?? []).filter((span) => span.kind === "text")
    .map(({ from, to, style }) => {
      const { cls, fg } = paint(style, "dark");
      return [line.slice(from, to), [cls, fg && `a${PALETTE.dark.indexOf(parseInt(fg.slice(1), 16))}`].filter(Boolean).join(" ")];
    });
}

test("colours and styles of SGR are obeyed", () => {
  assert.deepEqual(look("\x1b[31mred\x1b[0m plain"), [["red", "a1"], [" plain", ""]]);
  assert.deepEqual(look("\x1b[1;4;92mx\x1b[22;24my\x1b[39mz"), [["x", "bold underline a10"], ["y", "a10"], ["z", ""]]);
  assert.deepEqual(look("\x9b33mx\x1b[my"), [["x", "a3"], ["y", ""]]);
  assert.deepEqual(look("\x1b[38;5;9mx"), [["x", "a9"]]);
  assert.deepEqual(look("\x1b[4:3mx\x1b[4:0my"), [["x", "underline"], ["y", ""]]);
});

test("256 and true colours are given as colours that can be read on every row", () => {
  const style = (/** @type {string} */ line) => (ansiSpans(line) ?? []).find((span) => span.kind === "text")?.style;
  const painted = (/** @type {string} */ line, /** @type {"dark" | "light"} */ theme) => {
    const found = style(line);
    return found ? paint(found, theme) : assert.fail(line);
  };
  assert.equal(painted("\x1b[38;2;255;200;0mx", "dark").fg, "#ffc800");
  assert.equal(painted("\x1b[38:2::255:200:0mx", "dark").fg, "#ffc800");
  assert.equal(painted("\x1b[38:2:255:200:0mx", "dark").fg, "#ffc800");
  assert.notEqual(painted("\x1b[38;2;255;200;0mx", "light").fg, "#ffc800");
  assert.equal(painted("\x1b[38;5;196mx", "dark").bg, "");
  const hidden = painted("\x1b[31;41mx", "dark");
  assert.ok(ratio(hidden.fg, hidden.bg) >= 4.5, "text in the colour of its ground is shown");
  const black = painted("\x1b[38;5;16mx", "dark");
  assert.ok(ratio(black.fg, "#0c0f13") >= 4.5);
  assert.deepEqual(look("\x1b[8mhidden"), [["hidden", ""]]);
});

test("everything that is not SGR is found whole, and a sequence without an end is not one", () => {
  const kinds = (/** @type {string} */ line) => (ansiSpans(line) ?? []).map((span) => `${span.kind}:${line.slice(span.from, span.to)}`);
  assert.deepEqual(kinds("a\x1b]0;title\x07b"), ["text:a", "other:\x1b]0;title\x07", "text:b"]);
  assert.deepEqual(kinds("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\"),
    ["other:\x1b]8;;http://x\x1b\\", "text:link", "other:\x1b]8;;\x1b\\"]);
  assert.deepEqual(kinds("\x1b[2J\x1b[?25lx"), ["other:\x1b[2J", "other:\x1b[?25l", "text:x"]);
  assert.deepEqual(kinds("\x1bPq\x1b\\\x1b(B"), ["other:\x1bPq\x1b\\", "other:\x1b(B"]);
  assert.deepEqual(kinds("\x1b]52;c;no end"), ["text:\x1b]52;c;no end"]);
  assert.deepEqual(kinds("\x1b"), ["text:\x1b"]);
  assert.deepEqual(kinds("\x1b[>4;2m"), ["other:\x1b[>4;2m"]);
  assert.equal(ansiSpans("plain"), null);
});

test("more parameters or length than anyone needs is not obeyed", () => {
  assert.equal(ansiSpans(`\x1b[${"1;".repeat(20)}1mx`)?.[0]?.kind, "other");
  assert.equal(ansiSpans(`\x1b[${"1".repeat(500)}mx`)?.[0]?.kind, "other");
});

test("a copy holds no sequences and no controls, but keeps tabs and lines", () => {
  assert.deepEqual(stripControls("a\x1b[31mb\x1b[0m\tc\r\nd\0"), { text: "ab\tc\nd", removed: 4 });
  assert.deepEqual(stripControls("plain é 漢\u202e"), { text: "plain é 漢\u202e", removed: 0 });
});

test("property: spans cover any line in order; a copy has no control left", () => {
  const r = random(6);
  for (let n = 0; n < 4000; n += 1) {
    const line = r.text(50);
    const spans = ansiSpans(line);
    if (spans) assert.equal(spans.map((span) => line.slice(span.from, span.to)).join(""), line);
    let at = 0;
    for (const span of spans ?? []) {
      assert.equal(span.from, at);
      assert.ok(span.to > span.from);
      at = span.to;
      const { cls, fg, bg } = paint(span.style, "light");
      assert.match(cls, /^(?:(?:bold|italic|underline|strike|dim|a\d+)(?: |$))*$/);
      assert.match(fg + bg, /^(?:#[0-9a-f]{6}){0,2}$/);
    }
    assert.doesNotMatch(stripControls(line).text, /[\0-\x08\x0b-\x1f\x7f-\x9f]/);
  }
});

test("a megabyte of broken sequences is read in a moment", () => {
  for (const piece of ["\x1b", "\x1b]", "\x1b[", "\x1b[1;", "\x9d", "\x1b[31m", "\x1bP\x1b", "\x1b   "]) {
    const started = process.cpuUsage().user;
    const text = piece.repeat(1_000_000 / piece.length);
    ansiSpans(text);
    stripControls(text);
    assert.ok(process.cpuUsage().user - started < 3_000_000, JSON.stringify(piece));
  }
});

/** @param {string} a @param {string} b */
function ratio(a, b) {
  const light = (/** @type {string} */ hex) => [0.2126, 0.7152, 0.0722].reduce((sum, weight, i) => {
    const c = parseInt(hex.slice(1 + 2 * i, 3 + 2 * i), 16) / 255;
    return sum + weight * (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  }, 0);
  const [high, low] = [light(a), light(b)].sort((x, y) => y - x);
  return (/** @type {number} */ (high) + 0.05) / (/** @type {number} */ (low) + 0.05);
}

test("property: any colour becomes readable on any ground", () => {
  const r = random(8);
  const colour = () => 0x1000000 + r.int(0, 0xffffff);
  for (let n = 0; n < 3000; n += 1) {
    const style = { ...PLAIN, fg: colour(), bg: colour() };
    const { fg, bg } = paint(style, "dark");
    assert.equal(bg, `#${(style.bg - 0x1000000).toString(16).padStart(6, "0")}`);
    assert.ok(ratio(fg, bg) >= 4.5, `${fg} on ${bg}`);
  }
});

test("text turned inside out has the style sheet's text as its ground", () => {
  const css = readFileSync(new URL("../../../web/tokens.css", import.meta.url), "utf8");
  const inside = { ...PLAIN, inverse: true };
  assert.ok(css.includes(`--text: light-dark(${paint(inside, "light").bg}, ${paint(inside, "dark").bg});`));
});
