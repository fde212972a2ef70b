import assert from "node:assert/strict";
import { test } from "node:test";

import { MapScale, bars, suffix, ticks, timeLabels } from "../../../web/model/mapscale.js";
import { random } from "./random.js";

const files = [{ name: "a.log.2.gz", size: 600 }, { name: "a.log.1", size: 300 }, { name: "a.log", size: 100 }];

test("places and pixels run over all files", () => {
  const scale = new MapScale(files, 500);
  assert.equal(scale.bytes, 1000);
  assert.equal(scale.toPx(250), 125);
  assert.equal(scale.fraction(125) * scale.bytes, 250);
  assert.deepEqual(scale.boundaries().map(({ px, label }) => [px, label]), [[300, ".2.gz"], [450, ".1"]]);
  assert.equal(scale.fileAt(700), "a.log.1");
  assert.equal(scale.fileAt(5000), "a.log");
  scale.grow(1000);
  assert.equal(scale.toPx(250), 62.5);
});

test("a log without bytes is a map without places", () => {
  for (const scale of [new MapScale([], 100), new MapScale([{ name: "a", size: 0 }], 0), new MapScale([{ name: "a", size: NaN }], 9)]) {
    assert.equal(scale.toPx(50), 0);
    assert.equal(scale.fraction(50) * scale.bytes, 0);
    assert.deepEqual(scale.boundaries(), []);
    assert.ok(scale.frame(0, 0).height > 0);
  }
  assert.equal(new MapScale([], 10).fileAt(0), "");
});

test("property: the scale is monotone and clamped, the frame stays within the map", () => {
  const r = random(18);
  for (let n = 0; n < 1000; n += 1) {
    const scale = new MapScale(Array.from({ length: r.int(1, 6) }, (_, i) => ({ name: `f${i}`, size: r.int(0, 1e12) })), r.int(1, 900));
    let last = -1;
    for (const at of [-5, 0, 1, scale.bytes / 3, scale.bytes, scale.bytes * 2]) {
      const px = scale.toPx(at);
      assert.ok(px >= last && px <= scale.height);
      last = px;
    }
    if (scale.bytes > 0) assert.ok(Math.abs(scale.fraction(scale.toPx(scale.bytes / 7)) * scale.bytes - scale.bytes / 7) <= 1);
    const { top, height } = scale.frame(r.int(-10, scale.bytes), r.int(0, scale.bytes * 2));
    assert.ok(top >= 0 && top + height <= scale.height + 1e-6 && height >= Math.min(10, scale.height) - 1e-6);
  }
});

test("bars add up or repeat buckets, tell what is not scanned, and show single errors", () => {
  assert.deepEqual(bars([[4, 0], [0, 0], null, null], 2), [{ length: 1, errors: 0 }, { length: -1, errors: 0 }]);
  assert.deepEqual(bars([[4]], 3).map((bar) => bar.length), [1, 1, 1]);
  assert.deepEqual(bars([], 2).map((bar) => bar.length), [-1, -1]);
  assert.equal(bars([[10_000, 1]], 1)[0]?.errors, 0.15);
  assert.equal(bars([[4, 4], [1, 0]], 2)[1]?.length, 0.5);
  assert.deepEqual(bars([[1]], 0), []);
  const r = random(19);
  for (let n = 0; n < 300; n += 1) {
    const buckets = Array.from({ length: r.int(0, 50) }, () => r.pick([null, [r.int(0, 900), r.int(0, 9)], [r.int(-5, 5)]]));
    const rows = r.int(0, 60);
    const got = bars(buckets, rows);
    assert.equal(got.length, rows);
    for (const bar of got) assert.ok((bar.length === -1 || (bar.length >= 0 && bar.length <= 1)) && bar.errors >= 0 && bar.errors <= 1);
  }
});

test("suffixes, ticks and time labels", () => {
  assert.equal(suffix("/var/log/syslog.2.gz", "/var/log/syslog"), ".2.gz");
  assert.equal(suffix("app-20261121.log", "app.log"), "-20261121.log");
  assert.equal(suffix("other", "app.log"), "other");
  const scale = new MapScale(files, 500);
  assert.deepEqual(ticks([500, 501, 0, NaN, 900], scale), [0, 250, 251, 450]);
  const day = Date.UTC(2026, 10, 21);
  const points = Array.from({ length: 40 }, (_, i) => ({ at: i * 25, ms: day + i * 3_600_000 }));
  const labels = timeLabels(points, scale, "UTC");
  assert.deepEqual(labels.slice(0, 2), [{ px: 0, text: "Sat 21" }, { px: 75, text: "06:00" }]);
  assert.ok(labels.some(({ text }) => text === "Sun 22"));
  for (const [i, label] of labels.entries()) if (i > 0) assert.ok(label.px - (labels[i - 1]?.px ?? 0) >= 72);
});
