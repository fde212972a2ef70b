import assert from "node:assert/strict";
import { test } from "node:test";

import { expandLine } from "../../../web/model/extract.js";
import { detectFormat, jsonEscapes, parseLine, valueOf } from "../../../web/model/fields.js";
import { random } from "./random.js";

/** @param {string} line */
function fields(line) {
  const parsed = parseLine(line) ?? assert.fail(line);
  return parsed.fields.map((field) => [field.key, valueOf(line, field), field.kind]);
}

/** @param {string} line */
function parts(line) {
  const parsed = parseLine(line) ?? assert.fail(line);
  return parsed.parts.map(({ from, to, cls }) => `${cls}=${line.slice(from, to)}`);
}

test("JSON objects give their top fields with columns and roles", () => {
  const line = '{"ts":"2026-11-22T13:37:34.008Z","level":"error", "msg":"read \\"x\\" \\u00e9","n":-1.5e3,' +
    '"ok":true,"http":{"url":"http://a/}","s":[1,"]"]},"nil":null}';
  assert.deepEqual(fields(line), [
    ["ts", "2026-11-22T13:37:34.008Z", "string"], ["level", "error", "string"], ["msg", 'read "x" é', "string"],
    ["n", "-1.5e3", "number"], ["ok", "true", "word"], ["http", '{"url":"http://a/}","s":[1,"]"]}', "nested"],
    ["nil", "null", "word"],
  ]);
  const parsed = parseLine(line);
  assert.equal(parsed?.time && line.slice(parsed.time.from, parsed.time.to), '"2026-11-22T13:37:34.008Z"');
  assert.equal(parsed?.message && valueOf(line, parsed.message), 'read "x" é');
});

test("what is not quite JSON is not taken for it", () => {
  for (const line of ['{"a":1', '{"a":1} x', '{"a" 1}', "{a:1}", '{"a":"x}', '["a"]', "{", "{}x", '{"a":}', '{"a":1,}']) {
    assert.equal(parseLine(line, "json"), null, line);
  }
  assert.deepEqual(parseLine("{}", "json")?.fields, []);
});

test("logfmt needs pairs from the start, and keeps quoted values whole", () => {
  assert.deepEqual(fields('ts=2026-11-22T14:02:06Z level=warn msg="slow \\"query\\"" ms=812 empty= flag'), [
    ["ts", "2026-11-22T14:02:06Z", "word"], ["level", "warn", "word"], ["msg", 'slow "query"', "string"],
    ["ms", "812", "number"], ["empty", "", "word"],
  ]);
  for (const line of ["order accepted order=1 customer=2", "a=1", "a b c", "", "key=value then a lot of plain words"]) {
    assert.equal(parseLine(line, "logfmt"), null, line);
  }
});

test("access logs are coloured in place", () => {
  assert.deepEqual(parts('203.0.113.7 - bob [22/Nov/2026:14:02:11 +0000] "POST /api?x=1 HTTP/1.1" 502 166 "-" "curl/8 \\"q\\"" rt=0.1'), [
    "=203.0.113.7", "=-", "=bob", "time=22/Nov/2026:14:02:11 +0000", "key=POST", "msg=/api?x=1",
    "dim=HTTP/1.1", "st5=502", "=166", "dim=-", 'dim=curl/8 \\"q\\"', "= rt=0.1",
  ]);
  assert.deepEqual(parts('example.org:443 ::1 - - [22/Nov/2026:14:02:11 +0000] "\\x16\\x03" 400 0').slice(-3),
    ["msg=\\x16\\x03", "st4=400", "=0"]);
  assert.equal(parseLine('::1 - - [x] "GET / HTTP/1.1" 200 5')?.status, 200);
});

test("syslog old and new is coloured in place", () => {
  assert.deepEqual(parts("Nov 22 14:02:06 web-01 sshd[812]: Accepted key"),
    ["time=Nov 22 14:02:06", "dim=web-01", "key=sshd", "dim=[812]", "msg=Accepted key"]);
  assert.deepEqual(parts("2026-11-22T14:02:06.123456+01:00 web-01 kernel: [12.3] x"),
    ["time=2026-11-22T14:02:06.123456+01:00", "dim=web-01", "key=kernel", "msg=[12.3] x"]);
  assert.deepEqual(parts('<34>1 2026-11-22T14:02:06Z host app 12 ID [a b="c]"][d] it broke'), [
    "dim=<34>", "time=2026-11-22T14:02:06Z", "dim=host", "key=app", "dim=12", "dim=ID", 'dim=[a b="c]"][d]', "msg=it broke"]);
});

test("a log has the form in which four fifths of its lines are", () => {
  const json = '{"a":1}';
  assert.equal(detectFormat([...Array(8).fill(json), "x", "y"]), "json");
  assert.equal(detectFormat([...Array(7).fill(json), "x", "y", "z"]), null);
  assert.equal(detectFormat([...Array(4).fill(json), ...Array(50).fill("    at com.foo.Bar"), ""]), "json");
  assert.equal(detectFormat([]), null);
});

