import assert from "node:assert/strict";
import { test } from "node:test";

import { PRESETS, bodyOf, filterOf, marksOf, parseBody, parseTyped, typedOf } from "../../../web/model/filters.js";
import { compile, isCaseSensitive, toRe2 } from "../../../web/model/find.js";
import { random } from "./random.js";

/** @param {string} text */
function typed(text) {
  const chip = parseTyped(text);
  if (!chip || "error" in chip) return chip;
  return `${chip.kind} ${chip.form} ${chip.text} ${chip.caseRule}${chip.word ? " word" : ""}`;
}

test("what is typed says what it does", () => {
  for (const [text, chip] of /** @type {[string, string][]} */ ([
    ["timeout", "show text timeout smart"], ["-healthz", "hide text healthz smart"], ["+order=", "mark text order= smart"],
    ["/a|b/i", "show regex a|b ignore"], ["-/healthz|\\/metrics/", "hide regex healthz|\\/metrics smart"],
    ["+/order=\\d+/", "mark regex order=\\d+ smart"], ["/usr/bin", "show text /usr/bin smart"],
    ["/x/cw", "show regex x match word"], ["/a b/tw", "show text a b smart word"],
    ["\\-x", "show text -x smart"], ["\\/re/", "show text /re/ smart"], ["--x", "hide text -x smart"],
    ["level:error", "show level error smart"], ["-where:status>=500", "hide where status>=500 smart"],
    ["\\level:error", "show text level:error smart"], [" a  b ", "show text a  b smart"],
  ])) {
    assert.equal(typed(text), chip, text);
  }
  for (const text of ["", "  ", "-", "+"]) assert.equal(typed(text), null, text);
  for (const text of ["level:loud", "where:", "+level:error", "x".repeat(2000)]) {
    assert.ok(/** @type {object} */ (parseTyped(text)).hasOwnProperty("error"), text);
  }
});

test("property: a chip survives being edited and being in an address", () => {
  const r = random(15);
  for (let n = 0; n < 4000; n += 1) {
    const text = r.text(6, ["a", "B", "-", "+", "/", "\\", " ", "i", "t", "level:", "where:", "x>1", "é", "(", "."]) || "x";
    const chip = {
      kind: r.pick(/** @type {const} */ (["show", "hide", "mark"])), form: r.pick(/** @type {const} */ (["text", "regex"])), text,
      caseRule: r.pick(/** @type {const} */ (["smart", "match", "ignore"])), word: r.next() < 0.3, on: true,
    };
    assert.deepEqual(parseTyped(typedOf(chip)), chip, typedOf(chip));
    assert.deepEqual(parseBody(chip.kind, bodyOf(chip)), chip, bodyOf(chip));
  }
  for (const preset of Object.values(PRESETS)) assert.deepEqual(parseTyped(typedOf(preset)), preset);
});

test("case is smart: only a typed capital makes it matter", () => {
  assert.equal(isCaseSensitive("timeout", "smart", false), false);
  assert.equal(isCaseSensitive("Timeout", "smart", false), true);
  assert.equal(isCaseSensitive("\\S+\\pL\\p{Greek}\\x{1F}", "smart", true), false);
  assert.equal(isCaseSensitive("\\S+X", "smart", true), true);
  assert.equal(isCaseSensitive("X", "ignore", false), false);
});

test("texts and patterns become RE2; chips become what the daemon takes", () => {
  assert.equal(toRe2({ text: "a.b[c]", regex: false, caseRule: "smart", word: false }), "(?i)a\\.b\\[c\\]");
  assert.equal(toRe2({ text: "Err|x", regex: true, caseRule: "smart", word: true }), "\\b(?:Err|x)\\b");
  const chips = ["timeout", "/A|B/", "-healthz", "+x", "level:error", "-where:ms<5"].flatMap((text) => {
    const chip = parseTyped(text);
    return chip && !("error" in chip) ? [chip] : [];
  });
  assert.deepEqual(filterOf(chips), {
    include: ["(?i)timeout", "A|B", { level: "error" }], exclude: ["(?i)healthz", { where: "ms<5" }],
  });
  assert.deepEqual(filterOf(chips.map((chip) => ({ ...chip, on: false }))), {});
  assert.deepEqual(filterOf([PRESETS.errors, PRESETS.warnings]), { include: [{ level: "error" }, { level: "warning" }] });
});

test("marks keep their colour while others are off, and overlap in order", () => {
  const chips = ["+order", "+/\\d+/", "+x", "+y", "+z"].map((text) => /** @type {any} */ (parseTyped(text)));
  const line = "Order 17 z";
  assert.deepEqual(marksOf(chips).find(line), [
    { from: 0, to: 5, cls: "mk1" }, { from: 6, to: 8, cls: "mk2" }, { from: 9, to: 10, cls: "mk1" }]);
  chips[0].on = false;
  assert.deepEqual(marksOf(chips).find(line).map((mark) => mark.cls), ["mk2", "mk1"]);
});

test("patterns that could hang the page, or mean something else in it, are refused with a sentence", () => {
  const read = (/** @type {string} */ text) => compile({ text, regex: true, caseRule: "smart", word: false });
  for (const text of ["(a+)+b", "(a|aa)*b", "((a*)b)+", "(?:x{2,}y)*", "[[:alpha:]]+", "(?=a)", "a(?!b)", "(?P<n>a)", "\\Aa", "(", ")", "a)(",
    "[", "x".repeat(300), "", "(a)\\1", "a*b*c*d*e*f*", "(?:a?){25}a", "a?".repeat(25)]) {
    assert.ok("error" in read(text), text);
  }
  for (const text of ["order=\\d+", "(?i)Foo", "^a.*b$", "(foo|bar)", "(?:ab)+", "[\\]x]+", "a{2,3}", "\\p{L}+", "x|y", "https?"]) {
    assert.ok("matcher" in read(text), text);
  }
});

test("property: matchers never throw, give hits in order, and are quick on any line", () => {
  const r = random(16);
  for (let n = 0; n < 3000; n += 1) {
    const text = r.text(8, ["a", "b", "(", ")", "[", "]", "*", "+", "?", "|", ".", "\\", "\\d", "{2,}", "^", "$", "x", "\ud800", "é", ","]);
    const compiled = compile({ text, regex: r.next() < 0.7, caseRule: "smart", word: r.next() < 0.2 });
    if ("error" in compiled) continue;
    const started = process.cpuUsage().user;
    let at = 0;
    for (const { from, to } of compiled.matcher.find(r.pick(["ab".repeat(4000), "a".repeat(8000), r.text(30)]))) {
      assert.ok(from >= at && to > from);
      at = to;
    }
    assert.ok(process.cpuUsage().user - started < 4_000_000, text);
  }
});
