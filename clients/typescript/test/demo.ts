/** Uses the demo page as a person does: signs in, searches, marks. `node demo.ts URL [PICTURE]` prints what the page shows. */
import { Browser } from "./browser.ts";

const [url, picture] = process.argv.slice(2) as [string, string | undefined];
const browser = await Browser.start();
const page = await browser.context.newPage();
const errors: string[] = [];
// That an event is not yet known (404) is no error of the page.
page.on("console", (message) => message.type() === "error" && !/ 404 /.test(message.text()) && errors.push(message.text()));
page.on("pageerror", (error) => errors.push(error.message));
await page.setViewportSize({ width: 1180, height: 760 });
await page.goto(url);
await page.getByRole("button", { name: "Sign in" }).click();
await page.getByRole("searchbox").fill("bread");
await page.getByRole("button", { name: "Search" }).click();
await page.getByRole("button", { name: "Peel: Bread without kneading" }).click();
await page.getByRole("button", { name: "Good: Bread without kneading" }).click();
await page.getByRole("button", { name: "Keep: Why bread goes stale" }).click();
await page.getByRole("button", { name: "Bad: Sourdough, day by day" }).click();
await page.waitForFunction(() => document.querySelectorAll("td.in_graph").length === 5, null, { timeout: 120_000 });
if (picture) await page.screenshot({ path: picture });
const shown = await page.evaluate(() => ({
  rows: [...document.querySelectorAll("#rows tr")].map((row) => [...row.children].slice(0, 2).map((cell) => cell.textContent)),
  edges: [...document.querySelectorAll("#graph .label")].map((label) => label.textContent),
  status: document.getElementById("status")!.textContent,
}));
console.log(JSON.stringify({ ...shown, errors }));
await browser.stop();
process.exit();
