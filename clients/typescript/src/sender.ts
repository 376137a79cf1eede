import { type Answer, judge, type Outcome, type Verdict } from "./answer.ts";
import type { Clock } from "./clock.ts";
import type { Row, Settled, Store } from "./store.ts";
import { userOf } from "./token.ts";
import type { Options, Rejected } from "./types.ts";

const MAX_ROWS = 100; // the API takes so many
const MAX_BYTES = 200_000; // of its 256 KiB, which also have to hold the ids that it adds
const MAX_KEEPALIVE_BYTES = 48 * 1024; // browsers allow 64 KiB for all requests of a page that is going
const TIMEOUT_MS = 30_000; // API Gateway waits 29 s for its function

// Without `cache`: "no-store" would also keep Chromium from using a preflight's answer again.
const PLAIN: RequestInit = { credentials: "omit", redirect: "error" };

/** What the sender's loop does next. */
export type Next =
  | { kind: "more" }
  | { kind: "empty" }
  | { kind: "later"; reason: string; floorMs: number }
  | { kind: "paused"; reason: string };

/** Called with the rows that left the store, and those of them that were refused. */
export type OnSettled = (settled: readonly Settled[], rejected: readonly Rejected[]) => void;

/** Sends what waits in the store, oldest first, one request at a time. */
export class Sender {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #options: Options;
  readonly #onSettled: OnSettled;
  #limit = MAX_ROWS;
  /** The user's last token: a page that is going has no time to ask for one. */
  #token: string | undefined;
  readonly #keptAlive = new Set<Row>();

  constructor(store: Store, clock: Clock, options: Options, onSettled: OnSettled) {
    this.#store = store;
    this.#clock = clock;
    this.#options = options;
    this.#onSettled = onSettled;
  }

  /** Send one batch. Whatever fails, the interactions stay in the store. */
  async attempt(): Promise<Next> {
    try {
      const waiting = await this.#store.oldest(this.#limit);
      if (!waiting.length) return { kind: "empty" };
      await this.#measureClock();
      const rows = await this.#finalize(fitting(waiting, MAX_BYTES));
      return await this.#apply(rows, await this.#post(rows));
    } catch (error) {
      return { kind: "later", reason: String((error as Error)?.message ?? error), floorMs: 0 };
    }
  }

  /** Send these rows, as far as they fit, in a request that outlives the page. One attempt, whatever comes of it. */
  async sendAtOnce(candidates: Iterable<Row>): Promise<void> {
    const inFlight = [...this.#keptAlive].reduce((bytes, row) => bytes + row.bytes, 0);
    const waiting = [...candidates].filter((row) => row.isFinal && !this.#keptAlive.has(row));
    const rows = fitting(waiting.slice(0, MAX_ROWS), MAX_KEEPALIVE_BYTES - inFlight, 0);
    if (!rows.length || !this.#token) return;
    for (const row of rows) this.#keptAlive.add(row);
    try {
      const answer = await this.#request({ ...batch(rows, this.#token), keepalive: true });
      const outcome = judge(answer, rows.length, this.#clock.now);
      if (outcome.kind === "verdicts") await this.#apply(rows, outcome);
    } catch {
      // They are in the store, so the next page sends them.
    } finally {
      for (const row of rows) this.#keptAlive.delete(row);
    }
  }

  /** Ask for the time. Any answer tells it; API Gateway gives this one by itself, at once and without a token. */
  async #measureClock(): Promise<void> {
    this.#clock.restore(await this.#store.readClock());
    if (!this.#clock.isKnown) await this.#request({ method: "GET" });
  }

  /** Correct the rows' times, and store them so, before they are first sent. */
  async #finalize(rows: readonly Row[]): Promise<Row[]> {
    const final = rows.map((row) => (row.isFinal ? row : { ...row, ...finalContent(row, this.#clock) }));
    await this.#store.update(final.filter((_, index) => !rows[index]?.isFinal));
    return final;
  }

  /** Post the rows, and once more with a new token if the first is refused. */
  async #post(rows: readonly Row[]): Promise<Outcome> {
    for (const refresh of [false, true]) {
      const token = await inTime(this.#options.token({ refresh }));
      if (userOf(token) !== this.#options.user) return { kind: "token", reason: "the token is another user's" };
      this.#token = token;
      const answer = await this.#request(batch(rows, token));
      if (answer.status !== 401 || refresh) return judge(answer, rows.length, this.#clock.now);
    }
    throw new Error("unreachable");
  }

  async #request(init: RequestInit): Promise<Answer> {
    const sentAt = Date.now();
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch(`${this.#options.url}/interactions`, { ...init, ...PLAIN, signal });
    const text = await response.text();
    await this.#learn(response.headers.get("date"), sentAt);
    return { status: response.status, text, retryAfter: response.headers.get("retry-after") };
  }

  /** Without a date the clock counts as right. */
  async #learn(date: string | null, sentAt: number): Promise<void> {
    const serverTime = Date.parse(date ?? "") + 500; // a date is cut to its second
    await this.#store.writeClock(this.#clock.learn(serverTime || (sentAt + Date.now()) / 2, sentAt));
  }

  async #apply(rows: readonly Row[], outcome: Outcome): Promise<Next> {
    switch (outcome.kind) {
      case "verdicts":
        return this.#settle(rows, outcome.verdicts, outcome.floorMs);
      case "split":
        if (rows.length > 1) {
          this.#limit = Math.ceil(rows.length / 2);
          return { kind: "more" };
        }
        return this.#settle(rows, [{ error: outcome.reason }], 0);
      case "retry":
        return { kind: "later", reason: outcome.reason, floorMs: outcome.floorMs };
      default:
        return { kind: "paused", reason: outcome.reason };
    }
  }

  async #settle(rows: readonly Row[], verdicts: readonly Verdict[], floorMs: number): Promise<Next> {
    this.#limit = Math.min(this.#limit * 2, MAX_ROWS);
    const settled = rows.flatMap((row, index) => {
      const verdict = verdicts[index];
      return verdict ? [{ row, reason: verdict === "ok" ? null : verdict.error }] : [];
    });
    this.#onSettled(settled, await this.#store.settle(settled));
    if (settled.length === rows.length) return { kind: "more" };
    return { kind: "later", reason: "the API asks for another attempt", floorMs };
  }
}

function batch(rows: readonly Row[], token: string): RequestInit {
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  return { method: "POST", headers, body: JSON.stringify({ interactions: rows.map((row) => row.payload) }) };
}

/** Return the first rows whose JSON has at most so many bytes, but at least so many rows. */
function fitting(rows: readonly Row[], maxBytes: number, atLeast = 1): Row[] {
  let bytes = 0;
  return rows.filter((row, index) => (bytes += row.bytes) <= maxBytes || index < atLeast);
}

function finalContent(row: Row, clock: Clock): Pick<Row, "payload" | "isFinal"> {
  const timestamp = clock.correct(row.payload.timestamp as number);
  return { payload: { ...row.payload, timestamp }, isFinal: true };
}

/** Wait for the application's token as long as for an answer. */
function inTime(token: string | Promise<string>): Promise<string> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const late = new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  return Promise.race([token, late]);
}
