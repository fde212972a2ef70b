import assert from "node:assert/strict";
import { test } from "node:test";

import { PALETTE } from "../../../web/model/ansi.js";
import { detectFormat } from "../../../web/model/fields.js";
import { MAX_RUNS, fileColumn, fileRange, rowOf } from "../../../web/model/runs.js";
import { random } from "./random.js";

const context = { zone: "UTC", now: Date.UTC(2026, 10, 22, 14, 30) };

/** @param {string} line @param {import("../../../web/model/runs.js").RowOptions} [options] */
function look(line, options = {}) {
  const row = rowOf(line, { context, format: detectFormat([line]), ...options });
  const own = (/** @type {string} */ fg) => (fg ? `a${PALETTE.dark.indexOf(parseInt(fg.slice(1), 16))}` : "");
  return row.runs.map((run) => (run.cls || run.fg ? `${run.cls}${own(run.fg)}<${run.text}>` : run.text)).join("");
}

test("text: the time steps back, the level stands out, pairs are coloured", () => {
  assert.equal(look("2026-11-22 14:02:07.204 INFO order accepted order=81719 ms=14"),
    "time<2026-11-22 14:02:07.204> lv-info<INFO>msg< order accepted >key<order>=81719 key<ms>=14");
  assert.equal(look("plain text"), "plain text");
  assert.equal(look("    resp = post(url, timeout=30)"), "    resp = post(url, timeout=30)");
  assert.equal(look("14:02:11.482 [main] ERROR c.Pay - it broke"), "time<14:02:11.482> [main] lv-error<ERROR> c.Pay - it broke");
});

test("JSON: time, level, message, then the other fields", () => {
  const line = '{"order":80912,"ts":"2026-11-22T13:37:34.008Z","level":"error","msg":"read \\"x\\"\\n","who":"a b","http":{"s":1},"ok":null}';
  assert.equal(look(line), "time<2026-11-22T13:37:34.008Z> lv-error<ERROR> msg<read \"x\">  " +
    "key<order>=80912 key<who>=\"a b\" key<http>={\"s\":1} key<ok>=null");
  assert.equal(look('{"log":"a\\nb\\n","n":1}'), "msg<a>ctl<␊>msg<b>  key<n>=1");
  assert.equal(look(line, { times: "utc" }).slice(0, 18), "time<13:37:34.008>");
  assert.equal(look(line, { raw: true }), line);
  const row = rowOf(line, { context, format: "json" });
  assert.equal(row.ground, "error");
  assert.equal(row.base, "val");
});

test("logfmt the same way; access logs and syslog in place", () => {
  assert.equal(look('ts=2026-11-22T14:02:06Z caller=x level=warn msg="slow query" ms=812'),
    'time<2026-11-22T14:02:06Z> lv-warn<WARN > msg<slow query>  key<caller>=x key<ms>=812');
  assert.equal(look('::1 - - [22/Nov/2026:14:02:11 +0000] "GET /x HTTP/1.1" 502 166'),
    '::1 - - [time<22/Nov/2026:14:02:11 +0000>] "key<GET> msg</x> dim<HTTP/1.1>" st5<502> 166');
  assert.equal(rowOf('::1 - - [22/Nov/2026:14:02:11 +0000] "GET /x HTTP/1.1" 502 166', { format: "access" }).ground, "error");
  assert.equal(rowOf('::1 - - [22/Nov/2026:14:02:11 +0000] "GET /x HTTP/1.1" 404 166', { format: "access" }).ground, "");
  assert.equal(look("Nov 22 14:02:06 web-01 app[12]: ERROR: it broke"),
    "time<Nov 22 14:02:06> dim<web-01> key<app>dim<[12]>: lv-error<ERROR>msg<: it broke>");
});

test("a line with colours of its own keeps them; other sequences are out of sight, in Raw labels", () => {
  assert.ok(rowOf("\x1b]8;;https://a.b/c\x1b\\x", { raw: true }).runs.every((run) => run.href === ""), "no link from a sequence");
  const line = "\x1b[90m14:02:06\x1b[0m \x1b[31mERROR\x1b[0m x\x1b]0;title\x07y\x1b[2K";
  assert.equal(look(line), "a8<14:02:06> a1<ERROR> xy");
  assert.equal(look(line, { raw: true }), "a8<14:02:06> a1<ERROR> xctl<␛]0;title␇>yctl<␛[2K>");
  assert.equal(rowOf(line).level, "error");
  assert.equal(rowOf(line, { context, times: "previous", reference: context.now }).runs[0]?.text.length, 10);
});

test("marks and hits win over colours, links lead somewhere", () => {
  const line = "14:02:06 ERROR timeout https://a.b/timeout x";
  const at = line.indexOf("timeout");
  const link = line.indexOf("https");
  const marks = [
    { from: at, to: at + 7, cls: "find" }, { from: at + 2, to: at + 4, cls: "mk1" },
    { from: line.indexOf("timeout", at + 7), to: link + 19, cls: "find-cur" },
  ];
  const row = rowOf(line, { context, marks });
  assert.equal(row.runs.map((run) => `${run.cls}<${run.text}>`).join(""),
    "time<14:02:06>< >lv-error<ERROR>< >find<timeout>< >link<https://a.b/>find-cur<timeout>< x>");
  assert.deepEqual(row.runs.filter((run) => run.href).map((run) => run.href), ["https://a.b/timeout", "https://a.b/timeout"]);
});

