import type { Clock } from "./clock.ts";
import { IndexedDbStore } from "./indexed_db.ts";
import { Loop } from "./loop.ts";
import { type Next, Sender } from "./sender.ts";
import { MemoryStore, type NewRow, type Row, type Store } from "./store.ts";
import type { Options, Rejected, Status } from "./types.ts";

const BATCH_MS = 1_000;
const MAX_STORE_BYTES = 16 * 1024 * 1024;

/** What the tabs tell each other. */
type Message = "notice" | "hurry" | "changed";

/** The store of one user and API, and its sender: this tab, or another one of the origin. */
export class Delivery {
  readonly #options: Options;
  readonly #clock: Clock;
  readonly #name: string;
  readonly #store: Promise<Store>;
  readonly #adding = new Set<Promise<unknown>>();
  /** What this page tracked and is to send, for when it goes. */
  readonly #own = new Map<number, Row>();
  readonly #watchers = new Set<() => void>();
  readonly #closing = new AbortController();
  #loop: Loop | undefined;
  #sender: Sender | undefined;
  #channel: BroadcastChannel | undefined;
  #status: Status = { waiting: 0, rejected: 0, state: "other", reason: null, durable: false };

  constructor(options: Options, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#name = `interactions of ${options.user} at ${options.url}`;
    this.#store = openStore(this.#name, options.maxBytes ?? MAX_STORE_BYTES);
    this.#start();
    this.#watchPage();
  }

  get status(): Status {
    return this.#status;
  }

  /** Store the row. What the store refuses is reported, and rejects. */
  async add(row: NewRow): Promise<void> {
    const adding = this.#add(row);
    this.#adding.add(adding);
    try {
      await adding;
    } catch (error) {
      this.#report([{ interaction: row.payload, reason: (error as Error).message }]);
      throw error;
    } finally {
      this.#adding.delete(adding);
    }
    this.#loop?.notice();
    this.#tell("notice");
    await this.#update();
  }

  async flush(seconds: number): Promise<Status> {
    await Promise.allSettled(this.#adding);
    await this.#update();
    const before = this.#status;
    const isDone = () => !this.#status.waiting || (this.#status.state === "paused" && this.#status !== before);
    if (!isDone()) {
      this.#loop?.hurry();
      this.#tell("hurry");
      await this.#until(isDone, seconds);
    }
    return this.#status;
  }

  async close(seconds: number): Promise<Status> {
    await this.flush(seconds);
    this.#closing.abort();
    this.#stop();
    this.#change({ ...this.#status, state: "closed" });
    return this.#status;
  }

  async takeRejected(): Promise<Rejected[]> {
    const rejected = await (await this.#store).takeRejected();
    await this.#update();
    return rejected;
  }

  async #add(row: NewRow): Promise<void> {
    if (this.#closing.signal.aborted) throw new Error("the tracker is closed");
    const id = await (await this.#store).add(row);
    if (this.#sender) this.#own.set(id, { ...row, id });
  }

  /** Become the sender, or wait until the tab that is has gone: the browser's lock tells, never a timer. */
  #start(): void {
    const loop = (this.#loop = new Loop(this.#options.batchMilliseconds ?? BATCH_MS));
    void this.#store.then(async (store) => {
      this.#clock.restore(await store.readClock().catch(() => undefined));
      const { stopped } = loop;
      if (stopped.aborted) return;
      if (!store.isDurable) return this.#run(loop, store);
      this.#channel = new BroadcastChannel(this.#name);
      this.#channel.onmessage = ({ data }: MessageEvent<Message>) => this.#hear(data);
      await navigator.locks.request(this.#name, { signal: stopped }, () => this.#run(loop, store)).catch(() => undefined);
    });
  }

  async #run(loop: Loop, store: Store): Promise<void> {
    const sender = new Sender(store, this.#clock, this.#options, (settled, rejected) => {
      for (const { row } of settled) this.#own.delete(row.id);
      this.#report(rejected);
    });
    this.#sender = sender;
    await loop.run(sender, (next) => this.#show(next));
  }

  #stop(): void {
    this.#loop?.stop();
    this.#loop = this.#sender = undefined;
    this.#channel?.close();
    this.#channel = undefined;
    void this.#store.then((store) => store.close());
  }

  /** A page that goes sends once more what it has; one that comes back from the back-forward cache goes on. */
  #watchPage(): void {
    const on = (type: string, listener: (event: Event) => void) =>
      globalThis.addEventListener?.(type, listener, { signal: this.#closing.signal });
    const sendAtOnce = () => void this.#sender?.sendAtOnce(this.#own.values());
    on("visibilitychange", () => document.visibilityState === "hidden" && sendAtOnce());
    on("pagehide", () => {
      sendAtOnce();
      this.#stop(); // a page with a lock is not kept
    });
    on("pageshow", (event) => (event as PageTransitionEvent).persisted && this.#start());
    on("online", () => this.#loop?.hurry());
  }

  #tell(message: Message): void {
    this.#channel?.postMessage(message);
  }

  #hear(message: Message): void {
    if (message === "notice") this.#loop?.notice();
    if (message === "hurry") this.#loop?.hurry();
    void this.#update();
  }

  async #show(next: Next): Promise<void> {
    const state = ({ later: "waiting", paused: "paused", more: "ready", empty: "ready" } as const)[next.kind];
    this.#change({ ...this.#status, state, reason: "reason" in next ? next.reason : null });
    this.#tell("changed");
    await this.#update();
  }

  async #update(): Promise<void> {
    const store = await this.#store;
    const counts = await store.counts().catch(() => ({})); // a status that is a moment old harms nobody
    this.#change({ ...this.#status, ...counts, durable: store.isDurable });
  }

  #change(status: Status): void {
    const isNews = JSON.stringify(status) !== JSON.stringify(this.#status);
    this.#status = status;
    for (const watcher of this.#watchers) watcher();
    if (isNews) queueMicrotask(() => this.#options.onStatus?.(status)); // its errors are the page's
  }

  #report(rejected: readonly Rejected[]): void {
    const report = this.#options.onRejected ?? ((one) => console.error("interaction not sent:", one.reason));
    for (const one of rejected) queueMicrotask(() => report(one));
  }

  /** Wait for a status with this condition, at most so many seconds. */
  #until(condition: () => boolean, seconds: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#watchers.delete(watcher);
        resolve();
      };
      const watcher = () => condition() && end();
      const timer = setTimeout(end, seconds * 1000); // it keeps Node alive, since somebody waits
      this.#watchers.add(watcher);
    });
  }
}

/** Return a database of the browser, or memory where there is none or it cannot be shared safely. */
async function openStore(name: string, maxBytes: number): Promise<Store> {
  if (globalThis.indexedDB && globalThis.navigator?.locks) {
    const store = new IndexedDbStore(name, maxBytes);
    if (await store.counts().then(() => true, () => false)) return store;
  }
  return new MemoryStore(maxBytes);
}
