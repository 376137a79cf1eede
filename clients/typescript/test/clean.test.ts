import assert from "node:assert/strict";
import { test } from "node:test";

import { clean } from "../src/clean.ts";

const cases: Array<[string, unknown, unknown]> = [
  ["JSON stays as it is", { a: [1, "é😀", null, true, { b: {} }] }, { a: [1, "é😀", null, true, { b: {} }] }],
  ["undefined, functions and symbols are left out of objects", { a: undefined, b: () => 1, c: Symbol("c"), d: 1 }, { d: 1 }],
  ["undefined, functions and symbols are null in arrays", [undefined, () => 1, Symbol("c")], [null, null, null]],
  ["holes of an array are null", new Array(2), [null, null]],
  ["NaN and infinities are null", [NaN, Infinity, -Infinity], [null, null, null]],
  ["a BigInt is its decimal text", 2n ** 64n, "18446744073709551616"],
  ["a Date is ISO 8601 text", new Date(0), "1970-01-01T00:00:00.000Z"],
  ["a wrong Date is null", new Date(NaN), null],
  ["NUL is U+FFFD, in keys too", { "a\0": "b\0" }, { "a\ufffd": "b\ufffd" }],
  ["half of a surrogate pair is U+FFFD", ["\ud83d", "\ude00\ud83d", "😀"], ["\ufffd", "\ufffd\ufffd", "😀"]],
];

for (const [name, value, expected] of cases) {
  test(name, () => assert.deepEqual(clean(value), expected));
}

test("a cycle is named, and the same object twice is no cycle", () => {
  const shared = { a: 1 };
  const cycle: Record<string, unknown> = { one: shared, two: shared };
  cycle.self = cycle;
  assert.deepEqual(clean(cycle), { one: { a: 1 }, two: { a: 1 }, self: "[cycle]" });
});

test("what is nested more deeply than the API takes is named", () => {
  const nested = (levels: number): unknown => (levels ? { a: nested(levels - 1) } : 1);
  const text = (levels: number) => JSON.stringify(clean({ metadata: nested(levels) }));
  assert.equal(text(64), JSON.stringify({ metadata: nested(64) }));
  assert.match(text(65), /"\[too deep\]"/);
});
