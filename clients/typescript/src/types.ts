import type { components } from "./openapi.ts";

type Schemas = components["schemas"];

export type Kind = Schemas["Kind"];
export type Metadata = Record<string, unknown>;
/** The answer of `GET /event/{event_id}`. */
export type EventStatus = Schemas["EventStatus"];

/** What a user did, as the application gives it to the tracker; without an `event_id` the tracker makes a new event. */
export interface Interaction extends Omit<Schemas["PostPayload"], "timestamp" | "metadata"> {
  /** Becomes JSON by the rule of `clean`. */
  metadata?: Metadata | null;
  /** When it happened. Without it: now, corrected for a wrong clock. A given one is sent as it is. */
  timestamp?: number | string | Date | null;
}

/** An interaction as it is stored and sent: JSON, with its event and its time. */
export interface Payload {
  kind: string;
  event_id: string;
  timestamp: number | string;
  [field: string]: unknown;
}

/** An interaction that will not be sent again, and why. */
export interface Rejected {
  interaction: Payload;
  reason: string;
}

/** What a page can show its user: "3 waiting". */
export interface Status {
  /** Interactions on this device that the API has not yet said "ok" to. */
  waiting: number;
  /** Interactions in the kept list: see `takeRejected`. */
  rejected: number;
  /** `waiting`: until the next attempt. `paused`: the API refuses the requests. `other`: another tab is the sender. */
  state: "ready" | "waiting" | "paused" | "other" | "closed";
  /** Why it waits or is paused. */
  reason: string | null;
  /** Whether what waits outlives this page: false where there is no IndexedDB or no Web Locks, and in Node. */
  durable: boolean;
}

export interface Options {
  /** The API's address: `https://api.example`; `http:` for this machine only. */
  url: string;
  /** The subject (`sub`) of the user's ID token. What this user leaves is never sent with another user's token. */
  user: string;
  /** Returns the user's ID token; `refresh` is true when the API refused the last one. */
  token: (options: { refresh: boolean }) => string | Promise<string>;
  /** Called whenever the status changes. */
  onStatus?: (status: Status) => void;
  /** Called for each interaction that will not be sent. By default it is an error on the console. */
  onRejected?: (rejected: Rejected) => void;
  /** How long the first interaction waits for others to share its request. */
  batchMilliseconds?: number;
  /** The most that may wait on this device; an interaction beyond it is refused. */
  maxBytes?: number;
}
