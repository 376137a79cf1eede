/** The tracker in a real Chromium, on a page of another origin than the API's. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";

import type { Page } from "playwright-core";

import { Browser, type PageOptions, servePage, startTracker } from "./browser.ts";
import { API, posts, script, seen, setClock, tokenOf } from "./faulty_api.ts";

let browser: Browser;
let pageUrl: string;
before(async () => {
  pageUrl = (await servePage()).url;
  browser = await Browser.start();
});
after(() => browser.stop());

async function openPage(options: Partial<PageOptions> = {}): Promise<{ page: Page; user: string; start: () => Promise<void> }> {
  const page = await browser.context.newPage();
  const user = options.user ?? randomUUID();
  const start = async () => {
    await page.goto(pageUrl);
    await startTracker(page, { url: API, user, token: tokenOf(user), ...options });
  };
  await start();
  return { page, user, start };
}

const track = (page: Page, from: number, to: number) =>
  page.evaluate(
    async ([first, last]) => {
      const all = Array.from({ length: last! - first! }, (_, index) => `a${first! + index}`);
      await Promise.all(all.map((artifact_id) => window.tracker.track({ kind: "peel", artifact_id })));
    },
    [from, to],
  );
const flush = (page: Page) => page.evaluate(() => window.tracker.flush());
const status = (page: Page) => page.evaluate(() => window.tracker.status);

/** Return the artifacts that the API stored for the user, sorted. A repetition has the same content, and counts once. */
async function arrived(user: string): Promise<string[]> {
  const contents = new Set((await seen()).stored[user]?.map((one) => JSON.stringify(one)));
  const found = [...contents].map((one) => (JSON.parse(one) as { artifact_id: string }).artifact_id);
  return found.sort((one, other) => Number(one.slice(1)) - Number(other.slice(1)));
}

