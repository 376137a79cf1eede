import { apiAddress } from "./address.ts";
import { clean } from "./clean.ts";
import { Clock } from "./clock.ts";
import { Delivery } from "./delivery.ts";
import { newEventId } from "./event_id.ts";
import type { NewRow } from "./store.ts";
import type { Interaction, Metadata, Options, Payload, Rejected, Status } from "./types.ts";

const FLUSH_SECONDS = 10;
const SPARE_BYTES = 16; // a corrected time may be longer, and a comma follows

/** Keeps each interaction on the device until the API has it. One for each user and API. */
export class Tracker {
  readonly #clock = new Clock();
  readonly #delivery: Delivery;

  /** Throws if the API's address is neither https: nor of this machine: each request carries the token. */
  constructor(options: Options) {
    this.#delivery = new Delivery({ ...options, url: apiAddress(options.url) }, this.#clock);
  }

  /** What a page can show; `onStatus` is called when it changes. */
  get status(): Status {
    return this.#delivery.status;
  }

  /** Keep an interaction; resolves with its `event_id` once it is stored on this device. Rejects if it is refused. */
  async track(interaction: Interaction): Promise<string> {
    const row = this.#row(interaction);
    await this.#delivery.add(row);
    return row.payload.event_id;
  }

  /** Open an event by a recall; return its `event_id` at once. */
  recall(metadata?: Metadata | null): string {
    return this.#send({ kind: "recall", metadata });
  }

  /** Open an event by a workspace; return its `event_id` at once. */
  workspace(metadata?: Metadata | null): string {
    return this.#send({ kind: "workspace", metadata });
  }

  /** Return the event's id at once, as the three that follow do: a new one if none is given. */
  peel(event_id: string | null, artifact_id: string, metadata?: Metadata | null): string {
    return this.#send({ kind: "peel", event_id, artifact_id, metadata });
  }

  keep(event_id: string | null, artifact_id: string, metadata?: Metadata | null): string {
    return this.#send({ kind: "keep", event_id, artifact_id, metadata });
  }

  markGood(event_id: string | null, artifact_id: string, metadata?: Metadata | null): string {
    return this.#send({ kind: "mark_good", event_id, artifact_id, metadata });
  }

  markBad(event_id: string | null, artifact_id: string, metadata?: Metadata | null): string {
    return this.#send({ kind: "mark_bad", event_id, artifact_id, metadata });
  }

  unkeep(event_id: string | null, artifact_id: string, metadata?: Metadata | null): string {
    return this.#send({ kind: "unkeep", event_id, artifact_id, metadata });
  }

  unmark(event_id: string | null, artifact_id: string, metadata?: Metadata | null): string {
    return this.#send({ kind: "unmark", event_id, artifact_id, metadata });
  }

  /** Send now; resolves when nothing waits, when the API refuses the requests, or after so many seconds. */
  flush(seconds = FLUSH_SECONDS): Promise<Status> {
    return this.#delivery.flush(seconds);
  }

  /** Flush, then stop for good. What could not be sent stays for the same user's next tracker. */
  close(seconds = FLUSH_SECONDS): Promise<Status> {
    return this.#delivery.close(seconds);
  }

  /** Return the interactions that will not be sent, and forget them. */
  takeRejected(): Promise<Rejected[]> {
    return this.#delivery.takeRejected();
  }

  #send(interaction: Interaction): string {
    const row = this.#row(interaction);
    this.#delivery.add(row).catch(() => undefined); // it was reported
    return row.payload.event_id;
  }

  /** Return the interaction as it is stored: JSON, with its event, and its time if the caller gave none. */
  #row(interaction: Interaction): NewRow {
    const isStamped = interaction.timestamp == null;
    const isFinal = !isStamped || this.#clock.isKnown;
    const stamp = this.#clock.stamp();
    const timestamp = interaction.timestamp ?? (isFinal ? this.#clock.correct(stamp) : stamp);
    const payload = clean({ ...interaction, event_id: interaction.event_id ?? newEventId(), timestamp }) as Payload;
    return { payload, isFinal, bytes: new TextEncoder().encode(JSON.stringify(payload)).length + SPARE_BYTES };
  }
}