test("with more than eight colours the hits are kept and the current one above all", () => {
  const line = Array.from({ length: 30 }, (_, i) => `k${i}=x`).join(" ");
  const marks = [...line.matchAll(/x/g)].map((hit, i) => ({ from: hit.index ?? 0, to: (hit.index ?? 0) + 1, cls: i === 25 ? "find-cur" : "find" }));
  const row = rowOf(line, { marks });
  const coloured = row.runs.filter((run) => run.cls !== "");
  assert.equal(coloured.length, MAX_RUNS);
  assert.equal(coloured.filter((run) => run.cls === "find-cur").length, 1);
  assert.equal(row.text, line);
});

test("display offsets and columns of the file find each other", () => {
  const line = '{"level":"info","msg":"tab\\there","n":5,"ts":"2026-11-22T13:37:34.008Z"}';
  const row = rowOf(line, { context, format: "json" });
  assert.equal(row.text, "2026-11-22T13:37:34.008Z INFO  tab␉here  n=5");
  const here = row.text.indexOf("here");
  assert.deepEqual(fileRange(row, here, here + 4), { from: line.indexOf("here"), to: line.indexOf("here") + 4 });
  assert.equal(fileColumn(row, here), line.indexOf("here"));
  assert.deepEqual(fileRange(row, 0, row.text.length), { from: 0, to: line.length });
});

const LINES = [
  "2026-11-22 14:02:07.204 INFO order accepted order=81719 ms=14 https://a.b/c",
  '{"ts":"2026-11-22T13:37:34.008Z","level":"error","msg":"read \\"x\\" \\u202e\\u0301","n":1,"s":"a b"}\r',
  'ts=2026-11-22T14:02:06Z level=warn msg="slow query \\t" ms=812',
  '::1 - - [22/Nov/2026:14:02:11 +0000] "GET /x HTTP/1.1" 502 166 "-" "curl"',
  "Nov 22 14:02:06 web-01 app[12]: ERROR: it broke", "\x1b[31mred\x1b[0m \x1b]0;t\x07 14:02:06",
];

test("property: the columns of all pieces are the line, and runs are bounded and visible", () => {
  const r = random(13);
  for (let n = 0; n < 5000; n += 1) {
    const base = r.pick([...LINES, ""]);
    const cut = r.int(0, base.length);
    const line = r.next() < 0.3 ? base : base.slice(0, cut) + r.text(15) + base.slice(cut);
    const marks = Array.from({ length: r.int(0, 4) }, () => {
      const from = r.int(0, line.length);
      return { from, to: r.int(from, line.length), cls: r.pick(["find", "find-cur", "mk1", "mk4"]) };
    });
    const row = rowOf(line, {
      raw: r.next() < 0.3, format: r.pick([null, "json", "logfmt", "access", "syslog"]), theme: r.pick(["dark", "light"]),
      times: r.pick(["file", "utc", "previous"]), context, reference: context.now, marks, limit: r.pick([10, 80, 4096]),
    });
    const ordered = row.pieces.filter((piece) => piece.from < piece.to).sort((a, b) => a.from - b.from);
    assert.equal(ordered.map((piece) => line.slice(piece.from, piece.to)).join(""), line, JSON.stringify(line));
    assert.equal(ordered.reduce((sum, piece) => sum + piece.to - piece.from, 0), line.length);
    assert.equal(row.text, row.pieces.map((piece) => piece.text).join(""));
    assert.ok(row.runs.filter((run) => run.cls || run.fg || run.bg || run.href).length <= MAX_RUNS);
    assert.doesNotMatch(row.text, /[\0-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\p{Cs}]/u, JSON.stringify(line));
    for (const run of row.runs) assert.match(run.cls, /^[a-z0-9 -]*$/);
    const offset = r.int(0, row.text.length);
    const column = fileColumn(row, offset);
    assert.ok(column >= 0 && column <= line.length);
    const range = fileRange(row, offset, r.int(offset, row.text.length));
    assert.ok(range.from >= 0 && range.from <= range.to && range.to <= line.length);
  }
});

test("a line of 64 KiB makes a row in a moment", () => {
  for (const piece of ["a=b ", "\x1b[31mx", "\\u0041", "https://a.b ", "\u202e", "\"k\":1,", "漢"]) {
    for (const [head, tail] of [["", ""], ['{"k":"', '"}'], ["k=v a=\"", "\""]]) {
      const started = process.cpuUsage().user;
      const line = head + piece.repeat(65_536 / piece.length) + tail;
      const marks = [...line.matchAll(/[abk]/g)].slice(0, 1000).map((hit) => ({ from: hit.index ?? 0, to: (hit.index ?? 0) + 1, cls: "find" }));
      for (const format of /** @type {const} */ ([null, "json", "logfmt"])) rowOf(line, { format, marks, context });
      assert.ok(process.cpuUsage().user - started < 1_500_000, JSON.stringify([head, piece]));
    }
  }
});
