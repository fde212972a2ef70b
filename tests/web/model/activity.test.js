import assert from "node:assert/strict";
import { test } from "node:test";

import { Activity, BARS } from "../../../web/model/sources.js";

const MINUTE = 60_000;
const hour = (/** @type {Activity} */ activity) => [...activity.of("app").bars[1].lines];

test("the hour that the daemon tells is laid over the bars, and goes on with what comes", () => {
  const activity = new Activity(0);
  activity.scale = 1;
  const lines = Array.from({ length: 60 }, (_, i) => i);
  activity.hour({ app: [lines, lines.map(() => 0), lines.map((n) => (n === 59 ? 2 : 0))] }, 0);
  assert.deepEqual(hour(activity), Array.from({ length: BARS }, (_, k) => 9 * k + 3));
  assert.equal(activity.told("app"), "1,770 lines, 2 errors in the last hour");
  activity.add("app", 30, 0, 1000, true);
  assert.equal(hour(activity)[BARS - 1], 174 + 30);
  activity.tick(3 * MINUTE);
  assert.equal(hour(activity)[BARS - 2], 174 + 30);
  assert.equal(hour(activity)[BARS - 1], 0);
  activity.tick(300 * MINUTE);
  assert.equal(activity.told("app"), "");
});

test("an hour that has just begun, and one that is told again after a reconnect", () => {
  const activity = new Activity(0);
  activity.scale = 1;
  for (let k = 0; k < 2; k += 1) activity.hour({ app: [[5, 7], [0, 0], [0, 0]] }, 0);
  assert.deepEqual(hour(activity).slice(-2), [0, 12]);
  assert.equal(activity.told("other"), "");
});

test("a view is drawn as the sum of its logs", () => {
  const activity = new Activity(0);
  activity.add("a", 3, 1, 0, true);
  activity.add("b", 4, 0, 0, true);
  activity.add("c", 5, 0, 0, true);
  assert.deepEqual(activity.bars(["a", "b", "gone"]).slice(-2), [[0, 0], [7, 1]]);
  assert.deepEqual(activity.bars(["gone"]), []);
});

test("the rate is of the last seconds, whatever is drawn", () => {
  const activity = new Activity(0);
  activity.scale = 1;
  for (let t = 0; t < 30; t += 1) activity.add("app", 8, 0, t * 1000, true);
  assert.equal(activity.rate("app"), 8);
});

test("how much comes, and since when nothing does", () => {
  const activity = new Activity(0);
  assert.equal(activity.pace("app", 0), "");
  for (let t = 0; t < 30; t += 1) activity.add("app", 8, 0, t * 1000, true, 10_000);
  assert.equal(activity.pace("app", 30_500), "8 lines/s, 300 kB/min, last line 1.5 s ago");
  activity.tick(80_000);
  assert.equal(activity.pace("app", 80_000), "90 kB/min, last line 51 s ago");
  assert.equal(activity.pace("app", 600_000), "", "that it is quiet is told otherwise");
});
