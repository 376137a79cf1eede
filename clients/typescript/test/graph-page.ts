/**
 * Draws a node in Neo4j Browser as a person does: signs in, asks. `NEO4J_PASSWORD=… node graph-page.ts URL` prints the
 * captions of the nodes, and what became of the page's requests to other machines, by host.
 */
import { env } from "node:process";

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
page.setDefaultTimeout(120_000); // of a busy machine
await page.goto(process.argv[2]!);
await page.getByTestId("password").fill(env.NEO4J_PASSWORD!);
await page.getByTestId("connect").click();
await page.getByText("You are connected as user").waitFor();
await page.getByTestId("activeEditor").click();
await page.keyboard.type("MATCH (u:User) RETURN u LIMIT 1");
await page.keyboard.press("Control+Enter");
await page.locator("g.node .b-outline").waitFor();
const nodes = await page.locator("g.node").allTextContents();
console.log(JSON.stringify({ nodes, outside }));
await browser.stop();
process.exit();
