export { StoreFullError } from "./store.ts";
export { userOf } from "./token.ts";
export { Tracker } from "./tracker.ts";
export type { EventStatus, Interaction, Kind, Metadata, Options, Payload, Rejected, Status } from "./types.ts";
