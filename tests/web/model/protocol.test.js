import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { filterKeys, lineStarts, read } from "../../../web/model/protocol.js";
import { random } from "./random.js";

test("every head that the protocol's documentation shows is read", () => {
  const docs = readFileSync(new URL("../../../docs/protocol.md", import.meta.url), "utf8");
  const heads = [...docs.matchAll(/```json head\n([^]*?)```/g)].flatMap((hit) => (hit[1] ?? "").trim().split("\n"));
  const messages = [...docs.matchAll(/```text message\n([^]*?)\n```/g)].map((hit) => hit[1] ?? "");
  assert.ok(heads.length > 15 && messages.length >= 3);
  for (const head of heads) assert.deepEqual(read(head), { head: JSON.parse(head), body: null });
  for (const message of messages) {
    const newline = message.indexOf("\n");
    const parsed = read(message);
    assert.equal(parsed?.body, newline < 0 ? null : message.slice(newline + 1));
    assert.ok(["lines", "history", "match"].includes(parsed?.head.type ?? ""), message);
  }
});

test("what is not a message of this protocol is ignored", () => {
  for (const data of ["", "{", "null", "[]", "1", "\"x\"", "{}", '{"type":5}', "\n", "x\n{\"type\":\"hello\"}"]) {
    assert.equal(read(data), null, data);
  }
});

test("property: line starts cut a body into its lines, empty ones included", () => {
  const r = random(28);
  assert.equal(lineStarts(null).length, 0);
  for (let n = 0; n < 1000; n += 1) {
    const lines = Array.from({ length: r.int(1, 40) }, () => r.text(r.pick([0, 1, 10])).replaceAll("\n", ""));
    const body = lines.join("\n");
    const starts = lineStarts(body);
    assert.deepEqual([...starts].map((start, i) => body.slice(start, (starts[i + 1] ?? body.length + 1) - 1)), lines);
  }
  assert.equal(lineStarts("\n".repeat(100_000)).length, 100_001);
});

test("property: any text is a message or none", () => {
  const r = random(29);
  for (let n = 0; n < 2000; n += 1) {
    const got = read(r.text(20, ["{", "}", "\"type\"", ":", "\"lines\"", ",", "\n", "[", "1", "\\", "é"]));
    if (got) assert.equal(typeof got.head.type, "string");
  }
});

test("one pattern goes as it is, several as a list, none not at all", () => {
  assert.deepEqual(filterKeys({}), {});
  assert.deepEqual(filterKeys({ include: [], exclude: ["a"] }), { exclude: "a", records: true });
  assert.deepEqual(filterKeys({ include: ["a", { level: "error" }] }), { include: ["a", { level: "error" }], records: true });
});
