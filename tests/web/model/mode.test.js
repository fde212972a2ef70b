import assert from "node:assert/strict";
import { test } from "node:test";

import { start, update } from "../../../web/model/mode.js";
import { random } from "./random.js";

const scrolled = (/** @type {object} */ more = {}) =>
  /** @type {const} */ ({ type: "scrolled", down: true, toEnd: 0, row: 20, last: true, now: 5, ...more });

test("intent leaves following, and only going to the end or scrolling onto it returns", () => {
  for (const type of /** @type {const} */ (["up", "jump", "stop"])) {
    const reading = update(start(), { type, now: 7 });
    assert.deepEqual(reading, { mode: "reading", lines: 0, errors: 0, since: 7 });
    assert.equal(update(reading, { type: "end", now: 8 }).mode, "following");
    assert.equal(update(reading, scrolled()).mode, "following");
    assert.equal(update(reading, scrolled({ toEnd: 20 })).mode, "following", "a row away is there");
    assert.equal(update(reading, scrolled({ toEnd: 21 })).mode, "reading");
    assert.equal(update(reading, scrolled({ down: false })).mode, "reading", "upwards never follows");
    assert.equal(update(reading, scrolled({ last: false })).mode, "reading", "the end of what is loaded is not the end");
  }
});

test("property: arrivals never change the mode, and the count is exactly what came while reading", () => {
  const r = random(30);
  for (let run = 0; run < 300; run += 1) {
    let state = start();
    let lines = 0;
    let errors = 0;
    for (let step = 0; step < 60; step += 1) {
      const before = state.mode;
      const event = r.pick([
        { type: "arrived", lines: r.int(0, 9), errors: r.int(0, 2) }, { type: "arrived", lines: r.int(0, 9), errors: 0 },
        { type: "up", now: step }, { type: "stop", now: step }, { type: "jump", now: step }, { type: "end", now: step },
        scrolled({ down: r.next() < 0.5, toEnd: r.int(0, 40), last: r.next() < 0.5 }),
      ]);
      state = update(state, /** @type {any} */ (event));
      if (event.type === "arrived") {
        assert.equal(state.mode, before);
        lines += "lines" in event ? event.lines : 0;
        errors += "errors" in event ? event.errors : 0;
      }
      if (before === "following" || state.mode === "following") lines = errors = 0;
      assert.deepEqual([state.lines, state.errors], [lines, errors]);
    }
  }
});
