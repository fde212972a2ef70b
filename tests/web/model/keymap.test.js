import assert from "node:assert/strict";
import { test } from "node:test";

import { KEYS, actionFor, keyLabel, labelFor, searchKeys } from "../../../web/model/keymap.js";

/** The press that makes a key of the table. @param {string} key */
function press(key) {
  const parts = key === "+" ? ["+"] : key.split("+");
  const name = /** @type {string} */ (parts.at(-1));
  return {
    key: name === "Space" ? " " : name,
    ctrlKey: parts.includes("Ctrl"),
    altKey: parts.includes("Alt"),
    shiftKey: parts.includes("Shift") || /^[A-Z?"$&|]$/.test(name),
  };
}

test("every key of the table does what its row says, and no key stands twice", () => {
  const seen = new Set();
  for (const { action, keys } of KEYS) {
    for (const key of keys) {
      assert.ok(!seen.has(key), `${key} stands twice`);
      seen.add(key);
      assert.equal(actionFor(press(key)), action, key);
    }
  }
  assert.ok(seen.size >= 60);
});

test("in a field only Escape, function keys and Ctrl keys that do not edit are ours", () => {
  const inField = KEYS.flatMap(({ keys }) => keys).filter((key) => actionFor(press(key), { inField: true }));
  assert.deepEqual(inField.sort(), ["Ctrl+f", "Ctrl+k", "Escape", "F6", "Shift+F10", "Shift+F6"]);
});

test("single keys can be turned off; named and modified keys stay", () => {
  for (const key of ["j", "/", "?", "G", "e"]) assert.equal(actionFor(press(key), { singleKeys: false }), null);
  for (const key of ["PageUp", "End", "Ctrl+k", "Escape", "ArrowDown"]) {
    assert.notEqual(actionFor(press(key), { singleKeys: false }), null, key);
  }
});

test("Space and Enter press a focused button instead", () => {
  assert.equal(actionFor({ key: " " }, { onButton: true }), null);
  assert.equal(actionFor({ key: "Enter" }, { onButton: true }), null);
  assert.equal(actionFor({ key: "j" }, { onButton: true }), "lineDown");
});

test("Ctrl F may be left to the browser, and other Ctrl keys always are", () => {
  assert.equal(actionFor(press("Ctrl+f")), "find");
  assert.equal(actionFor(press("Ctrl+f"), { ctrlF: false }), null);
  for (const key of ["c", "r", "t", "w", "n", "l", "v", "g", "z"]) {
    assert.equal(actionFor({ key, ctrlKey: true }), null, `Ctrl ${key}`);
  }
  assert.equal(actionFor({ key: "K", metaKey: true, shiftKey: false }), "open");
});

test("characters typed with AltGr count, key presses of an input method do not", () => {
  assert.equal(actionFor({ key: "\\", ctrlKey: true, altKey: true }), "filtersToggle");
  assert.equal(actionFor({ key: "|", ctrlKey: true, altKey: true }), "split");
  assert.equal(actionFor({ key: "j", isComposing: true }), null);
  assert.equal(actionFor({ key: "Dead" }), null);
});

test("labels and search serve the help", () => {
  assert.equal(keyLabel("Ctrl+k"), "Ctrl K");
  assert.equal(keyLabel("Shift+F6"), "Shift F6");
  assert.equal(keyLabel("Alt+ArrowLeft"), "Alt ←");
  assert.equal(labelFor("find"), "/");
  assert.equal(labelFor("nothing"), "");
  assert.deepEqual(searchKeys("next error").map((row) => row.action), ["errorNext"]);
  assert.equal(searchKeys("").length, KEYS.length);
});
