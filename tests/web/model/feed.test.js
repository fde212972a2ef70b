import assert from "node:assert/strict";
import { test } from "node:test";

import { Feed } from "../../../web/model/feed.js";
import { rowsOf } from "./held.js";
import { random } from "./random.js";

/**
 * A daemon that keeps its promises: logs are arrays, a cursor is the index of a line, messages wait
 * in a pipe until they are delivered, and a cut loses the pipe and all subscriptions.
 */
class Daemon {
  /** @type {Map<string, string[]>} */ logs = new Map();
  /** @type {Map<string, number>} */ subscribed = new Map();
  /** @type {{head: any, body: string | null}[]} */ pipe = [];
  open = true;

  /** @param {any} command */
  send(command) {
    if (!this.open) return false;
    const { type, source, id } = command;
    const log = this.logs.get(source) ?? assert.fail(source);
    const say = (/** @type {object} */ head, /** @type {string[]} */ lines = []) =>
      void this.pipe.push({ head: { source, id, ...head }, body: lines.length > 0 ? lines.join("\n") : null });
    if (type === "subscribe") {
      const from = command.cursor === undefined ? Math.max(0, log.length - command.lines) : Number(command.cursor);
      this.subscribed.set(source, from);
      say({ type: "subscribed", cursor: String(from) });
    } else if (type === "unsubscribe") {
      this.subscribed.delete(source);
      say({ type: "unsubscribed" });
    } else if (type === "history" && command.before !== undefined) {
      const end = Number(command.before);
      const first = Math.min(end, Number(command.until ?? 0));
      const start = Math.max(first, end - command.lines);
      say({ type: "history", start: String(start), end: String(end), more: start > first, ...left(command, start - first) }, log.slice(start, end));
    } else if (type === "history") {
      const start = Number(command.after);
      const last = Math.max(start, Number(command.until ?? log.length));
      const end = Math.min(last, start + command.lines);
      say({ type: "history", start: String(start), end: String(end), more: end < last, ...left(command, last - end) }, log.slice(start, end));
    } else if (type === "locate") {
      const at = command.time !== undefined ? byTime(log, command.time)
        : command.cursor !== undefined ? Number(command.cursor) + command.skip : Math.floor(log.length * command.fraction);
      say({ type: "located", cursor: String(at), exact: true, ...(at < log.length ? { time: saysWhen(log[at]) } : {}) });
    } else {
      assert.fail(type);
    }
    return true;
  }

  /** Puts the next lines of a subscription into the pipe. @param {string} source @param {number} most */
  pump(source, most) {
    const from = this.subscribed.get(source);
    const log = this.logs.get(source) ?? [];
    if (from === undefined || from >= log.length) return;
    const to = Math.min(log.length, from + most);
    this.subscribed.set(source, to);
    this.pipe.push({
      head: { type: "lines", source, start: String(from), end: String(to), t: 0 }, body: log.slice(from, to).join("\n"),
    });
  }

  cut() {
    this.open = false;
    this.pipe = [];
    this.subscribed.clear();
  }
}

/** @param {{until?: string}} command @param {number} lines */
const left = ({ until }, lines) => (until === undefined ? {} : { left: 9 * lines, left_lines: lines });

/** @param {string} line */
const saysWhen = (line) => Number(line.split(" ")[2]);

/** As a daemon looks: it takes a log to be in the order of its times, and its last line tells. @param {string[]} log @param {number} time */
function byTime(log, time) {
  const at = log.findIndex((line) => saysWhen(line) >= time);
  return at < 0 || saysWhen(log[log.length - 1]) < time ? log.length : at;
}

/** @param {number} seed @param {string[]} names */
function stage(seed, names) {
  const r = random(seed);
  const daemon = new Daemon();
  let clock = 0;
  /** @param {string} name @param {number} count */
  const write = (name, count) => {
    const log = daemon.logs.get(name) ?? [];
    daemon.logs.set(name, log);
    for (; count > 0; count -= 1) log.push(`${name} ${log.length} ${(clock += r.int(0, 3))}`);
  };
  for (const name of names) write(name, r.pick([0, 1, 40, 900]));
  for (let n = 0; n < 300; n += 1) write(r.pick(names), r.int(0, 4));
  const reader = { following: true, eye: 0 };
  const feed = new Feed(/** @type {any} */ ({
    send: (/** @type {object} */ command) => daemon.send(command),
    eye: () => Math.min(Math.max(reader.eye, feed.blocks.first), Math.max(feed.blocks.first, feed.blocks.end - 1)),
    floor: () => feed.blocks.end,
    following: () => reader.following,
    arrived() {}, counted() {}, opened() {}, changed() {},
    failed: (/** @type {string} */ message) => assert.fail(message),
    timeOf: (/** @type {any} */ block, /** @type {number} */ i) => Number(block.line(i).split(" ")[2]),
    now: () => 0,
  }), new Set(["history.after", "history.until", "locate"]));
  feed.blocks.limits = { bytes: 60_000, lines: 3000 };
  return { r, daemon, write, reader, feed };
}

