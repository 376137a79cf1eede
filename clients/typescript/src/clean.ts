const MAX_DEPTH = 64; // the API's bound for metadata, which is the first level

/**
 * Return a copy of the value that is JSON, and that the API can store.
 *
 * As `JSON.stringify` does it: `undefined`, functions and symbols are left out of objects and are null in arrays; NaN
 * and infinities are null; `toJSON` is called, so a Date becomes ISO 8601 text. Beyond that: a BigInt becomes its
 * decimal text; a cycle becomes "[cycle]"; what is nested too deeply becomes "[too deep]"; NUL characters and halves
 * of surrogate pairs become U+FFFD.
 */
export function clean(value: unknown, parents: readonly unknown[] = []): unknown {
  if (typeof value === "string") return cleanText(value);
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (typeof value !== "object" || value === null) return typeof value === "boolean" ? value : null;
  if (hasToJson(value)) return clean(value.toJSON(), parents);
  if (parents.includes(value)) return "[cycle]";
  if (parents.length > MAX_DEPTH) return "[too deep]"; // the payload itself is the first parent
  const within = [...parents, value];
  if (Array.isArray(value)) return Array.from(value, (item) => clean(item, within));
  const kept = Object.entries(value).filter(([, item]) => !OMITTED.has(typeof item));
  return Object.fromEntries(kept.map(([key, item]) => [cleanText(key), clean(item, within)]));
}

const OMITTED = new Set(["undefined", "function", "symbol"]);

function cleanText(text: string): string {
  // With the flag `u` a pair is one character, so this finds only halves.
  return text.replace(/[\0\ud800-\udfff]/gu, "\ufffd");
}

function hasToJson(value: object): value is { toJSON: () => unknown } {
  return typeof (value as { toJSON?: unknown }).toJSON === "function";
}
