import assert from "node:assert/strict";
import { test } from "node:test";

import { judge, readRetryAfter } from "../src/answer.ts";

const NOW = Date.parse("2026-01-01T00:00:00Z");
const outcome = (status: number, text = "", count = 1) => judge({ status, text, retryAfter: null }, count, NOW);
const kind = (status: number, text = "", count = 1) => outcome(status, text, count).kind;

test("only a verdict that can be read settles an interaction", () => {
  const results = [{ status: "ok" }, { status: "error", message: "kind: required" }, { status: "retry" }, {}, null, 1];
  const judged = outcome(200, JSON.stringify({ results }), results.length);
  assert.deepEqual(judged.kind === "verdicts" && judged.verdicts, ["ok", { error: "kind: required" }, null, null, null, null]);
});

for (const text of ["", "<html>sign in to the hotel's network</html>", "null", "[]", "{}", '{"results": {}}', '{"results": []}']) {
  test(`200 with ${text || "nothing"} is "retry"`, () => assert.equal(kind(200, text), "retry"));
}

test("a status says what to do with the request", () => {
  for (const status of [408, 429, 500, 503, 504]) assert.equal(kind(status), "retry");
  for (const status of [304, 400, 403, 404, 415]) assert.equal(kind(status), "pause");
  assert.equal(kind(401), "token");
  assert.equal(kind(413), "split");
});

test("Retry-After is read in seconds and as a date, and a mistake in it holds nothing up for ever", () => {
  assert.equal(readRetryAfter("120", NOW), 120_000);
  assert.equal(readRetryAfter("Thu, 01 Jan 2026 00:00:30 GMT", NOW), 30_000);
  for (const none of [null, "", "soon", "-1", "Thu, 01 Jan 2015 00:00:30 GMT"]) assert.equal(readRetryAfter(none, NOW), 0);
  assert.equal(readRetryAfter("99999999999", NOW), 86_400_000);
});
