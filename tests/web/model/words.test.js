import assert from "node:assert/strict";
import { test } from "node:test";

import * as words from "../../../web/model/words.js";

test("counts carry separators, short counts a unit, and both stay narrow", () => {
  assert.equal(words.count(1284), "1,284");
  assert.equal(words.short(0), "0");
  assert.equal(words.short(999), "999");
  assert.equal(words.short(1000), "1k");
  assert.equal(words.short(9400), "9.4k");
  assert.equal(words.short(94_000), "94k");
  assert.equal(words.short(999_600), "1M");
  assert.equal(words.short(4_812_930), "4.8M");
});

test("sizes are in powers of 1000 with one decimal below ten", () => {
  assert.equal(words.bytes(0), "0 bytes");
  assert.equal(words.bytes(1), "1 byte");
  assert.equal(words.bytes(999), "999 bytes");
  assert.equal(words.bytes(2_400_000), "2.4 MB");
  assert.equal(words.bytes(12_345), "12 kB");
  assert.equal(words.bytes(999_999), "1 MB");
  assert.equal(words.bytes(1_200_000_000), "1.2 GB");
});

test("plurals agree with their number", () => {
  assert.equal(words.plural(1, "line"), "1 line");
  assert.equal(words.plural(0, "line"), "0 lines");
  assert.equal(words.plural(1284, "new line"), "1,284 new lines");
  assert.equal(words.plural(2, "match", "matches"), "2 matches");
});

test("durations name the units that matter", () => {
  const cases = /** @type {[number, string][]} */ ([
    [0, "0 ms"], [9, "9 ms"], [200, "0.2 s"], [9_940, "9.9 s"], [30_000, "30 s"], [59_900, "1 min"],
    [240_000, "4 min"], [12_000_000, "3 h 20 min"], [7_200_000, "2 h"], [90_000_000, "1 day 1 h"],
    [172_800_000, "2 days"], [86_400_000 * 12, "12 days"], [-500, "0.5 s"],
  ]);
  for (const [ms, text] of cases) assert.equal(words.duration(ms), text);
});

test("dates and clocks are read in the zone that is asked for", () => {
  const at = Date.UTC(2026, 10, 22, 14, 2, 6);
  assert.equal(words.dateTime(at), "22 Nov 2026 14:02:06");
  assert.equal(words.clock(at, "Europe/Berlin"), "15:02:06");
  assert.equal(words.clock(at, "-03:30"), "10:32:06");
  assert.equal(words.clockShort(at), "14:02");
  assert.equal(words.dayLabel(at), "Sun 22");
  assert.equal(words.dayTime(at), "Sun 22 Nov 14:02:06");
});

test("offsets follow summer time and survive nonsense", () => {
  assert.equal(words.offsetAt(Date.UTC(2026, 6, 1), "Europe/Berlin"), 120);
  assert.equal(words.offsetAt(Date.UTC(2026, 11, 1), "Europe/Berlin"), 60);
  assert.equal(words.offsetAt(Date.UTC(2026, 11, 1), "Asia/Kathmandu"), 345);
  assert.equal(words.offsetAt(Date.UTC(2026, 11, 1), "No/Where"), 0);
  assert.equal(words.offsetAt(NaN, "Europe/Berlin"), 0);
});

test("every function answers any number with text", () => {
  const odd = [NaN, Infinity, -Infinity, -1, 1e300, 8.64e15, -8.64e15, 0.0001];
  for (const n of odd) {
    for (const f of [words.count, words.short, words.bytes, words.rate, words.percent, words.duration,
      words.date, words.clock, words.dateTime, words.dayLabel, words.dayTime]) {
      assert.equal(typeof f(n), "string", `${f.name}(${n})`);
    }
  }
});

test("names are shortened in the middle, and only when too long", () => {
  assert.equal(words.middle("orders-api", 20), "orders-api");
  assert.equal(words.middle("postgresql-15-main.log", 11), "postg…n.log");
  assert.equal(words.middle("😀".repeat(50), 5), "😀😀…😀😀");
});
