/** What the API's answer means for the interactions of a request. */
export type Outcome =
  | { kind: "verdicts"; verdicts: Verdict[]; floorMs: number }
  | { kind: "retry"; reason: string; floorMs: number }
  | { kind: "token"; reason: string }
  | { kind: "split"; reason: string }
  | { kind: "pause"; reason: string };

/** `null` is "retry". */
export type Verdict = "ok" | { error: string } | null;

/** An HTTP answer that was read to its end. */
export interface Answer {
  status: number;
  text: string;
  retryAfter: string | null;
}

const MAX_FLOOR_MS = 86_400_000; // until a quota of the day is over; a longer Retry-After is taken for a mistake

/** Judge an answer to a request with so many interactions. Only a verdict that was read counts. */
export function judge(answer: Answer, count: number, now: number): Outcome {
  const { status } = answer;
  const body = parse(answer.text);
  const reason = typeof body?.message === "string" ? body.message : `HTTP ${status}`;
  const floorMs = readRetryAfter(answer.retryAfter, now);
  if (status === 401) return { kind: "token", reason };
  if (status === 413) return { kind: "split", reason };
  if (status === 408 || status === 429 || status >= 500) return { kind: "retry", reason, floorMs };
  if (status < 200 || status > 299) return { kind: "pause", reason };
  const results: unknown = body?.results;
  if (!Array.isArray(results) || results.length !== count) {
    return { kind: "retry", reason: "the answer cannot be read", floorMs };
  }
  return { kind: "verdicts", verdicts: results.map(readVerdict), floorMs };
}

/** Return a Retry-After header, in seconds or as a date, in milliseconds from now. */
export function readRetryAfter(header: string | null, now: number): number {
  if (!header) return 0;
  const ms = /^\s*\d+\s*$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return ms > 0 ? Math.min(ms, MAX_FLOOR_MS) : 0;
}

function readVerdict(result: unknown): Verdict {
  const { status, message } = (result ?? {}) as { status?: unknown; message?: unknown };
  if (status === "ok") return "ok";
  return status === "error" ? { error: String(message ?? "refused") } : null;
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" ? (value as Record<string, unknown> | null) : null;
  } catch {
    return null;
  }
}
