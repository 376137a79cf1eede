/**
 * Track interactions in Chromium while somebody else switches the API off and on. Each tab tracks its part; at a third
 * and at two thirds of it the tab is reloaded, in the middle it is closed and another one opened.
 *
 * `node outage.ts URL USER TOKEN NAME COUNT TABS` tracks peels of `NAME-TAB-NUMBER`, and prints the last status.
 */
import type { Page } from "playwright-core";

import { Browser, servePage, startTracker } from "./browser.ts";

const [url, user, token, name, ...numbers] = process.argv.slice(2) as [string, string, string, string, ...string[]];
const [count, tabs] = numbers.map(Number) as [number, number];
const pageUrl = (await servePage()).url;
const browser = await Browser.start();

async function start(page: Page): Promise<Page> {
  await page.goto(pageUrl);
  await startTracker(page, { url, user, token, batchMilliseconds: 100 });
  return page;
}

async function track(tab: number): Promise<Page> {
  const part = count / tabs;
  let page = await start(await browser.context.newPage());
  for (let number = 0; number < part; number++) {
    if (number === Math.floor(part / 3) || number === Math.floor((2 * part) / 3)) await start(page);
    if (number === Math.floor(part / 2)) {
      await page.close();
      page = await start(await browser.context.newPage());
    }
    await page.evaluate((id) => window.tracker.track({ kind: "peel", artifact_id: id }), `${name}-${tab}-${number}`);
    await page.waitForTimeout(50);
  }
  return page;
}

const pages = await Promise.all(Array.from({ length: tabs }, (_, tab) => track(tab)));
console.log(JSON.stringify(await pages[0]!.evaluate(() => window.tracker.flush(120))));
await browser.stop();
process.exit();
