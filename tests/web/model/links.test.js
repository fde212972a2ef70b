import assert from "node:assert/strict";
import { test } from "node:test";

import { findIds, findLinks, safeLink } from "../../../web/model/extract.js";
import { random } from "./random.js";

/** @param {string} line */
const texts = (line) => findLinks(line).map(({ from, to }) => line.slice(from, to));

test("addresses end before trailing punctuation and unbalanced brackets", () => {
  assert.deepEqual(texts("see https://a.b/c(d)."), ["https://a.b/c(d)"]);
  assert.deepEqual(texts("(https://a.b/c), [http://x.y/z]; <https://q.r>"), ["https://a.b/c", "http://x.y/z", "https://q.r"]);
  assert.deepEqual(texts('{"url":"https://api.example/v2?x=1&y=2","n":1}'), ["https://api.example/v2?x=1&y=2"]);
  assert.deepEqual(texts("HTTPS://A.B/ and http://[::1]:8080/x"), ["HTTPS://A.B/", "http://[::1]:8080/x"]);
});

test("nothing but plain http and https is a link", () => {
  for (const line of ["javascript:alert(1)", "data:text/html,x", "//host/x", "http://user:pw@h/", "http://u@h/x",
    "https://a@b", "http://", "http:///x", "ftp://a/b", "file:///etc/passwd", "vbscript:x", "xhttp://a.b",
    "http://a.b\u202e/moc.x"]) {
    assert.deepEqual(texts(line).filter((text) => text !== "http://a.b"), [], line);
  }
  assert.equal(safeLink("https://a.b/@c"), "https://a.b/@c");
  assert.equal(safeLink("https://a.b:99999/"), null);
});

test("trace and request ids and uuids are offered once", () => {
  const line = 'trace=7f3a9c21 request_id="ab-12" "trace_id":"7f3a9c21" 123e4567-e89b-12d3-a456-426614174000 trace=x';
  assert.deepEqual(findIds(line), ["7f3a9c21", "ab-12", "123e4567-e89b-12d3-a456-426614174000"]);
});

test("property: links are in order, bounded, and what is shown is where one goes", () => {
  const r = random(12);
  const pieces = ["http://", "https://", "a.b", "/c", "(", ")", "[", "]", ".", ",", " ", "@", ":", "user", "é", "\u202e", "#", "?q=1", "\"", "%zz"];
  for (let n = 0; n < 4000; n += 1) {
    const line = r.text(30, pieces);
    let at = 0;
    for (const { from, to, href } of findLinks(line)) {
      assert.ok(from >= at && to > from);
      at = to;
      const url = new URL(href);
      assert.match(url.protocol, /^https?:$/);
      assert.equal(url.username + url.password, "");
      assert.equal(new URL(line.slice(from, to)).href, href);
      assert.doesNotMatch(line.slice(from, to), /[\s\u202e"<>]/);
    }
  }
  for (const piece of ["http://", "http://a(", "https://x.", "http://a@", "trace="]) {
    const started = process.cpuUsage().user;
    const line = piece.repeat(1_000_000 / piece.length);
    assert.ok(findLinks(line).length <= 20);
    findIds(line);
    assert.ok(process.cpuUsage().user - started < 1_000_000, piece);
  }
});
