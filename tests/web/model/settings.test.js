import assert from "node:assert/strict";
import { test } from "node:test";

import { DEFAULTS, openSettings } from "../../../web/model/settings.js";
import { random } from "./random.js";

function memory() {
  /** @type {Map<string, string>} */
  const items = new Map();
  return {
    items,
    getItem: (/** @type {string} */ key) => items.get(key) ?? null,
    setItem: (/** @type {string} */ key, /** @type {string} */ value) => void items.set(key, value),
  };
}

test("what is set is there at the next visit, under one key for each base path", () => {
  const store = memory();
  const settings = openSettings(() => store, "/logs/");
  settings.set("theme", "light");
  settings.setLog("app/orders", { wrap: true });
  settings.setLog("app/orders", { raw: true });
  settings.saveView("Errors", "s=app/orders&show=ERROR");
  settings.learn("Space");
  assert.deepEqual([...store.items.keys()], ["tailws:/logs/"]);

  const again = openSettings(() => store, "/logs/");
  assert.equal(again.get("theme"), "light");
  assert.deepEqual(again.log("app/orders"), { wrap: true, raw: true });
  assert.deepEqual(again.views(), [{ name: "Errors", address: "s=app/orders&show=ERROR" }]);
  assert.ok(again.learned("Space"));
  assert.equal(openSettings(() => store, "/other/").get("theme"), "auto");
});

test("the 200 logs used last are remembered", () => {
  const store = memory();
  const settings = openSettings(() => store, "/");
  for (let i = 0; i < 250; i += 1) {
    settings.setLog(`log${i}`, { wrap: true });
    settings.setLog("kept", { wrap: true });
  }
  const again = openSettings(() => store, "/");
  assert.deepEqual(again.log("log0"), {});
  assert.deepEqual(again.log("log249"), { wrap: true });
  assert.deepEqual(again.log("kept"), { wrap: true });
  assert.equal(JSON.parse([...store.items.values()][0] ?? "").logs.length, 200);
});

test("refused and broken storage still works for this visit", () => {
  const refusals = [
    () => { throw new Error("SecurityError"); },
    () => null,
    () => ({ getItem() { throw new Error("no"); }, setItem() { throw new Error("no"); } }),
  ];
  for (const storage of refusals) {
    const settings = openSettings(storage, "/");
    settings.set("density", "compact");
    settings.setLog("a", { wrap: true });
    assert.equal(settings.get("density"), "compact");
    assert.deepEqual(settings.log("a"), { wrap: true });
    assert.equal(settings.stored, false);
  }
});

test("garbage in storage is not believed, whatever its shape", () => {
  const r = random(7);
  const shapes = ["", "{", "null", "[]", "1", JSON.stringify({ version: 2, values: { theme: "dark" } })];
  for (let i = 0; i < 300; i += 1) {
    const odd = () => r.pick([null, 1, -1, "x", true, [], {}, [[]], [["a", 1]], [["a", { wrap: 5 }]], r.text(9)]);
    shapes.push(JSON.stringify({ version: 1, values: r.pick([odd(), { theme: odd(), sidebar: odd(),
      folders: odd() }]), logs: odd(), views: odd(), learned: odd() }));
  }
  for (const shape of shapes) {
    const store = memory();
    store.items.set("tailws:/", shape);
    const settings = openSettings(() => store, "/");
    assert.ok(["auto"].includes(settings.get("theme")), shape);
    assert.ok(settings.get("sidebar") >= 180);
    assert.ok(Array.isArray(settings.get("folders")));
    assert.deepEqual(settings.log("missing"), {});
    settings.set("theme", "dark");
    assert.equal(openSettings(() => store, "/").get("theme"), "dark");
  }
});

test("values out of bounds are refused, and defaults cannot be changed", () => {
  const settings = openSettings(() => memory(), "/");
  settings.set("sidebar", 10_000);
  // @ts-expect-error a value from elsewhere
  settings.set("theme", "pink");
  assert.equal(settings.get("sidebar"), DEFAULTS.sidebar);
  assert.equal(settings.get("theme"), "auto");
  assert.equal(settings.saveView("x".repeat(600), "s=a"), false);
  for (let i = 0; i < 150; i += 1) settings.saveView(`v${i}`, "s=a");
  assert.equal(settings.views().length, 100);
});
