import type { Next, Sender } from "./sender.ts";

const FIRST_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 60_000;
const PAUSE_MS = 300_000;

/** The waiting between two attempts of a sender. Its timers do not keep Node alive. */
export class Loop {
  readonly #batchMs: number;
  #hasNew = false;
  #isUrgent = false;
  readonly #stopping = new AbortController();
  #wake = () => {};

  constructor(batchMs: number) {
    this.#batchMs = batchMs;
  }

  /** Something new waits: an idle loop sends it when others had time to join it. */
  notice(): void {
    this.#hasNew = true;
    this.#wake();
  }

  /** Try now: only a server's Retry-After is still waited for. */
  hurry(): void {
    this.#isUrgent = true;
    this.#wake();
  }

  /** End `run` after the attempt that it is in. */
  stop(): void {
    this.#stopping.abort();
    this.#wake();
  }

  get stopped(): AbortSignal {
    return this.#stopping.signal;
  }

  /** Send until stopped; tell what comes next after each attempt. */
  async run(sender: Sender, onNext: (next: Next) => Promise<void>): Promise<void> {
    for (let failures = 0; !this.stopped.aborted; ) {
      this.#hasNew = false;
      this.#isUrgent = false;
      const next = await sender.attempt();
      await onNext(next);
      failures = next.kind === "later" ? failures + 1 : 0;
      if (next.kind === "empty") await this.#idle();
      if (next.kind === "later") await this.#backOff(failures, next.floorMs);
      if (next.kind === "paused") await this.#sleep(PAUSE_MS, () => this.#isUrgent);
    }
  }

  async #idle(): Promise<void> {
    await this.#sleep(Infinity, () => this.#hasNew || this.#isUrgent);
    await this.#sleep(this.#batchMs, () => this.#isUrgent);
  }

  async #backOff(failures: number, floorMs: number): Promise<void> {
    const most = Math.min(FIRST_BACKOFF_MS * 2 ** (failures - 1), MAX_BACKOFF_MS);
    const jittered = most * (0.5 + Math.random() / 2);
    await this.#sleep(floorMs, () => false);
    await this.#sleep(jittered - floorMs, () => this.#isUrgent);
  }

  /** Sleep so long, or until the condition holds or the loop is stopped. */
  async #sleep(milliseconds: number, condition: () => boolean): Promise<void> {
    const until = performance.now() + milliseconds;
    for (let left = milliseconds; left > 0 && !condition() && !this.stopped.aborted; left = until - performance.now()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        if (left < Infinity) unref(setTimeout(resolve, left));
      });
    }
  }
}

function unref(timer: unknown): void {
  (timer as { unref?: () => void }).unref?.(); // Node's
}
