import { writeSync } from "node:fs";
import { connectEmbeddedStore } from "../../src/adapters/embedded/connect-embedded-store.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { systemRandom } from "../../src/adapters/system/system-random.ts";

/** Watches AzDriverNodes through a socket and prints the name in each event, first of all `watching`. */
const [socketPath = ""] = process.argv.slice(2);
const store = connectEmbeddedStore({ socketPath, clock: systemClock, random: systemRandom });
const { signal } = new AbortController();
const listed = await store.list("AzDriverNode", {}, signal);
if (!listed.ok) throw new Error(JSON.stringify(listed.failure));
const events = store.watch("AzDriverNode", {}, listed.value.resourceVersion, signal)[Symbol.asyncIterator]();
for (let next = await events.next(); next.done !== true; next = await events.next())
  writeSync(1, next.value.type === "BOOKMARK" ? "watching\n" : `${next.value.object.metadata.name}\n`);
