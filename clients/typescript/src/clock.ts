const VALID_MS = 3_600_000;
const IGNORED_MS = 2_000; // a server's Date has whole seconds, and what follows shall not seem to come before
const YEAR_2000 = 946_684_800_000; // the API refuses earlier times

/** What is kept in the store, for the next page. */
export interface Measured {
  /** The server's clock less the device's. */
  offset: number;
  /** By the device's clock. */
  at: number;
}

/**
 * The device's clock, corrected by what the server's answers say.
 *
 * A measurement holds for one hour of the device's clock, so a clock that somebody sets is noticed unless it moves by
 * less than that.
 */
export class Clock {
  #measured: Measured | undefined;
  #last = 0;

  /** Use what an earlier page measured. */
  restore(measured: Measured | undefined): void {
    this.#measured ??= measured;
  }

  get isKnown(): boolean {
    const age = Date.now() - (this.#measured?.at ?? -Infinity);
    return age >= 0 && age < VALID_MS;
  }

  /** Learn from an answer that the server gave at `serverTime` to a request that was sent at `sentAt`. */
  learn(serverTime: number, sentAt: number): Measured {
    const at = Date.now();
    const offset = Math.round(serverTime - (sentAt + at) / 2);
    const before = this.#measured?.offset ?? 0;
    this.#measured = { at, offset: Math.abs(offset - before) < IGNORED_MS ? before : offset };
    return this.#measured;
  }

  /** Return the device's time in milliseconds; two calls never return the same, which would be one interaction. */
  stamp(): number {
    const now = Date.now();
    const isRepeated = now <= this.#last && this.#last < now + 1;
    this.#last = isRepeated ? inMicroseconds(this.#last + 0.001) : now;
    return this.#last;
  }

  /** Return a stamp by the server's clock. What cannot be true (in the future, before 2000) becomes now. */
  correct(stamp: number): number {
    const offset = this.#measured?.offset ?? 0;
    const corrected = inMicroseconds(stamp + offset);
    const now = Date.now() + offset;
    return corrected > now + IGNORED_MS || corrected < YEAR_2000 ? now : corrected;
  }

  /** The current time by the server's clock, in milliseconds. */
  get now(): number {
    return Date.now() + (this.#measured?.offset ?? 0);
  }
}

function inMicroseconds(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000;
}
