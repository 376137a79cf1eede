import type { Measured } from "./clock.ts";
import type { Payload, Rejected } from "./types.ts";

/** An interaction that waits. */
export interface Row {
  id: number;
  payload: Payload;
  /** False until its time is corrected; afterwards it never changes, since other content is another interaction. */
  isFinal: boolean;
  bytes: number;
}

export type NewRow = Omit<Row, "id">;

/** A row that need not be sent again: the API has it, or has refused it for this reason. */
export interface Settled {
  row: Row;
  reason: string | null;
}

/** What waits on this device for one user of one API. */
export interface Store {
  /** Whether it outlives the page, and is shared by all tabs of the origin. */
  readonly isDurable: boolean;
  /** Add a row and return its id. Rejects with StoreFullError when there is no room. */
  add(row: NewRow): Promise<number>;
  /** Return the oldest rows, at most so many. */
  oldest(count: number): Promise<Row[]>;
  /** Write rows that were made final. */
  update(rows: readonly Row[]): Promise<void>;
  /** Remove rows, together; keep those with a reason as rejected, and return these. */
  settle(settled: readonly Settled[]): Promise<Rejected[]>;
  counts(): Promise<{ waiting: number; rejected: number }>;
  /** Return the rejected interactions and forget them. */
  takeRejected(): Promise<Rejected[]>;
  readClock(): Promise<Measured | undefined>;
  writeClock(measured: Measured): Promise<void>;
  close(): void;
}

/** The store of this device has no room for another interaction. */
export class StoreFullError extends Error {
  override name = "StoreFullError";
}

/** The newest rejected interactions are kept, so that a mistake in a page cannot fill the store. */
export const MAX_REJECTED = 1000;

/** Where there is no IndexedDB, or no Web Locks to share it by: what waits is gone with the process. */
export class MemoryStore implements Store {
  readonly isDurable = false;
  readonly #rows = new Map<number, Row>();
  readonly #maxBytes: number;
  #rejected: Rejected[] = [];
  #bytes = 0;
  #nextId = 1;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  async add(row: NewRow): Promise<number> {
    if (this.#bytes + row.bytes > this.#maxBytes) throw new StoreFullError(`more than ${this.#maxBytes} bytes wait`);
    this.#bytes += row.bytes;
    this.#rows.set(this.#nextId, { ...row, id: this.#nextId });
    return this.#nextId++;
  }

  async oldest(count: number): Promise<Row[]> {
    return [...this.#rows.values()].slice(0, count);
  }

  async update(rows: readonly Row[]): Promise<void> {
    for (const row of rows) this.#rows.set(row.id, row);
  }

  async settle(settled: readonly Settled[]): Promise<Rejected[]> {
    const removed = settled.filter(({ row }) => this.#rows.delete(row.id));
    for (const { row } of removed) this.#bytes -= row.bytes;
    const rejected = toRejected(removed);
    this.#rejected = [...this.#rejected, ...rejected].slice(-MAX_REJECTED);
    return rejected;
  }

  async counts(): Promise<{ waiting: number; rejected: number }> {
    return { waiting: this.#rows.size, rejected: this.#rejected.length };
  }

  async takeRejected(): Promise<Rejected[]> {
    return this.#rejected.splice(0);
  }

  async readClock(): Promise<undefined> {}
  async writeClock(): Promise<void> {}
  close(): void {}
}

/** Return those with a reason. */
export function toRejected(settled: readonly Settled[]): Rejected[] {
  return settled.flatMap(({ row, reason }) => (reason === null ? [] : [{ interaction: row.payload, reason }]));
}
