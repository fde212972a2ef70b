import assert from "node:assert/strict";
import { test } from "node:test";

import { emptyPane, formatAddress, parseAddress, tooLong } from "../../../web/model/address.js";
import { parseTyped } from "../../../web/model/filters.js";
import { random } from "./random.js";

/** @param {string[]} typed */
const chips = (...typed) => typed.map((text) => {
  const chip = parseTyped(text);
  return chip && !("error" in chip) ? chip : assert.fail(text);
});

test("an address can be read by people", () => {
  const pane = {
    ...emptyPane(), sources: ["app/orders-api", "nginx/access"], chips: chips("timeout", "-/healthz|metrics/", "+order=\\d+"),
    at: { cursor: "5e8d5b05.19aab3c8d10.9c41.7f2ab1d4", skip: 17 }, q: "read timeout", wrap: true, raw: true,
  };
  /** @type {any} */ (pane.chips[1]).on = false;
  assert.equal(formatAddress({ panes: [pane] }),
    "s=app/orders-api,nginx/access&show=timeout&hide=/healthz%7Cmetrics/&mark=order=%5Cd%2B&off=1" +
    "&at=5e8d5b05.19aab3c8d10.9c41.7f2ab1d4~17&q=read+timeout&wrap=1&fmt=raw");
});

test("the empty address follows nothing and forgets nothing", () => {
  assert.deepEqual(parseAddress(""), { panes: [emptyPane()] });
  assert.deepEqual(parseAddress("#"), { panes: [emptyPane()] });
  assert.equal(formatAddress({ panes: [emptyPane()] }), "");
  assert.deepEqual(parseAddress("#s=a&new=1&x=%26").panes[0]?.rest, [["new", "1"], ["x", "&"]]);
});

test("a token is never carried on", () => {
  assert.doesNotMatch(formatAddress(parseAddress("#token=secret&s=a")), /secret|token/);
});

test("property: every address survives the way through the address bar", () => {
  const r = random(20);
  const word = () => r.text(5, ["a", "B", "/", ",", "&", "=", "#", "+", " ", "%", "%2C", "~", "é", "漢", "😀", "\"", "'", "(", "|", "\\", "x"]) || "n";
  const place = () => ({
    cursor: r.text(6, ["a", "1", ".", "-", "_", "%", "&"]) || "c", skip: r.int(0, 99),
    ...r.pick([{}, { log: r.int(0, 7) }, { log: r.int(0, 7), time: r.int(0, 2e12) }]),
  });
  const pane = () => ({
    sources: [...new Set(Array.from({ length: r.int(0, 4) }, word))],
    chips: Array.from({ length: r.int(0, 4) }, () => ({
      kind: r.pick(/** @type {const} */ (["show", "hide", "mark"])), form: r.pick(/** @type {const} */ (["text", "regex"])), text: word(),
      caseRule: r.pick(/** @type {const} */ (["smart", "match", "ignore"])), word: r.next() < 0.3, on: r.next() < 0.7,
    })),
    at: r.next() < 0.5 ? null : place(), marks: Array.from({ length: r.int(0, 3) }, place),
    since: r.pick(["", "-15m", "14:02", "2026-11-22T14:02"]), q: r.next() < 0.5 ? "" : word(), wrap: r.pick([null, true, false]), raw: r.pick([null, true, false]),
    rest: /** @type {[string, string][]} */ (r.next() < 0.5 ? [] : [[`z${word()}`, word()]]),
  });
  for (let n = 0; n < 3000; n += 1) {
    const address = { panes: Array.from({ length: r.int(1, 4) }, pane) };
    const fragment = formatAddress(address);
    assert.deepEqual(parseAddress(`#${fragment}`), address, fragment);
    assert.doesNotMatch(fragment, /[\s#"<>`\\]/);
    const url = new URL(`http://h/${"#"}${fragment}`);
    assert.deepEqual(parseAddress(url.hash), address, "as the browser writes it");
  }
});

test("property: any fragment is read within bounds", () => {
  const r = random(21);
  for (let n = 0; n < 3000; n += 1) {
    const fragment = r.text(40, ["s=", "show=", "hide=", "off=", "at=", "p=", "q=", "wrap=1", "fmt=raw", "&", ",", "%", "%zz", "%2", "\0", "a", "~", "9", "\ud800", "=", "/x/i"]);
    const { panes } = parseAddress(fragment);
    assert.ok(panes.length >= 1 && panes.length <= 4);
    for (const pane of panes) {
      assert.ok(pane.sources.length <= 8 && pane.chips.length <= 32 && pane.rest.length <= 16);
      assert.equal(typeof formatAddress({ panes: [pane] }), "string");
    }
  }
  assert.deepEqual(parseAddress("s=" + "a,".repeat(1e6)), { panes: [emptyPane()] });
  assert.equal(parseAddress("show=x&".repeat(250)).panes[0]?.chips.length, 32);
});

test("a link that would be too long says which part it is", () => {
  const long = { panes: [{ ...emptyPane(), sources: ["a"], chips: chips("漢".repeat(1000)) }] };
  assert.match(tooLong(long) ?? "", /“show=漢+…” is the longest/);
  assert.equal(tooLong({ panes: [emptyPane()] }), null);
});
