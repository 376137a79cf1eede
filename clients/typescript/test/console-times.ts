/**
 * Times the console's pages. `node console-times.ts PLAN` prints for each page the milliseconds until something is drawn
 * and until all is there, as JSON. The plan is JSON: `address` (with its token), `pages` (paths), `rounds`.
 */
import { Browser } from "./browser.ts";
import { loaded, signIn } from "./console-page.ts";

type Plan = { address: string; pages: string[]; rounds: number };

const plan = JSON.parse(process.argv[2]!) as Plan;
const browser = await Browser.start();
const page = await browser.context.newPage();
const root = await signIn(page, plan.address);
const times: { path: string; paint: number; whole: number }[] = [];

for (let round = 0; round < plan.rounds; round += 1) {
  for (const path of plan.pages) {
    const began = performance.now();
    await page.goto(root + path);
    await loaded(page);
    const whole = performance.now() - began;
    const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? NaN);
    times.push({ path, paint, whole });
  }
}
console.log(JSON.stringify(times));
await browser.stop();
process.exit();