const artifacts = (count: number) => Array.from({ length: count }, (_, index) => `a${index}`);

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await condition()); tries++) {
    assert.ok(tries < 100, "within 10 s");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

test("the preflight of a bearer token is asked for once", async () => {
  await script();
  const { page, user } = await openPage();
  for (let batch = 0; batch < 5; batch++) {
    await track(page, batch, batch + 1);
    await flush(page);
  }
  assert.deepEqual(await arrived(user), artifacts(5));
  const preflights = (await seen()).requests.filter(({ method, path }) => method === "OPTIONS" && path === "/interactions");
  assert.equal(preflights.length, 1);
  await page.close();
});

test("a page that is reloaded while the API fails, and while it answers, loses and doubles nothing", async () => {
  await script({ status: 500 }, { break: true }, { seconds: 1, lose_answer: true });
  const { page, user, start } = await openPage();
  await track(page, 0, 10);
  await start();
  await track(page, 10, 20);
  await until(async () => (await posts()).length === 3);
  await start();
  await flush(page);
  assert.deepEqual((await status(page)).waiting, 0);
  assert.deepEqual(await arrived(user), artifacts(20));
  await page.close();
});

test("a page that is closed in mid-send, and a browser that is closed, leave it to the next", async () => {
  await script({ seconds: 5 });
  const first = await openPage();
  await track(first.page, 0, 10);
  await until(async () => (await posts()).length === 1);
  await first.page.close();
  await script(...Array(5).fill({ status: 503 }));
  const second = await openPage({ user: first.user });
  await track(second.page, 10, 20);
  await browser.restart();
  await script();
  const third = await openPage({ user: first.user });
  await flush(third.page);
  assert.deepEqual(await arrived(first.user), artifacts(20));
  await third.page.close();
});

test("a page that goes sends what it has with keepalive", async () => {
  await script();
  const { page, user } = await openPage({ batchMilliseconds: 60_000 });
  await track(page, 0, 1);
  await flush(page); // the clock is known, and there is a token
  await track(page, 1, 4);
  await page.goto("about:blank");
  await until(async () => (await arrived(user)).length === 4);
  await page.close();
});

test("a page that goes sends no more than browsers allow, and the next page sends the rest", async () => {
  await script();
  const { page, user, start } = await openPage({ batchMilliseconds: 60_000 });
  await track(page, 0, 1);
  await flush(page);
  await page.evaluate(async () => {
    const metadata = { text: "x".repeat(10_000) };
    for (let index = 1; index < 10; index++) await window.tracker.track({ kind: "peel", artifact_id: `a${index}`, metadata });
  });
  await page.goto("about:blank");
  await until(async () => (await posts()).length === 2);
  const { bytes, count } = (await posts())[1]!;
  assert.ok(count === 4 && bytes <= 48 * 1024, `${count} in ${bytes} bytes`);
  await start();
  await flush(page);
  assert.deepEqual(await arrived(user), artifacts(10));
  await page.close();
});

test("of two tabs one sends for both, and when it is closed the other goes on", async () => {
  await script();
  const first = await openPage();
  const second = await openPage({ user: first.user });
  await Promise.all([track(first.page, 0, 50), track(second.page, 50, 100)]);
  await Promise.all([flush(first.page), flush(second.page)]);
  assert.deepEqual([(await status(first.page)).state, (await status(second.page)).state], ["ready", "other"]);
  assert.equal((await status(second.page)).waiting, 0);
  assert.deepEqual(await arrived(first.user), artifacts(100));
  assert.equal((await seen()).stored[first.user]!.length, 100);
  await first.page.close();
  await track(second.page, 100, 110);
  await flush(second.page);
  assert.equal((await status(second.page)).state, "ready");
  assert.equal((await seen()).stored[first.user]!.length, 110);
  await second.page.close();
});

test("offline it says how many wait, and goes on by itself when the network is back", async () => {
  await script();
  const { page, user } = await openPage();
  await browser.context.setOffline(true);
  await track(page, 0, 3);
  await until(async () => (await status(page)).state === "waiting");
  assert.equal((await status(page)).waiting, 3);
  await browser.context.setOffline(false);
  await until(async () => (await arrived(user)).length === 3);
  await page.close();
});

test("what one user leaves is not sent by the next, and is sent when they are back", async () => {
  await script(...Array(3).fill({ status: 503 }));
  const { page, user } = await openPage();
  await track(page, 0, 3);
  await page.evaluate(() => window.tracker.close(0));
  await script();
  const other = randomUUID();
  await startTracker(page, { url: API, user: other, token: tokenOf(other) });
  await track(page, 10, 11);
  await flush(page);
  assert.deepEqual(await arrived(other), ["a10"]);
  await page.evaluate(() => window.tracker.close());
  await startTracker(page, { url: API, user, token: tokenOf(user) });
  await flush(page);
  assert.deepEqual(await arrived(user), artifacts(3));
  await page.close();
});

test("a full store refuses loudly, and what is stored is sent", async () => {
  await script();
  const { page, user } = await openPage({ maxBytes: 1000, batchMilliseconds: 60_000 });
  await track(page, 0, 3);
  await assert.rejects(track(page, 3, 10), /the store of this device is full/);
  assert.ok((await page.evaluate(() => window.rejected.length)) > 0);
  await flush(page);
  assert.ok((await arrived(user)).length >= 3);
  await page.close();
});

test("a full disk refuses loudly", async () => {
  const page = await browser.context.newPage();
  const url = pageUrl.replace("127.0.0.1", "localhost"); // an origin that has nothing yet
  const disk = await browser.context.newCDPSession(page);
  await disk.send("Storage.overrideQuotaForOrigin", { origin: new URL(url).origin, quotaSize: 1 });
  await page.goto(url);
  await startTracker(page, { url: API, user: "nobody", token: tokenOf("nobody") });
  const big = page.evaluate(() => window.tracker.track({ kind: "recall", metadata: { text: "x".repeat(250_000) } }));
  await assert.rejects(big, /the store of this device is full/);
  assert.equal(await page.evaluate(() => window.rejected.length), 1);
  await page.close();
});

test("without IndexedDB it keeps what it has in memory, and says so", async () => {
  await script();
  const page = await browser.context.newPage();
  await page.addInitScript(() => Object.defineProperty(window, "indexedDB", { value: undefined }));
  await page.goto(pageUrl);
  const user = randomUUID();
  await startTracker(page, { url: API, user, token: tokenOf(user) });
  await track(page, 0, 3);
  await flush(page);
  assert.deepEqual(await arrived(user), artifacts(3));
  assert.equal((await status(page)).durable, false);
  await page.close();
});

test("with a clock that is years ahead nothing is lost", async () => {
  await setClock(-4 * 365 * 86_400);
  const { page, user } = await openPage();
  await track(page, 0, 3);
  await flush(page);
  assert.deepEqual(await arrived(user), artifacts(3));
  await page.close();
});

test("a page that comes back from the back-forward cache goes on", async () => {
  await script();
  const { page, user } = await openPage();
  await track(page, 0, 1);
  await flush(page);
  await page.evaluate(() => addEventListener("pageshow", ({ persisted }) => (document.title = `back ${persisted}`)));
  await page.goto(`${new URL(pageUrl).origin}/another`);
  await page.goBack({ waitUntil: "commit" }); // no load event follows
  assert.equal(await page.title(), "back true");
  await track(page, 1, 3);
  await flush(page);
  assert.deepEqual(await arrived(user), artifacts(3));
  await page.close();
});

test("it works in a worker", async () => {
  await script();
  const page = await browser.context.newPage();
  await page.goto(pageUrl);
  const user = randomUUID();
  const told = await page.evaluate(
    ([url, token, user]) =>
      new Promise((resolve) => {
        const work = `importScripts("${location.origin}/client.js");
          const tracker = new client.Tracker({ url: "${url}", user: "${user}", token: () => "${token}" });
          tracker.recall();
          tracker.flush().then(({ waiting, durable }) => postMessage({ waiting, durable }));`;
        const worker = new Worker(URL.createObjectURL(new Blob([work])));
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = ({ message }) => resolve(message);
      }),
    [API, tokenOf(user), user],
  );
  assert.deepEqual(told, { waiting: 0, durable: true });
  assert.equal((await seen()).stored[user]!.length, 1);
  await page.close();
});
