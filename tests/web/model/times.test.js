import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { parseGoTo } from "../../../web/model/goto.js";
import { findTime, showTime, timeOf } from "../../../web/model/times.js";
import { random } from "./random.js";

const now = Date.UTC(2026, 10, 22, 14, 30, 0);
const utc = { zone: "UTC", now };
const berlin = { zone: "Europe/Berlin", now };

/** @param {string} line @param {{zone: string, now: number}} [context] */
function read(line, context = utc) {
  const found = findTime(line, context);
  return found ? [line.slice(found.from, found.to), new Date(found.ms).toISOString()] : null;
}

test("times are found in the forms that logs use", () => {
  const at = "2026-11-22T14:02:06.480Z";
  const second = "2026-11-22T14:02:06.000Z";
  for (const [line, text, iso] of /** @type {[string, string, string][]} */ ([
    ["2026-11-22T14:02:06.480Z INFO x", "2026-11-22T14:02:06.480Z", at],
    ["2026-11-22 14:02:06,480 INFO x", "2026-11-22 14:02:06,480", at],
    ["2026-11-22T15:02:06.480+01:00 x", "2026-11-22T15:02:06.480+01:00", at],
    ["2026-11-22 15:02:06.480 +0100 x", "2026-11-22 15:02:06.480 +0100", at],
    ["2026-11-22 14:02:06.480 UTC [12] LOG", "2026-11-22 14:02:06.480 UTC", at],
    ["2026-11-22T14:02:06.480123456Z x", "2026-11-22T14:02:06.480123456Z", at],
    ["2026/11/22 14:02:06 [error] 1#0", "2026/11/22 14:02:06", second],
    ["20261122T140206Z x", "20261122T140206Z", second],
    ['1.2.3.4 - - [22/Nov/2026:14:02:06 +0000] "GET /', "22/Nov/2026:14:02:06 +0000", second],
    ["22-Nov-2026 14:02:06.480 queries: info", "22-Nov-2026 14:02:06.480", at],
    ["Date: Sun, 22 Nov 2026 14:02:06 +0000", "22 Nov 2026 14:02:06 +0000", second],
    ["Nov 22 14:02:06 host app: x", "Nov 22 14:02:06", second],
    ["<30>Nov 22 14:02:06 host app: x", "Nov 22 14:02:06", second],
    ["[Sun Nov 22 14:02:06.480123 2026] [core:info]", "Nov 22 14:02:06.480123 2026", at],
    ["E1122 14:02:06.480000    1 file.go:1] x", "E1122 14:02:06.480000", at],
    ["1795356126 x", "1795356126", second],
    ["1795356126.480 squid", "1795356126.480", at],
    ["[1795356126480] x", "1795356126480", at],
    ["14:02:06.480 INFO x", "14:02:06.480", at],
    ["app | 2026-11-22 14:02:06 x", "2026-11-22 14:02:06", second],
  ])) {
    assert.deepEqual(read(line), [text, iso], line);
  }
});

test("real lines have the time that they say, as in the daemon", () => {
  const sample = readFileSync(new URL("../../text/times.txt", import.meta.url), "utf8").trim().split("\n");
  assert.ok(sample.length > 30);
  for (const row of sample) {
    const [, want = "", line = ""] = /^[^|]*\|([^|]*)\| ?(.*)$/.exec(row) ?? [];
    const ms = timeOf(line, { zone: "UTC", now: Date.UTC(2026, 10, 22, 15) });
    assert.ok(Math.abs(ms - Date.parse(`${want.trim().slice(0, 23)}Z`)) < 1, `${line}: ${ms}`);
  }
});

test("numbers and words that are no times are left alone", () => {
  for (const line of ["", "took 14:02:06 to run", "id 1795356126", "2026-13-22 14:02:06", "99:99:99 x",
    "Nov 45 14:02:06", "port 12345678901 open", "Mayor of 12", "1.2.3.4", "2026-11-22", "x2026-11-22T14:02:06Z"]) {
    assert.equal(read(line), null, line);
  }
});

test("a time without a zone is in the daemon's, one without a year the nearest past", () => {
  assert.deepEqual(read("2026-11-22 15:02:06 x", berlin)?.[1], "2026-11-22T14:02:06.000Z");
  assert.deepEqual(read("2026-07-01 15:02:06 x", berlin)?.[1], "2026-07-01T13:02:06.000Z");
  assert.deepEqual(read("Dec 31 23:59:59 host x")?.[1], "2025-12-31T23:59:59.000Z");
  assert.deepEqual(read("Nov 22 20:00:00 host x")?.[1], "2026-11-22T20:00:00.000Z");
  assert.deepEqual(read("Jan  1 00:00:01 x", { zone: "UTC", now: Date.UTC(2026, 11, 31, 23, 59) })?.[1],
    "2027-01-01T00:00:01.000Z");
  assert.deepEqual(read("18:00:00 x")?.[1], "2026-11-21T18:00:00.000Z");
});

