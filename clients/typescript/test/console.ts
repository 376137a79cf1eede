/**
 * Uses the console as a person does. `node console.ts PLAN` prints what it saw, as JSON. The plan is JSON: `address`
 * (with its token), `pages` (paths to look at), `mend` (the id of a dead letter), and maybe `pictures` (a folder).
 */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import type { Page } from "playwright-core";

import { Browser } from "./browser.ts";
import { loaded, signIn } from "./console-page.ts";

type Plan = { address: string; pages: string[]; mend?: string; pictures?: string };
type Axe = { run: (options: object) => Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }> };

const plan = JSON.parse(process.argv[2]!) as Plan;
const { origin } = new URL(plan.address);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const sizes = { wide: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } };
const seen = { errors: [] as string[], outside: [] as string[], overflowing: [] as string[], serious: [] as string[] };

const browser = await Browser.start();
const page = await browser.context.newPage();
page.on("console", (message) => message.type() === "error" && seen.errors.push(message.text()));
page.on("pageerror", (error) => seen.errors.push(error.message));
page.on("request", (request) => new URL(request.url()).origin !== origin && !request.url().startsWith("data:") && seen.outside.push(request.url()));

const root = await signIn(page, plan.address);
const again = (await browser.context.request.get(plan.address, { headers: { cookie: "" } })).status();

for (const path of plan.pages) {
  await page.setViewportSize(sizes.wide);
  await page.goto(root + path);
  await loaded(page);
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    for (const [size, viewport] of Object.entries(sizes)) {
      await page.setViewportSize(viewport);
      const where = `${path} ${colorScheme} ${size}`;
      if (await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)) seen.overflowing.push(where);
      if (plan.pictures) {
        const name = `${path.replace(/\?.*/, "").replace(/\W+/g, "-")}-${colorScheme}-${size}.png`;
        await page.screenshot({ path: join(plan.pictures, name.slice(1)), fullPage: true });
      }
    }
    await page.evaluate(axe); // not by a script element, which the page's policy forbids
    const found = await page.evaluate(() => (window as unknown as { axe: Axe }).axe.run({ resultTypes: ["violations"] }));
    const serious = found.violations.filter(({ impact }) => impact === "serious" || impact === "critical");
    seen.serious.push(...serious.map(({ id, nodes }) => `${path} ${colorScheme}: ${id} ${nodes[0]!.html.slice(0, 200)}`));
  }
}

const kept = await opensAlarms(page);
const together = await partsTogether(page);
const done = plan.mend ? await mendAndSend(page, plan.mend).catch(fail) : {};
const neighbour = await toNeighbour(root);
console.log(JSON.stringify({ again, kept, together, ...seen, ...done, neighbour }));
await browser.stop();
process.exit();

/** Open the list of alarms on Health; tell whether it is open after the page has asked again. */
async function opensAlarms(page: Page): Promise<boolean> {
  await page.goto(`${root}/health`);
  await page.getByText("All alarms").click();
  for (let times = 0; times < 2; times += 1) await page.waitForResponse((response) => response.url().endsWith("/health/now"));
  await page.waitForTimeout(500); // until the answer is shown
  return page.locator("#alarms").evaluate((list) => (list as HTMLDetailsElement).open);
}

/** Open Statistics; return how many of its parts were asked for before the one before them had come. */
async function partsTogether(page: Page): Promise<number> {
  await page.goto(`${root}/statistics`);
  await loaded(page);
  return page.evaluate(() => {
    const all = performance.getEntriesByType("resource") as PerformanceResourceTiming[];
    const parts = all.filter(({ name }) => name.includes("/statistics/part")).sort((one, other) => one.startTime - other.startTime);
    return parts.length > 3 ? parts.filter(({ startTime }, place) => place && startTime < parts[place - 1]!.responseEnd).length : NaN;
  });
}

/** Go from the console to another port of this host; return what the browser told it of the console. */
async function toNeighbour(root: string): Promise<string[]> {
  const told: string[] = [];
  let visits = 0;
  const server = createServer((request, response) => {
    visits += 1;
    told.push(...[request.headers.cookie, request.headers.referer].filter((one) => one !== undefined));
    response.setHeader("Content-Type", "text/html").end("<title>Another port</title>");
  });
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  const address = `http://localhost:${(server.address() as AddressInfo).port}/`;
  const visitor = await browser.context.newPage();
  await visitor.goto(`${root}/send`);
  await visitor.evaluate((to) => location.assign(to), address);
  await visitor.waitForURL(address);
  await visitor.goto(address);
  server.close();
  if (visits < 2) throw new Error(`the other port was visited ${visits} times`);
  return told.filter((one) => !one.startsWith(address)); // what its own page tells, as it asks for an icon
}

/** Show what the page says, and what was seen before. */
async function fail(error: Error): Promise<never> {
  console.error(JSON.stringify(seen), page.url(), await page.locator("body").innerText());
  throw error;
}

/** Mend a dead letter and wait until it is in the graph; then send another, and see it arrive on Live. */
async function mendAndSend(page: Page, id: string): Promise<object> {
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(sizes.wide);
  await page.goto(`${root}/dead-letters/message?id=${id}`);
  const problems = await page.locator("main ul li").allTextContents();
  const title = await page.title();
  const text = page.getByLabel("The message, as JSON");
  const original = await text.inputValue();
  await text.fill(original.replace('"soon"', "1780000000"));
  await page.getByRole("button", { name: "Check" }).click();
  const warning = await page.locator(".checked .bad-text").innerText();
  await text.fill(original.replace('"soon"', String(Date.now() * 1000)));
  const afterEditing = await page.locator(".checked").count();
  await page.getByRole("button", { name: "Check" }).click();
  await page.getByLabel(/type send/).fill("Send");
  await page.getByRole("button", { name: "Send" }).click();
  const refusal = await page.getByRole("alert").filter({ hasText: "small letters" }).innerText();
  await page.getByLabel(/type send/).fill("send");
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByText("stored and in the graph").waitFor({ timeout: 120_000 });

  const live = await browser.context.newPage();
  await live.goto(`${root}/live`);
  await live.locator("#arrivals table, #arrivals .empty").waitFor({ timeout: 30_000 });
  await page.goto(`${root}/send`);
  await page.getByLabel("Artifact id").fill("seen-live");
  await page.getByLabel("Kind").selectOption("keep");
  await page.getByLabel("Metadata, as JSON").fill("note");
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByText("metadata is not JSON").waitFor({ timeout: 60_000 });
  const wrongField = await page.evaluate(() => (document.activeElement as HTMLTextAreaElement).name);
  await page.getByLabel("Metadata, as JSON").fill('{"note": "<b>bold</b>"}');
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByText("200: accepted").waitFor({ timeout: 60_000 });
  const began = Date.now();
  await live.getByText("seen-live").first().waitFor({ timeout: 60_000 });
  const row = await live.locator("tr", { hasText: "seen-live" }).first().innerText();
  await page.getByText("stored and in the graph").waitFor({ timeout: 120_000 });
  return { problems, warning, afterEditing, refusal, wrongField, title, liveMilliseconds: Date.now() - began, row };
}
