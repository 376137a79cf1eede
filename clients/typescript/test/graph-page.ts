/**
 * Draws a node in Neo4j Browser as a person does: signs in, asks. Then opens it as another page could, with a command in
 * the address. `NEO4J_PASSWORD=… COMMAND=… node graph-page.ts URL` prints the captions of the nodes, what became of the
 * page's requests to other machines, by host, and where the link leads that another site gets instead of the page.
 */
import { env } from "node:process";

import type { Page } from "playwright-core";

import { Browser } from "./browser.ts";

const browser = await Browser.start();
const page = await browser.context.newPage();
const outside: Record<string, string> = {};
const note = (url: string, state: string): void => {
  const { hostname, protocol } = new URL(url);
  if (/^(http|ws)s?:/.test(protocol) && !["localhost", "127.0.0.1"].includes(hostname)) outside[hostname] = state;
};
page.on("request", (request) => note(request.url(), "sent"));
page.on("websocket", (socket) => note(socket.url(), "sent"));
page.on("requestfailed", (request) => note(request.url(), request.failure()!.errorText));
browser.context.setDefaultTimeout(120_000); // of a busy machine
const ask = async (on: Page, question: string): Promise<void> => {
  await on.getByText("You are connected as user").waitFor();
  await on.getByTestId("activeEditor").click();
  await on.keyboard.type(question);
  await on.keyboard.press("Control+Enter");
};
await page.goto(process.argv[2]!);
await page.getByTestId("password").fill(env.NEO4J_PASSWORD!);
await page.getByTestId("connect").click();
await ask(page, "MATCH (u:User) RETURN u LIMIT 1");
await page.locator("g.node .b-outline").waitFor();
const nodes = await page.locator("g.node").allTextContents();

const command = `#&cmd=play&arg=start;${encodeURIComponent(env.COMMAND!)}`;
const other = await browser.context.newPage(); // with the login that the first one keeps
await other.goto(page.url() + command);
await ask(other, "RETURN 'answered'"); // a command of the address would be before it
await other.getByText('"answered"').first().waitFor();
await other.goto(new URL("/docs", page.url().replace("localhost", "127.0.0.1")).href); // another site's
await other.evaluate((address) => location.assign(address), page.url() + command);
const link = await other.getByText("Open Neo4j Browser").evaluate((one) => (one as HTMLAnchorElement).href);
console.log(JSON.stringify({ nodes, outside, leadsBack: link === page.url() }));
await browser.stop();
process.exit();
