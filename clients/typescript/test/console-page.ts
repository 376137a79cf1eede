/** The console in a real browser: how to get in, and when a page is whole. */
import type { Page } from "playwright-core";

/** Open the address that holds the token, and return the path under which the pages are. */
export async function signIn(page: Page, address: string): Promise<string> {
  await page.goto(address);
  await page.waitForURL(new RegExp(`^${new URL(address).origin}/[\\w-]{22}/health$`));
  return page.url().replace(/\/health$/, "");
}

/** Return once all parts of the page are there. */
export async function loaded(page: Page): Promise<void> {
  await page.waitForFunction(() => !document.querySelector(".banner.waiting, .htmx-request [class=quiet]") && !document.querySelector(".htmx-request:not([hx-trigger*=every])"), null, { timeout: 60_000 });
}
