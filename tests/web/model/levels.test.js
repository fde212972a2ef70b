import assert from "node:assert/strict";
import { test } from "node:test";

import { LEVEL_PATTERNS, countLevels, countedLevel, levelOf, levelWord } from "../../../web/model/levels.js";
import { random } from "./random.js";

/** Lines as loggers write them, with the word that tells, or "" when none does. */
const LINES = /** @type {[string, string | null, string][]} */ ([
  ["2026-11-22 14:02:06,480 ERROR payment timed out", "error", "ERROR"],
  ["2026-11-22T14:02:06.480Z [main] WARN  com.foo.Bar - slow", "warn", "WARN"],
  ["14:02:11.482 [http-nio-8080-exec-1] ERROR c.e.Pay - x", "error", "ERROR"],
  ["Nov 22 14:02:06 host app[12]: ERROR: it broke", "error", "ERROR"],
  ["Nov 22 14:02:06 host app: CRITICAL it broke", "error", "CRITICAL"],
  ["2026/11/22 14:02:06 [error] 123#0: *1 open() failed", "error", "error"],
  ["[Sun Nov 22 14:02:06.123456 2026] [php:warn] [pid 12] x", "warn", "warn"],
  ["[Sun Nov 22 14:02:06.123456 2026] [core:notice] [pid 12] x", "info", "notice"],
  ["ERROR:root:message", "error", "ERROR"],
  ["root - WARNING - message", "warn", "WARNING"],
  ["2026-11-22 14:02:06.123 UTC [123] LOG:  checkpoint", "info", "LOG"],
  ["2026-11-22 14:02:06.123 UTC [123] app@db FATAL:  no role", "error", "FATAL"],
  ["[2026-11-22 14:02:06] production.ERROR: it broke", "error", "ERROR"],
  ["E, [2026-11-22T14:02:06.1 #12] ERROR -- : it broke", "error", "ERROR"],
  ["2026-11-22 14:02:06.1 | DEBUG    | mod:f:12 - x", "debug", "DEBUG"],
  ["[2026-11-22T14:02:06Z TRACE mod] x", "debug", "TRACE"],
  ["2026-11-22T14:02:06Z 42 [Warning] [MY-0123] x", "warn", "Warning"],
  ["E1122 14:02:06.123456   12 file.go:12] it broke", "error", "E"],
  ["I1122 14:02:06.123456   12 file.go:12] fine", "info", "I"],
  ["<3>kernel: it broke", "error", "<3>"],
  ["<34>1 2026-11-22T14:02:06Z host app - - - x", "error", "<34>"],
  ["<30>Nov 22 14:02:06 host app: x", "info", "<30>"],
  ['{"ts":1,"level":"error","msg":"x"}', "error", "error"],
  ['{"msg":"level is \\"level\\":\\"error\\" here","level":"info"}', "info", "info"],
  ['{"level":50,"time":1,"msg":"pino"}', "error", "50"],
  ['{"severity": "WARNING", "message": "x"}', "warn", "WARNING"],
  ['{"PRIORITY":"4","MESSAGE":"x"}', "warn", "4"],
  ['ts=2026-11-22T14:02:06Z level=warn msg="slow query"', "warn", "warn"],
  ['time="2026" level="error" msg=x', "error", "error"],
  ["INFO request ended with ERROR", "info", "INFO"],
  ["0 errors found", null, ""],
  ["Nov 22 14:02:06 host app: got ERROR from upstream", null, ""],
  ["the server said ERROR", null, ""],
  ["no level=99 here", null, ""],
  ["error: lower case words are the message's", null, ""],
  [`${"x".repeat(130)} ERROR too far`, null, ""],
  ["TERROR MIRRORED INFORMED", null, ""],
  ["", null, ""],
]);

test("levels are read where loggers put them", () => {
  for (const [line, level, word] of LINES) {
    const found = levelOf(line);
    assert.equal(found?.level ?? null, level, line);
    if (found) assert.equal(line.slice(found.from, found.to), word, line);
  }
});

test("words, letters and numbers of fields", () => {
  for (const [word, level] of /** @type {[string, string | null][]} */ ([
    ["Error", "error"], ["W", "warn"], ["3", "error"], ["4", "warn"], ["7", "debug"], ["8", null], ["30", "info"],
    ["60", "error"], ["99", null], ["constructor", null], ["", null], ["x".repeat(50), null],
  ])) {
    assert.equal(levelWord(word), level, word);
  }
});

test("the patterns for the whole log find every line that counts as error or warning", () => {
  for (const name of /** @type {const} */ (["error", "warn"])) {
    // RE2's `(?i:…)` needs a newer JavaScript than the browsers we serve; spell it out here.
    const source = LEVEL_PATTERNS[name].replace(/\(\?i:([^()]*(?:\([^()]*\)[^()]*)*)\)/g, (_, inner) =>
      `(?:${inner.replace(/[A-Za-z]/g, (/** @type {string} */ c, /** @type {number} */ i) =>
        inner[i - 1] === "\\" ? c : `[${c.toLowerCase()}${c.toUpperCase()}]`)})`);
    const re = new RegExp(source);
    for (const [line, level] of LINES) {
      if (level === name && !/^<\d{3}|^<34/.test(line)) assert.match(line, re, line);
      if (level === null && line.length < 60 && !line.includes("ERROR")) assert.doesNotMatch(line, re, line);
    }
  }
});

test("property: counting a block equals counting its lines, in one go or in steps", () => {
  const r = random(4);
  for (let n = 0; n < 400; n += 1) {
    const lines = Array.from({ length: r.int(1, 12) }, () =>
      // A colour within a word hides the word from the count: it costs a look at every coloured line.
      r.next() < 0.5 ? r.pick(LINES)[0] : r.text(20).replaceAll(/[\n\x1b]/g, ""));
    const text = lines.join("\n");
    const want = { errors: 0, warnings: 0 };
    for (const line of lines) {
      const level = countedLevel(line);
      if (level === "error") want.errors += 1;
      if (level === "warn") want.warnings += 1;
    }
    const got = countLevels(text);
    assert.deepEqual({ errors: got.errors, warnings: got.warnings }, want, JSON.stringify(lines));
    let errors = 0;
    let at = 0;
    while (at < text.length) {
      const step = countLevels(text, at, r.int(1, 3));
      errors += step.errors;
      assert.ok(step.next > at);
      at = step.next;
    }
    assert.equal(errors, want.errors);
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
  assert.deepEqual(countLevels(text), { errors: 2, warnings: 0, next: text.length });
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
