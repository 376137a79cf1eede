/** A real Chromium, and a page of its own origin that has the client. */
import { createServer, type Server } from "node:http";
import { mkdtemp, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { env } from "node:process";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";
import { type BrowserContext, chromium, type Page } from "playwright-core";

import type * as Client from "../src/index.ts";

declare global {
  interface Window {
    client: typeof Client;
    tracker: Client.Tracker;
    rejected: Client.Rejected[];
  }
}

/** Neither a page nor Chromium itself, which would ask Google's hosts, reaches another machine. */
const LOOPBACK_ONLY = "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1, EXCLUDE [::1]";

/** A Chromium with a profile that outlives it. */
export class Browser {
  readonly #profile: string;
  #context: BrowserContext | undefined;

  private constructor(profile: string) {
    this.#profile = profile;
  }

  static async start(): Promise<Browser> {
    const browser = new Browser(await mkdtemp(join(tmpdir(), "chromium-")));
    await browser.restart();
    return browser;
  }

  get context(): BrowserContext {
    return this.#context!;
  }

  /** Close it, with all of its pages, and start it with the same profile. */
  async restart(): Promise<void> {
    await this.#context?.close();
    this.#context = await chromium.launchPersistentContext(this.#profile, {
      executablePath: env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-quic", `--host-resolver-rules=${LOOPBACK_ONLY}`],
      ignoreDefaultArgs: ["--disable-back-forward-cache"],
    });
  }

  async stop(): Promise<void> {
    await this.#context?.close();
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Serve a page with the client as `client` on loopback. Every path is that page. */
export async function servePage(): Promise<{ url: string; server: Server }> {
  const entryPoints = [fileURLToPath(new URL("../src/index.ts", import.meta.url))];
  const built = await build({ entryPoints, bundle: true, format: "iife", globalName: "client", write: false });
  const page = `<!doctype html><meta charset=utf-8><title>page</title><script>${built.outputFiles[0]!.text}</script>`;
  const server = createServer((request, response) => {
    const isScript = request.url?.endsWith(".js");
    response.setHeader("Content-Type", isScript ? "text/javascript" : "text/html");
    response.end(isScript ? built.outputFiles[0]!.text : page);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, server };
}

export type PageOptions = { url: string; user: string; token: string; batchMilliseconds?: number; maxBytes?: number };

/** Open the page, or open it again, and start a tracker in it. */
export async function startTracker(page: Page, options: PageOptions): Promise<void> {
  await page.evaluate((given) => {
    window.rejected = [];
    window.tracker = new window.client.Tracker({
      batchMilliseconds: 10,
      ...given,
      token: () => given.token,
      onRejected: (one) => window.rejected.push(one),
    });
  }, options);
}
