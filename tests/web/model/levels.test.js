import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { countLevels, levelOf, levelWord } from "../../../web/model/levels.js";
import { random } from "./random.js";

/** @type {Record<string, string | null>} */
const NAMES = {
  FATAL: "error", ERROR: "error", WARNING: "warn", NOTICE: "info", INFO: "info", DEBUG: "debug", TRACE: "debug", "-": null,
};
/** Lines as real programs write them; the daemon's tests read the same file. */
const LINES = readFileSync(new URL("../../text/levels.txt", import.meta.url), "utf8").split("\n").slice(0, -1)
  .map((row) => ({ level: NAMES[row.slice(0, 9).trim()], line: row.slice(9).replaceAll("␛", "\x1b") }));

test("real lines have the level that their logger gave them, as in the daemon", () => {
  assert.ok(LINES.length > 50);
  for (const { line, level } of LINES) assert.equal(levelOf(line)?.level ?? null, level, line);
});

test("the columns are those of the word", () => {
  for (const [line, word] of /** @type {[string, string][]} */ ([
    ["2026-11-22 14:02:06,480 ERROR payment timed out", "ERROR"], ['{"ts":1,"level": "error","msg":"x"}', "error"],
    ["ts=1 level=warn msg=x", "warn"], ["E1122 14:02:06.123456   12 file.go:12] it broke", "E"], ["<3>kernel: x", "3"],
    ["\x1b[90m14:02:06\x1b[0m \x1b[31mERROR\x1b[0m x", "ERROR"], ["[Sun Nov 22 2026] [php:warn] [pid 12] x", "warn"],
    ['::1 - - [22/Nov/2026:14:02:11 +0000] "GET / HTTP/1.1" 502 1', "502"],
  ])) {
    const found = levelOf(line);
    assert.equal(found && line.slice(found.from, found.to), word, line);
  }
  assert.equal(levelOf(`${"1".repeat(118)} ERROR too far`), null);
});

test("words and numbers of fields", () => {
  for (const [word, level] of /** @type {[string, string | null][]} */ ([
    ["Error", "error"], ["3", "error"], ["4", "warn"], ["7", "debug"], ["8", null], ["30", "info"],
    ["60", "error"], ["99", null], ["constructor", null], ["", null], ["x".repeat(50), null],
  ])) {
    assert.equal(levelWord(word), level, word);
  }
});

test("property: counting a block equals counting its lines, in one go or in steps", () => {
  const r = random(4);
  for (let n = 0; n < 400; n += 1) {
    const lines = Array.from({ length: r.int(1, 12) }, () =>
      r.next() < 0.5 ? r.pick(LINES).line : r.text(20).replaceAll("\n", ""));
    const text = lines.join("\n");
    const want = { errors: 0, warnings: 0 };
    for (const line of lines) {
      const level = levelOf(line)?.level;
      if (level === "error") want.errors += 1;
      if (level === "warn") want.warnings += 1;
    }
    assert.deepEqual(countLevels(text), want, JSON.stringify(lines));
    const most = r.int(0, 3);
    const some = countLevels(text, most);
    assert.ok(some.errors + some.warnings <= Math.min(most, want.errors + want.warnings));
  }
});

test("levels of coloured lines are read through their colours", () => {
  assert.equal(levelOf("\x1b[90m14:02:06\x1b[0m \x1b[1;31mERROR\x1b[0m it broke")?.level, "error");
  assert.equal(countLevels("\x1b[31mERROR\x1b[0m a\n\x1b[33mWARN\x1b[0m b").warnings, 1);
});

test("HTTP 5xx of an access log counts as an error, 4xx and 200 do not", () => {
  const line = (/** @type {number} */ status) =>
    `203.0.113.7 - - [22/Nov/2026:14:02:11 +0000] "POST /pay HTTP/1.1" ${status} 166 "-" "curl/8"`;
  const text = [200, 404, 502, 503].map(line).join("\n");
  assert.deepEqual(countLevels(text), { errors: 2, warnings: 0 });
});

test("any string has a level or none, in linear time", () => {
  const r = random(5);
  for (let n = 0; n < 3000; n += 1) {
    const line = r.text(40);
    const found = levelOf(line);
    if (found) assert.ok(found.from >= 0 && found.to <= line.length && found.from <= found.to);
  }
  for (const piece of ["ERROR", "[error", "\"level\": ", "level=", "<3>", " ", "a ", "ERR\n", "\"level\":\n"]) {
    const started = process.cpuUsage().user;
    const text = piece.repeat(2_000_000 / piece.length);
    levelOf(text);
    countLevels(text);
    assert.ok(process.cpuUsage().user - started < 3_000_000, JSON.stringify(piece));
  }
});
