import assert from "node:assert/strict";
import { test } from "node:test";

import { Lag, backOff, start, update } from "../../../web/model/protocol.js";

const closed = (/** @type {number} */ code) => /** @type {const} */ ({ type: "closed", code, reason: "r", now: 1000, random: 0.5 });

test("tries come at half a second, doubled up to fifteen, with 30 % of chance", () => {
  assert.deepEqual([1, 2, 3, 4, 5, 6, 7, 50].map((tries) => backOff(tries, 0.5)), [500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
  assert.equal(backOff(1, 0), 350);
  assert.equal(backOff(1, 1), 650);
  assert.ok(Number.isFinite(backOff(1e9, 1)));
});

test("every way in which a connection ends has its name, and the tries add up until it is open again", () => {
  let state = start();
  for (let n = 1; n <= 3; n += 1) {
    state = update(update(state, closed(1006)), { type: "try" });
    assert.deepEqual([state.phase, state.tries], ["connecting", n]);
  }
  state = update(state, { type: "open" });
  assert.deepEqual([state.phase, state.tries], ["live", 0]);
  assert.equal(update(state, closed(1006)).at, 1500);
  assert.equal(update(state, closed(1001)).phase, "stopped");
  assert.equal(update(state, closed(1008)).phase, "refused");
  assert.equal(update(state, closed(1013)).phase, "refused");
  assert.equal(update(state, closed(4999)).phase, "waiting");
  assert.equal(update(state, { type: "offline" }).phase, "offline");
  const out = update(state, { type: "signed-out" });
  assert.equal(update(out, closed(1006)).phase, "signed-out", "no use to try without a session");
});

test("lag is what exceeds the difference of the clocks, whichever is ahead", () => {
  for (const offset of [0, 5000, -5000]) {
    const lag = new Lag();
    lag.add(1000, 1000 + offset + 3);
    assert.equal(Math.round(lag.add(2000, 2000 + offset + 12)), 9);
    assert.ok(lag.add(3000, 3000 + offset + 3) <= 1);
    assert.ok(lag.ms >= 0);
  }
  const lag = new Lag();
  lag.add(0, 0);
  for (let n = 1; n < 10; n += 1) assert.ok(lag.add(n * 1000, n * 1000 + 4000) > 3900, "being late for long does not become normal");
});
