/** The API of the tests (`tests/faulty_api.py`), and how to script it. */
import { env } from "node:process";

export const API = env.FAULTY_API ?? "";

export interface Seen {
  stored: Record<string, Array<Record<string, unknown>>>;
  requests: Array<{ method: string; path: string; count: number; bytes: number; at: number }>;
}

export async function script(...faults: object[]): Promise<void> {
  await control({ script: faults });
}

/** Make the API's clock differ from this machine's. */
export async function setClock(seconds: number, ...faults: object[]): Promise<void> {
  await control({ clock_offset_seconds: seconds, script: faults });
}

export async function seen(): Promise<Seen> {
  return (await fetch(`${API}/control`)).json() as Promise<Seen>;
}

export async function posts(): Promise<Seen["requests"]> {
  return (await seen()).requests.filter(({ method }) => method === "POST");
}

/** Return an ID token of the user; the API of the tests asks for no signature. */
export function tokenOf(user: string, seconds = 3600): string {
  const claims = { sub: user, token_use: "id", aud: "page", auth_time: 1, exp: Date.now() / 1000 + seconds };
  return `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.`;
}

async function control(body: object): Promise<void> {
  await fetch(`${API}/control`, { method: "POST", body: JSON.stringify(body) });
}
