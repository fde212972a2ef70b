import assert from "node:assert/strict";
import { test } from "node:test";

import { wordAt } from "../../../web/model/extract.js";
import { random } from "./random.js";

/** `^` marks the click. @param {string} marked */
function select(marked) {
  const offset = marked.indexOf("^");
  const text = marked.replace("^", "");
  const { from, to } = wordAt(text, offset);
  return text.slice(from, to);
}

test("a double click takes a whole value", () => {
  for (const [marked, word] of /** @type {[string, string][]} */ ([
    ["order accepted ord^er=81719 ms=14", "order"], ["order=817^19 ms=14", "81719"], ["GET /api/v1/ord^ers?page=3 200", "/api/v1/orders?page"],
    ["trace=7f3a-9c^21,", "7f3a-9c21"], ["at com.foo.B^ar(Bar.java:12)", "com.foo.Bar"], ["(Bar.ja^va:12)", "Bar.java:12"],
    ['"url":"https://a.b/c?x=1^&y=2"', "https://a.b/c?x=1&y=2"], ['msg="slow qu^ery"', "query"], ["done, real^ly.", "really"],
    ["Error^: x", "Error"], ["^first word", "first"], ["last wor^d", "word"], ["app/orders.l^og.2.gz", "app/orders.log.2.gz"],
    ["10.0.0.1^:8080", "10.0.0.1:8080"], ["a  ^  b", ""],
  ])) {
    assert.equal(select(marked), word, marked);
  }
});

test("property: any click selects a part around it, without spaces", () => {
  const r = random(22);
  for (let n = 0; n < 3000; n += 1) {
    const text = r.text(20);
    const offset = r.int(-2, text.length + 2);
    const { from, to } = wordAt(text, offset);
    assert.ok(from >= 0 && from <= to && to <= text.length);
    assert.doesNotMatch(text.slice(from, to), /\s/);
  }
});
