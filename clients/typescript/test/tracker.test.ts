/** The tracker in Node, against a real HTTP server that fails as told. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { afterEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { type Options, type Rejected, StoreFullError, Tracker } from "../src/index.ts";
import { API, posts, script, seen, setClock, tokenOf } from "./faulty_api.ts";

const open: Tracker[] = [];
afterEach(() => Promise.all(open.splice(0).map((tracker) => tracker.close(0))));

function newTracker(options: Partial<Options> = {}): { tracker: Tracker; user: string; rejected: Rejected[] } {
  const user = options.user ?? randomUUID();
  const rejected: Rejected[] = [];
  const own = { url: API, user, token: () => tokenOf(user), onRejected: (one: Rejected) => rejected.push(one) };
  const tracker = new Tracker({ batchMilliseconds: 10, ...own, ...options });
  open.push(tracker);
  return { tracker, user, rejected };
}

async function stored(user: string): Promise<Array<Record<string, unknown>>> {
  return (await seen()).stored[user] ?? [];
}

test("a recall has its event at once, and what follows joins it, in order and in one request", async () => {
  await script();
  const { tracker, user } = newTracker();
  const event_id = tracker.recall({ query: "test recall" });
  tracker.peel(event_id, "a1");
  tracker.keep(event_id, "a1");
  tracker.markGood(event_id, "a1", { position: 1 });
  tracker.markBad(event_id, "a2");
  tracker.unkeep(event_id, "a1");
  tracker.unmark(event_id, "a2");
  const status = await tracker.flush();
  assert.equal(status.waiting, 0);
  const kinds = (await stored(user)).map((one) => [one.kind, one.event_id === event_id]);
  assert.deepEqual(kinds, ["recall", "peel", "keep", "mark_good", "mark_bad", "unkeep", "unmark"].map((kind) => [kind, true]));
  assert.equal((await posts()).length, 1);
});

test("two interactions with the same content have two times", async () => {
  await script();
  const { tracker, user } = newTracker();
  for (let count = 0; count < 20; count++) tracker.peel("d3aac781-5229-5aa4-997e-6705b4971007", "a1");
  await tracker.flush();
  assert.equal(new Set((await stored(user)).map((one) => one.timestamp)).size, 20);
});

const LATER = [
  ["429", { status: 429, headers: { "Retry-After": "0" } }],
  ["500 in HTML", { status: 500, text: "<html>" }],
  ["a connection that breaks", { break: true }],
  ["200 that is no answer", { status: 200, text: "<html>" }],
  ["the verdict retry", { verdicts: ["retry"] }],
  ["a verdict that cannot be read", { verdicts: [null] }],
] as const;
for (const [name, fault] of LATER) {
  test(`after ${name} the interaction is sent again`, async () => {
    await script(fault, fault);
    const { tracker, user } = newTracker();
    await tracker.track({ kind: "recall" });
    assert.equal((await tracker.flush()).waiting, 0);
    assert.equal((await stored(user)).length, 1);
    assert.equal((await posts()).length, 3);
  });
}

test("Retry-After is the least that it waits, even when it is to hurry", async () => {
  await script({ status: 429, headers: { "Retry-After": "2" } });
  const { tracker } = newTracker();
  await tracker.track({ kind: "recall" });
  await tracker.flush();
  const [first, second] = await posts();
  assert.ok(second!.at - first!.at >= 2, `${second!.at - first!.at} s`);
});

test("what was sent once never changes, though the clock is measured again", async () => {
  const faults = [{ lose_answer: true }, { lose_answer: true }];
  await setClock(86_400 * 3, ...faults);
  const { tracker, user } = newTracker();
  await tracker.track({ kind: "recall", metadata: { query: "a" } });
  await tracker.flush();
  const [first, second, third] = await stored(user);
  assert.deepEqual([second, third], [first, first]);
});

for (const years of [-30, -3, 3, 20]) {
  test(`with a clock that is wrong by ${years} years nothing is refused`, async () => {
    const offset = -years * 365 * 86_400;
    await setClock(offset);
    const { tracker, user, rejected } = newTracker();
    const event_id = tracker.recall();
    await tracker.flush();
    tracker.peel(event_id, "a1"); // now that the clock was measured
    await tracker.flush();
    assert.deepEqual(rejected, []);
    for (const { timestamp } of await stored(user)) {
      assert.ok(Math.abs((timestamp as number) - (Date.now() + offset * 1000)) < 10_000, String(timestamp));
    }
  });
}

test("a time that the caller gives is sent as it is", async () => {
  await setClock(86_400 * 3);
  const { tracker, user } = newTracker();
  await tracker.track({ kind: "recall", timestamp: new Date("2025-05-01T12:00:00Z") });
  await tracker.flush();
  assert.equal((await stored(user))[0]!.timestamp, "2025-05-01T12:00:00.000Z");
});

test("more than a request may hold goes in several, in order", async () => {
  await script();
  const { tracker, user } = newTracker({ batchMilliseconds: 200 });
  for (let index = 0; index < 250; index++) tracker.peel(null, `a${index}`);
  await tracker.flush();
  assert.deepEqual((await posts()).map(({ count }) => count), [100, 100, 50]);
  assert.deepEqual((await stored(user)).map(({ artifact_id }) => artifact_id), Array.from({ length: 250 }, (_, i) => `a${i}`));
});

test("after 413 a batch is split; what is too large alone is kept with the reason", async () => {
  await script({ status: 413 }, { status: 413 });
  const { tracker, user, rejected } = newTracker({ batchMilliseconds: 100 });
  for (let index = 0; index < 8; index++) tracker.peel(null, `a${index}`);
  tracker.recall({ query: "x".repeat(300_000) });
  tracker.peel(null, "last");
  const status = await tracker.flush();
  assert.deepEqual([status.waiting, status.rejected], [0, 1]);
  assert.equal((await stored(user)).length, 9);
  assert.deepEqual((await posts()).slice(0, 3).map(({ count }) => count), [8, 4, 2]);
  assert.match(rejected[0]!.reason, /300\d\d\d bytes/);
});

test("what the API refuses is kept with the reason, and holds back no other", async () => {
  await script();
  const { tracker, user, rejected } = newTracker({ batchMilliseconds: 100 });
  tracker.peel(null, "a1");
  tracker.peel(null, "");
  tracker.peel(null, "a2");
  const status = await tracker.flush();
  assert.deepEqual([status.waiting, status.rejected], [0, 1]);
  assert.deepEqual((await stored(user)).map(({ artifact_id }) => artifact_id), ["a1", "a2"]);
  assert.match(rejected[0]!.reason, /artifact_id/);
  assert.deepEqual(await tracker.takeRejected(), rejected);
  assert.equal(tracker.status.rejected, 0);
});

test("a token that has expired is asked for once more, and nothing is lost", async () => {
  await script();
  const asked: boolean[] = [];
  const user = randomUUID();
  const token = ({ refresh }: { refresh: boolean }) => {
    asked.push(refresh);
    return tokenOf(user, refresh ? 3600 : -1);
  };
  const { tracker } = newTracker({ user, token });
  tracker.recall();
  tracker.recall();
  await tracker.flush();
  assert.equal((await stored(user)).length, 2);
  assert.deepEqual(asked, [false, true]);
});

test("a token that stays refused pauses the tracker, and signing in again goes on", async () => {
  await script();
  const user = randomUUID();
  let seconds = -1;
  const { tracker } = newTracker({ user, token: async () => tokenOf(user, seconds) });
  tracker.recall();
  const status = await tracker.flush();
  assert.deepEqual([status.waiting, status.state, status.reason], [1, "paused", "no valid ID token"]);
  seconds = 3600;
  assert.equal((await tracker.flush()).waiting, 0);
  assert.equal((await stored(user)).length, 1);
});

test("a token never crosses a network in clear text", async () => {
  for (const url of ["http://api.example", "http://localhost.example", "ftp://localhost"])
    assert.throws(() => newTracker({ url }), /must begin with https/);
  for (const url of ["https://api.example/", "http://localhost:1", "http://127.0.0.1:1", "http://[::1]:1"]) newTracker({ url });
});

test("one user's interactions are never sent with another user's token", async () => {
  await script();
  const { tracker } = newTracker({ token: () => tokenOf("another") });
  tracker.recall();
  const status = await tracker.flush();
  assert.deepEqual([status.waiting, status.state], [1, "paused"]);
  assert.deepEqual(await posts(), []);
});

test("another refusal of the whole request pauses the tracker and says why", async () => {
  await script({ status: 403, text: '{"status": "error", "message": "not here", "event_id": null}' });
  const { tracker, user } = newTracker();
  tracker.recall();
  const status = await tracker.flush();
  assert.deepEqual([status.waiting, status.state, status.reason], [1, "paused", "not here"]);
  assert.equal((await tracker.flush()).waiting, 0);
  assert.equal((await stored(user)).length, 1);
});

test("a token function that fails, and one that is slow, lose nothing", async () => {
  await script();
  const user = randomUUID();
  let calls = 0;
  const token = async () => {
    if (!calls++) throw new Error("no network");
    return tokenOf(user);
  };
  const { tracker } = newTracker({ user, token });
  tracker.recall();
  assert.equal((await tracker.flush()).waiting, 0);
});

test("a full store refuses loudly", async () => {
  await script();
  const { tracker, rejected } = newTracker({ maxBytes: 500, batchMilliseconds: 10_000 });
  await tracker.track({ kind: "recall" });
  await assert.rejects(tracker.track({ kind: "recall", metadata: { query: "x".repeat(500) } }), StoreFullError);
  assert.match(rejected[0]!.reason, /500 bytes/);
  assert.equal((await tracker.flush()).waiting, 0);
  await tracker.track({ kind: "recall" });
});

test("a closed tracker refuses", async () => {
  const { tracker } = newTracker();
  assert.equal((await tracker.close()).state, "closed");
  await assert.rejects(tracker.track({ kind: "recall" }), /closed/);
});

test("its timers do not keep Node alive, and flush does", async () => {
  await script();
  const run = promisify(execFile);
  const program = fileURLToPath(new URL("exits.ts", import.meta.url));
  const began = performance.now();
  const user = randomUUID();
  const { stdout } = await run(process.execPath, [program, API, tokenOf(user), user], { timeout: 20_000 });
  assert.equal(stdout, "flushed 0\n");
  assert.ok(performance.now() - began < 10_000);
});