/** @param {{daemon: Daemon, feed: Feed}} on */
function deliverAll({ daemon, feed }) {
  for (let guard = 0; guard < 10_000; guard += 1) {
    const message = daemon.pipe.shift();
    if (message) feed.message(message.head, message.body);
    else {
      for (const source of daemon.logs.keys()) daemon.pump(source, 500);
      if (daemon.pipe.length === 0) return;
    }
  }
  assert.fail("the feed never comes to rest");
}

/** The lines of one log that are held, as their numbers in it. @param {Feed} feed @param {string} name */
const held = (feed, name) => rowsOf(feed.blocks).filter((row) => row.startsWith(`${name} `)).map((row) => Number(row.split(" ")[1]));

/** @param {number[]} numbers @param {string} what */
function consecutive(numbers, what) {
  numbers.forEach((n, i) => {
    if (i > 0) assert.equal(n, /** @type {number} */ (numbers[i - 1]) + 1, `${what}: ${n} stands behind ${numbers[i - 1]}`);
  });
}

/**
 * What is held of a log stands as it does in its file: without repetition, and nothing is missing but
 * what the hole says.
 * @param {Feed} feed @param {string} name @param {string} what
 */
function sound(feed, name, what) {
  const { hole, blocks } = feed;
  assert.equal(blocks.weight, blocks.list.reduce((sum, block) => sum + block.weight, 0), what);
  assert.equal(blocks.rules, blocks.list.filter((block) => block.rule).length, what);
  if (!hole) return consecutive(held(feed, name), what);
  const rows = rowsOf(feed.blocks);
  const at = hole.ord - feed.blocks.first;
  const [above, below] = [rows.slice(0, at), rows.slice(at + 1)].map((part) => part.filter((row) => !row.startsWith("--")).map((row) => Number(row.split(" ")[1])));
  consecutive(above, `${what}, above`);
  consecutive(below, `${what}, below`);
  assert.equal(hole.start, String(/** @type {number} */ (above.at(-1)) + 1), `${what}: where it begins`);
  if (below.length) assert.equal(hole.end, String(below[0]), `${what}: where it ends`);
  assert.ok(Number(hole.end) > Number(hole.start), `${what}: there is something in it`);
  if (hole.lines !== null) assert.equal(hole.lines, Number(hole.end) - Number(hole.start), `${what}: how much`);
  assert.equal(feed.blocks.list.filter((block) => block.rule?.kind === "hole").length, 1, `${what}: there is one`);
}

/** @param {ReturnType<typeof stage>} on @param {string[]} names */
function act({ r, daemon, write, reader, feed }, names) {
  const { blocks } = feed;
  const step = r.int(0, 17);
  if (step < 3) write(r.pick(names), r.int(1, 30));
  else if (step < 6) daemon.pump(r.pick(names), r.int(1, 40));
  else if (step < 11) {
    for (let n = r.int(1, 4); n > 0; n -= 1) {
      const message = daemon.pipe.shift();
      if (message) feed.message(message.head, message.body);
    }
  } else if (step === 11) {
    reader.following = false;
    reader.eye = blocks.first + r.int(0, 20);
    feed.wantAbove();
  } else if (step === 12) {
    reader.eye = blocks.end - r.int(1, 20);
    feed.wantBelow();
  } else if (step === 13) {
    if (r.next() < 0.5) {
      reader.following = true;
      reader.eye = blocks.end;
      feed.jump({ end: true });
    } else {
      reader.following = false;
      feed.jump({ fraction: r.next() });
    }
  } else if (step === 14 && r.next() < 0.4) {
    reader.following = false;
    feed.detach();
  } else if (step === 15 && r.next() < 0.4) {
    daemon.cut();
    write(r.pick(names), r.int(0, 50));
    daemon.open = true;
    feed.resume();
  } else if (step === 16 && feed.hole) {
    feed.wantHole(r.pick(["above", "below"]));
  } else if (step === 17 && feed.hole) {
    reader.following = false;
    reader.eye = feed.hole.ord + r.int(-20, 20);
  }
}

