/** A program that tracks, flushes, tracks again, and ends without closing. */
import { Tracker } from "../src/index.ts";

const [url, token, user] = process.argv.slice(2) as [string, string, string];
const tracker = new Tracker({ url, user, token: () => token, batchMilliseconds: 60_000 });
tracker.recall();
console.log(`flushed ${(await tracker.flush()).waiting}`);
tracker.recall();