test("JSON lines have their time in a field, wherever it stands", () => {
  const want = Date.UTC(2026, 10, 22, 14, 2, 6, 480);
  assert.equal(timeOf('{"ts":"2026-11-22T14:02:06.480Z","msg":"at 2020-01-01T00:00:00Z"}', utc), want);
  assert.equal(timeOf('{"msg":"2020-01-01T00:00:00Z","time": 1795356126480}', utc), want);
  assert.equal(timeOf(`{"log":"${"x".repeat(9000)}","time":"2026-11-22T14:02:06.480Z"}`, utc), want);
  assert.ok(Number.isNaN(timeOf('{"msg":"none"}', utc)));
  assert.ok(Number.isNaN(timeOf("    at com.foo.Bar", utc)));
});

test("times are shown as local, UTC and differences", () => {
  const found = { ms: Date.UTC(2026, 10, 22, 14, 2, 6, 480), digits: 3 };
  assert.equal(showTime(found, "file", utc), null);
  assert.equal(showTime(found, "utc", utc), "14:02:06.480");
  assert.equal(showTime(found, "local", { ...utc, local: "Asia/Tokyo" }), "23:02:06.480");
  assert.equal(showTime({ ...found, digits: 0 }, "utc", utc), "14:02:06");
  assert.equal(showTime({ ...found, ms: found.ms - 86_400_000 }, "utc", utc), "21 Nov 14:02:06.480");
  assert.equal(showTime(found, "previous", utc, found.ms - 284), "  +0.284 s");
  assert.equal(showTime(found, "bookmark", utc, found.ms + 400_000), "    -7 min");
  assert.equal(showTime(found, "previous", utc), " ".repeat(10));
});

test("go to time takes the six forms and says how it reads them", () => {
  const echo = (/** @type {string} */ text, context = utc) => {
    const read = parseGoTo(text, context);
    return "echo" in read ? read.echo : read.error;
  };
  assert.equal(echo("14:02"), "Sun 22 Nov 14:02:00 UTC");
  assert.equal(echo("14:02:11"), "Sun 22 Nov 14:02:11 UTC");
  assert.equal(echo("18:00"), "Sat 21 Nov 18:00:00 UTC");
  assert.equal(echo("yesterday 18:00"), "Sat 21 Nov 18:00:00 UTC");
  assert.equal(echo("Yesterday"), "Sat 21 Nov 00:00:00 UTC");
  assert.equal(echo("today 9:05"), "Sun 22 Nov 09:05:00 UTC");
  assert.equal(echo("fri 10:00"), "Fri 20 Nov 10:00:00 UTC");
  assert.equal(echo("sunday 10:00"), "Sun 15 Nov 10:00:00 UTC");
  assert.equal(echo("-15m"), "Sun 22 Nov 14:15:00 UTC");
  assert.equal(echo("-1h30m"), "Sun 22 Nov 13:00:00 UTC");
  assert.equal(echo("2026-11-20T06:00:00Z"), "Fri 20 Nov 06:00:00 UTC");
  assert.equal(echo("2026-11-20 06:00"), "Fri 20 Nov 06:00:00 UTC");
  assert.equal(echo("2026-11-20"), "Fri 20 Nov 00:00:00 UTC");
  assert.equal(echo("2025-11-20"), "Thu 20 Nov 00:00:00 2025 UTC");
  assert.equal(echo("20 Nov 06:00"), "Fri 20 Nov 06:00:00 UTC");
  assert.equal(echo("1795356126"), "Sun 22 Nov 14:02:06 UTC");
  assert.equal(echo("14:02", { ...utc, zone: "Europe/Berlin" }), "Sun 22 Nov 14:02:00 UTC+01:00");
  for (const bad of ["", "soon", "25:00", "14:99", "-15", "-x", "2026-13-01", "99999999999999999999", "12"]) {
    assert.ok("error" in parseGoTo(bad, utc), bad);
  }
});

test("property: any string is read without error, in bounds, and any clock round-trips", () => {
  const r = random(9);
  for (let n = 0; n < 3000; n += 1) {
    const line = r.text(40);
    const found = findTime(line, utc);
    if (found) assert.ok(found.to > found.from && found.to <= line.length && Number.isFinite(found.ms));
    parseGoTo(line, berlin);
    timeOf(line, berlin);
    const ms = r.int(Date.UTC(2001, 9, 10) / 1000, Date.UTC(2026, 10, 22) / 1000) * 1000;
    assert.equal(findTime(new Date(ms).toISOString(), utc)?.ms, ms);
    assert.equal(findTime(String(ms / 1000), utc)?.ms, ms);
  }
  for (const piece of ["2026-11-22T", "1", "Nov ", "\"ts\":", "{\"time\":\"", ":"]) {
    const started = process.cpuUsage().user;
    const text = piece.repeat(1_000_000 / piece.length);
    findTime(text, utc);
    timeOf(`{${text}`, utc);
    parseGoTo(text, utc);
    assert.ok(process.cpuUsage().user - started < 1_000_000, piece);
  }
});
