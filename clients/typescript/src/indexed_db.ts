import type { Measured } from "./clock.ts";
import { MAX_REJECTED, type NewRow, type Row, type Settled, type Store, StoreFullError, toRejected } from "./store.ts";
import type { Rejected } from "./types.ts";

const WAITING = "waiting";
const REJECTED = "rejected";
const META = "meta";

/** A database of IndexedDB, a row an interaction. */
export class IndexedDbStore implements Store {
  readonly isDurable = true;
  readonly #name: string;
  readonly #maxBytes: number;
  #database: Promise<IDBDatabase> | undefined;

  constructor(name: string, maxBytes: number) {
    this.#name = name;
    this.#maxBytes = maxBytes;
  }

  async add(row: NewRow): Promise<number> {
    return this.#transact("readwrite", (transaction) => {
      const [waiting, meta] = [transaction.objectStore(WAITING), transaction.objectStore(META)];
      const bytes = meta.get("bytes");
      let added: IDBRequest<IDBValidKey> | undefined;
      bytes.onsuccess = () => {
        const total = (bytes.result ?? 0) + row.bytes;
        if (total > this.#maxBytes) return transaction.abort();
        meta.put(total, "bytes");
        added = waiting.add(row);
        transaction.commit(); // needs nothing more of the page, which may be going
      };
      return () => added?.result as number;
    });
  }

  async oldest(count: number): Promise<Row[]> {
    return this.#transact("readonly", (transaction) => {
      const rows = transaction.objectStore(WAITING).getAll(undefined, count);
      return () => rows.result as Row[];
    });
  }

  async update(rows: readonly Row[]): Promise<void> {
    return this.#transact("readwrite", (transaction) => {
      for (const row of rows) transaction.objectStore(WAITING).put(row);
      return () => undefined;
    });
  }

  async settle(settled: readonly Settled[]): Promise<Rejected[]> {
    return this.#transact("readwrite", (transaction) => {
      const [waiting, meta] = [transaction.objectStore(WAITING), transaction.objectStore(META)];
      const found = settled.map(({ row }) => waiting.getKey(row.id));
      const bytes = meta.get("bytes");
      let rejected: Rejected[] = [];
      bytes.onsuccess = () => {
        const removed = settled.filter((_, index) => found[index]?.result !== undefined);
        for (const { row } of removed) waiting.delete(row.id);
        meta.put(removed.reduce((total, { row }) => total - row.bytes, bytes.result ?? 0), "bytes");
        rejected = toRejected(removed);
        keepRejected(transaction.objectStore(REJECTED), rejected);
      };
      return () => rejected;
    });
  }

  async counts(): Promise<{ waiting: number; rejected: number }> {
    return this.#transact("readonly", (transaction) => {
      const [waiting, rejected] = [transaction.objectStore(WAITING).count(), transaction.objectStore(REJECTED).count()];
      return () => ({ waiting: waiting.result, rejected: rejected.result });
    });
  }

  async takeRejected(): Promise<Rejected[]> {
    return this.#transact("readwrite", (transaction) => {
      const rejected = transaction.objectStore(REJECTED).getAll();
      transaction.objectStore(REJECTED).clear();
      return () => rejected.result as Rejected[];
    });
  }

  async readClock(): Promise<Measured | undefined> {
    return this.#transact("readonly", (transaction) => {
      const measured = transaction.objectStore(META).get("clock");
      return () => measured.result as Measured | undefined;
    });
  }

  async writeClock(measured: Measured): Promise<void> {
    return this.#transact("readwrite", (transaction) => {
      transaction.objectStore(META).put(measured, "clock");
      return () => undefined;
    });
  }

  close(): void {
    void this.#database?.then((database) => database.close(), () => undefined);
    this.#database = undefined;
  }

  /** Run the work in a transaction, and return what it finds once that is on the disk. */
  async #transact<T>(mode: IDBTransactionMode, work: (transaction: IDBTransaction) => () => T): Promise<T> {
    const transaction = await this.#begin(mode);
    const found = work(transaction);
    await new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(asStoreError(transaction.error));
    });
    return found();
  }

  async #begin(mode: IDBTransactionMode): Promise<IDBTransaction> {
    const begin = async () => {
      const database = await (this.#database ??= open(this.#name));
      return database.transaction([WAITING, REJECTED, META], mode, { durability: "strict" });
    };
    return begin().catch(() => {
      this.#database = undefined; // browsers close a connection by themselves, as after a long sleep
      return begin();
    });
  }
}

function keepRejected(store: IDBObjectStore, rejected: readonly Rejected[]): void {
  for (const one of rejected) store.add(one);
  const keys = store.getAllKeys();
  keys.onsuccess = () => keys.result.slice(0, -MAX_REJECTED).forEach((key) => store.delete(key));
}

function open(name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(WAITING, { keyPath: "id", autoIncrement: true });
      request.result.createObjectStore(REJECTED, { autoIncrement: true });
      request.result.createObjectStore(META);
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** An abort without an error is our own. */
function asStoreError(error: DOMException | null): Error {
  const isFull = !error || error.name === "QuotaExceededError";
  return isFull ? new StoreFullError("the store of this device is full") : error;
}