for (const names of [["a"], ["a", "b", "c"]]) {
  test(`property: whatever one does and whatever breaks, what is held of ${names.length} log(s) is without hole or repetition`, () => {
    for (let seed = 0; seed < 30; seed += 1) {
      const on = stage(seed, names);
      const { r, feed, daemon, reader } = on;
      feed.open(names, {}, { end: true });
      for (let step = 0; step < 150; step += 1) {
        act(on, names);
        if (step % 5 === 0) for (const name of names) sound(feed, name, `seed ${seed}, step ${step}`);
        assert.ok(feed.blocks.rows <= (feed.hole ? 2 : 1) * 3000 + 2500, "bounds hold but for a page");
      }
      // At rest, back at the end: the last lines of every log are there, and new ones come.
      reader.following = true;
      reader.eye = Infinity;
      deliverAll(on);
      feed.jump({ end: true });
      deliverAll(on);
      on.write(/** @type {string} */ (names[0]), 3);
      deliverAll(on);
      for (const name of names) {
        const numbers = held(feed, name);
        sound(feed, name, `seed ${seed}, at the end`);
        const length = (daemon.logs.get(name) ?? []).length;
        if (length > 0) assert.equal(numbers[numbers.length - 1], length - 1, `seed ${seed}: the end of ${name}`);
      }
      // Reading up from there comes to the first line of every log.
      reader.following = false;
      feed.blocks.limits = { bytes: 1e9, lines: 1e9 };
      for (let guard = 0; feed.above && guard < 50; guard += 1) {
        feed.wantAbove();
        deliverAll(on);
      }
      for (let guard = 0; feed.hole && guard < 50; guard += 1) {
        feed.wantHole(r.pick(["above", "below"]));
        deliverAll(on);
      }
      for (const name of names) {
        assert.deepEqual(held(feed, name), (daemon.logs.get(name) ?? []).map((_, i) => i), `seed ${seed}: all of ${name}`);
      }
      assert.equal(rowsOf(feed.blocks)[0], "--", `seed ${seed}: and to the beginning`);
    }
  });
}

test("property: who goes to the end keeps what he read, and loads the hole from both sides until it is closed", () => {
  let steps = 0;
  let closed = 0;
  for (let seed = 0; seed < 40; seed += 1) {
    const on = stage(seed, ["a"]);
    const { r, feed, daemon, reader, write } = on;
    write("a", 8000);
    feed.open(["a"], {}, { end: true });
    for (let step = 0; step < 160; step += 1) {
      const what = `seed ${seed}, step ${step}`;
      if (step % 40 === 0) {
        feed.blocks.limits = { bytes: r.pick([20_000, 1e6]), lines: r.pick([900, 1e6]) };
        reader.following = false;
        feed.jump({ fraction: r.next() * 0.8 });
        deliverAll(on);
      }
      if (step % 40 === 0 || r.next() < 0.02) {
        feed.jump({ end: true, upper: r.pick([true, false]) });
        reader.following = true;
      }
      if (feed.hole && r.next() < 0.02) {
        // The daemon leaves out what is too much.
        deliverAll(on);
        const log = daemon.logs.get("a") ?? [];
        const from = log.length;
        write("a", 700);
        daemon.subscribed.set("a", log.length);
        if (feed.attached) feed.message({ type: "gap", source: "a", bytes: 6300, reason: "lagging", start: String(from), end: String(log.length) }, null);
        write("a", 3);
        deliverAll(on);
      } else act(on, ["a"]);
      sound(feed, "a", what);
      steps += Number(feed.hole !== null);
    }
    deliverAll(on);
    const had = feed.hole;
    feed.blocks.limits = { bytes: 1e9, lines: 1e9 };
    for (let guard = 0; feed.hole && guard < 50; guard += 1) {
      feed.wantHole(r.pick(["above", "below"]));
      deliverAll(on);
      sound(feed, "a", `seed ${seed}, loading`);
    }
    if (had) closed += 1;
    assert.equal(feed.hole, null);
    sound(feed, "a", `seed ${seed}, closed`);
  }
  assert.ok(steps > 1000 && closed > 5, `${steps} steps with a hole, ${closed} closed`);
});

test("where the end is held already, or overlaps what was read, no line is held twice", () => {
  for (const lines of [350, 500, 600, 800, 801, 1200]) {
    const on = stage(1, ["a"]);
    const { feed, daemon, reader } = on;
    daemon.logs.set("a", Array.from({ length: lines }, (_, i) => `a ${i} ${i}`));
    reader.following = false;
    feed.open(["a"], {}, { cursor: "0" });
    deliverAll(on);
    feed.detach();
    feed.jump({ end: true });
    reader.following = true;
    deliverAll(on);
    sound(feed, "a", `${lines}`);
    assert.equal(held(feed, "a").at(-1), lines - 1);
    assert.equal(feed.hole !== null, lines > 1000);
  }
});