test("escapes are decoded piece by piece, broken ones stay", () => {
  const decode = (/** @type {string} */ text) => jsonEscapes(text, 0, text.length).map((piece) => piece.text).join("");
  assert.equal(decode("a\\nb\\u0041\\ud83d\\ude00\\\\"), "a\nbA😀\\");
  for (const text of ["\\", "\\u12", "\\x", "\\ud83d", "\\u00zz"]) assert.equal(typeof decode(text), "string");
  assert.equal(decode("\\q\\u12"), "\\q\\u12");
});

test("an opened row shows values as they stand in the file", () => {
  const long = '"retries":12345678901234567890';
  const line = `{"a":"x\\ny","http":{${long},"list":[1,2],"text":"${"y".repeat(80)}"},"e":{}}`;
  const { kind, rows } = expandLine(line);
  assert.equal(kind, "json");
  assert.deepEqual(rows.map((row) => "  ".repeat(row.indent) + row.parts.map((part) => part.text).join("")), [
    "{", '  "a": "x\\ny",', '  "http": {', '    "retries": 12345678901234567890,', '    "list": [1,2],',
    `    "text": "${"y".repeat(80)}"`, "  },", '  "e": {}', "}",
  ]);
  assert.equal(rows[1]?.value, "x\ny");
  assert.equal(rows[3]?.key, "http.retries");
  assert.deepEqual(expandLine("a=1 b=\"x y\"").rows.map((row) => [row.key, row.value]), [["a", "1"], ["b", "x y"]]);
  assert.equal(expandLine("plain").kind, "text");
  const prose = 'INFO order accepted id=81720 who="a b" by https://a.example/?q=1&r=2 in ms=12';
  assert.deepEqual(expandLine(prose).rows.map((row) => [row.key, row.value]), [["", prose], ["id", "81720"], ["who", "a b"], ["ms", "12"]]);
});

test("property: fields of random objects are those of JSON.parse", () => {
  const r = random(10);
  const value = (/** @type {number} */ depth) => /** @type {unknown} */ (r.pick([
    () => r.text(6), () => r.int(-1e9, 1e9), () => r.next(), () => null, () => true,
    () => (depth > 2 ? [] : [value(depth + 1), value(depth + 1)]),
    () => (depth > 2 ? {} : { [r.text(3)]: value(depth + 1) }),
  ])());
  for (let n = 0; n < 1500; n += 1) {
    /** @type {Record<string, unknown>} */
    const object = {};
    for (let k = r.int(0, 6); k > 0; k -= 1) object[`k${k}${r.text(3)}`] = value(0);
    const line = r.next() < 0.5 ? JSON.stringify(object) : JSON.stringify(object, null, 1).replaceAll("\n", " ");
    const parsed = parseLine(line, "json") ?? assert.fail(line);
    assert.deepEqual(parsed.fields.map((field) => field.key), Object.keys(object));
    for (const field of parsed.fields) {
      const real = object[field.key];
      if (typeof real === "string") assert.equal(valueOf(line, field), real);
      else assert.deepEqual(JSON.parse(line.slice(field.from, field.to)), real);
    }
    const text = expandLine(line).rows.map((row) => row.parts.map((part) => part.text).join("")).join("");
    assert.deepEqual(JSON.parse(text), object);
  }
});

test("property: any line parses or not, with ranges in order and in bounds", () => {
  const r = random(11);
  for (let n = 0; n < 4000; n += 1) {
    const line = r.pick(["", "{", "Nov 22 14:02:06 h a: ", "k=v "]) + r.text(40) + r.pick(["", "}", " a=b"]);
    const parsed = parseLine(line);
    expandLine(line);
    let at = 0;
    for (const { from, to } of parsed?.parts ?? []) {
      assert.ok(from >= at && to > from && to <= line.length, line);
      at = to;
    }
    for (const field of parsed?.fields ?? []) assert.ok(field.keyFrom <= field.keyTo && field.keyTo < field.from);
  }
});

test("half a megabyte of the worst is read in a moment", () => {
  const half = 1 << 18;
  const pieces = ['{"a":', "[", '"', "\\", 'k="x ', "k=v ", ":1", "a ", '{"k":"v",', "<34>1 ", '[a="', "Nov 22 14:02:06 "];
  for (const piece of pieces) {
    for (const head of ["", "{", "a - - [x] \"", "<34>1 a b c d e ", "k=v "]) {
      const started = process.cpuUsage().user;
      const line = (head + piece.repeat(half / piece.length)).slice(0, half);
      parseLine(line);
      expandLine(line);
      assert.ok(process.cpuUsage().user - started < 1_500_000, head + piece);
    }
  }
});
