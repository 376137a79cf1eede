/** Uses the demo page as a person does: signs in, searches, marks. `node demo.ts URL [PICTURE]` prints what the page shows. */
import { Browser } from "./browser.ts";

const [url, picture] = process.argv.slice(2) as [string, string | undefined];
const browser = await Browser.start();
const page = await browser.context.newPage();
const errors: string[] = [];
// That an event is not yet known (404), or cannot be read just now, is no error of the page: it asks again.
page.on("console", (message) => {
  const { url } = message.location();
  const isExpected = / 404 /.test(message.text()) || url.includes("/event/");
  if (message.type() === "error" && !isExpected) errors.push(`${message.text()} ${url}`);
});
page.on("pageerror", (error) => errors.push(error.message));
page.setDefaultTimeout(120_000); // of a busy machine
await page.setViewportSize({ width: 1180, height: 760 });
await page.goto(url);
await page.getByRole("button", { name: "Sign in" }).click();
await page.getByRole("searchbox").fill("bread");
await page.getByRole("button", { name: "Search" }).click();
await page.getByRole("button", { name: "Peel: Bread without kneading" }).click();
await page.getByRole("button", { name: "Good: Bread without kneading" }).click();
await page.getByRole("button", { name: "Keep: Why bread goes stale" }).click();
await page.getByRole("button", { name: "Bad: Sourdough, day by day" }).click();
const isDone = () =>
  document.querySelectorAll("td.in_graph").length === 5 &&
  document.querySelectorAll("#graph .label").length === 5 &&
  document.getElementById("status")!.textContent === "everything is sent";
await page.waitForFunction(isDone, null, { timeout: 120_000 });
if (picture) await page.screenshot({ path: picture });
const shown = await page.evaluate(() => ({
  rows: [...document.querySelectorAll("#rows tr")].map((row) => [...row.children].slice(0, 2).map((cell) => cell.textContent)),
  edges: [...document.querySelectorAll("#graph .label")].map((label) => label.textContent),
  status: document.getElementById("status")!.textContent,
}));
console.log(JSON.stringify({ ...shown, errors }));
await browser.stop();
process.exit();