test("what is no longer kept in a hole is a gap, which stays", () => {
  const on = stage(1, ["a"]);
  const { feed, daemon, reader } = on;
  daemon.logs.set("a", Array.from({ length: 3000 }, (_, i) => `a ${i} ${i}`));
  reader.following = false;
  feed.open(["a"], {}, { cursor: "100" });
  deliverAll(on);
  feed.jump({ end: true });
  reader.following = true;
  deliverAll(on);
  assert.ok(feed.hole);
  feed.wantHole("above");
  const [{ head }] = daemon.pipe.splice(0);
  feed.host.failed = () => assert.fail("it is said by the rule");
  feed.message({ type: "error", source: "a", id: head.id, code: "gone", message: "not kept" }, null);
  assert.equal(feed.hole, null);
  assert.deepEqual(feed.blocks.list.flatMap(({ rule }) => (rule ? [rule.kind] : [])), ["begin", "gap"]);
});

test("property: a merge that is opened at a line shows that line, all of every log around it, and each in its time", () => {
  const names = ["a", "b", "c", "silent"];
  for (let seed = 0; seed < 60; seed += 1) {
    const { r, daemon, feed, reader } = stage(seed, []);
    for (const name of names) daemon.logs.set(name, []);
    let clock = 100_000;
    for (let n = 0; n < 450; n += 1) {
      // Many lines have the same time; one log ends long before the others.
      clock += r.pick([0, 0, 1, 400]);
      const name = r.pick(n < 60 ? names : ["a", "b", "c"]);
      const log = daemon.logs.get(name);
      log?.push(`${name} ${log.length} ${clock}`);
    }
    // The last line of another came late, or its clock is wrong.
    const late = daemon.logs.get("b");
    late?.push(`b ${late.length} 100000`);
    const source = r.pick(names);
    const log = daemon.logs.get(source) ?? [];
    if (!log.length) continue;
    const i = r.pick([0, log.length - 1, r.int(0, log.length - 1)]);
    const time = Math.max(...log.slice(0, i + 1).map(saysWhen));
    /** @type {any} */ let opened = null;
    feed.host.opened = (how) => { opened = how; };
    reader.following = false;
    const skip = r.int(0, Math.min(i, 5));
    feed.open(names, {}, { cursor: String(i - skip), skip, source, time });
    deliverAll({ daemon, feed });
    assert.equal(opened.to.block.line(opened.to.i), log[i], `seed ${seed}: the line itself`);
    feed.blocks.limits = { bytes: 1e9, lines: 1e9 };
    for (let guard = 0; guard < 20; guard += 1) {
      feed.wantAbove();
      feed.wantBelow();
      deliverAll({ daemon, feed });
    }
    const rows = rowsOf(feed.blocks).filter((row) => !row.startsWith("--"));
    for (const name of names) assert.deepEqual(rows.filter((row) => row.startsWith(`${name} `)), daemon.logs.get(name), `seed ${seed}: all of ${name}`);
    let before = -Infinity;
    for (const row of rows) {
      if (saysWhen(row) === 100_000 && row.startsWith("b ")) continue;
      assert.ok(saysWhen(row) >= before, `seed ${seed}: ${row} stands behind ${before}`);
      before = saysWhen(row);
    }
  }
});

test("a log of a merge that cannot be had does not keep the others away", () => {
  const { daemon, feed } = stage(1, ["a", "b"]);
  const send = daemon.send.bind(daemon);
  daemon.send = (command) => {
    if (command.source !== "b" || command.type === "subscribe") return send(command);
    daemon.pipe.push({ head: { type: "error", source: "b", id: command.id, code: "gone", message: "not kept" }, body: null });
    return true;
  };
  const log = daemon.logs.get("a") ?? [];
  for (const place of [{ end: /** @type {const} */ (true) }, { time: saysWhen(log[5]) }, { cursor: "7", skip: 0, source: "a", time: saysWhen(log[7]) }]) {
    feed.open(["a", "b"], {}, place);
    deliverAll({ daemon, feed });
    assert.equal(feed.opening, null);
    assert.ok(held(feed, "a").length > 0, JSON.stringify(place));
  }
});

test("a new line is told with when it was read, also where it goes into the block of older ones", () => {
  const { daemon, feed } = stage(1, ["a"]);
  daemon.logs.set("a", ["a 0 0", "a 1 1"]);
  /** @type {number[][]} */
  const told = [];
  feed.host.arrived = (block, from, t) => void told.push([block.count, from, t]);
  feed.open(["a"], {}, { end: true });
  deliverAll({ daemon, feed });
  feed.message({ type: "lines", source: "a", start: "2", end: "3", t: 7 }, "a 2 2");
  feed.message({ type: "lines", source: "a", start: "3", end: "4", t: 9 }, "a 3 3");
  assert.equal(feed.blocks.list.filter((block) => !block.rule).length, 1);
  assert.deepEqual(told, [[2, 0, 0], [3, 2, 7], [4, 3, 9]]);
});
