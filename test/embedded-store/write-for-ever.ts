import { writeSync } from "node:fs";
import { openEmbeddedStore } from "../../src/adapters/embedded/embedded-store.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { systemRandom } from "../../src/adapters/system/system-random.ts";
import type { ObjectStore } from "../../src/ports/store/object-store.ts";
import { aNewDriverNode } from "../contract/worlds/object-builders.ts";

const WRITERS = 4;

/**
 * Creates, labels and deletes objects until it is killed, and prints each write once the store has
 * acknowledged it: `<verb> <name> <label> <version>`.
 */
const [file = "", round = "0"] = process.argv.slice(2);
const store = openEmbeddedStore({ file, clock: systemClock, random: systemRandom });
const { signal } = new AbortController();
tell("open");
await Promise.all(Array.from({ length: WRITERS }, (_, writer) => writeAsWriter(store, writer)));

async function writeAsWriter(target: ObjectStore, writer: number): Promise<void> {
  for (let step = 0; ; step++) {
    const name = `node-${round}-${writer}-${step}`;
    const made = await target.create(
      "AzDriverNode",
      { ...aNewDriverNode(name), metadata: { name, labels: { step: "made" } } },
      signal,
    );
    if (!made.ok) throw new Error(JSON.stringify(made.failure));
    tell(`put ${name} made ${made.value.metadata.resourceVersion}`);
    const updated = await target.update(
      "AzDriverNode",
      { ...made.value, metadata: { ...made.value.metadata, labels: { step: "updated" } } },
      signal,
    );
    if (!updated.ok) throw new Error(JSON.stringify(updated.failure));
    tell(`put ${name} updated ${updated.value.metadata.resourceVersion}`);
    if (step % 3 !== 0) continue;
    const deleted = await target.delete("AzDriverNode", name, {}, signal);
    if (!deleted.ok) throw new Error(JSON.stringify(deleted.failure));
    tell(`removed ${name} - 0`);
  }
}

/** Written synchronously, so that it is in the pipe even if the process dies now. */
function tell(line: string): void {
  writeSync(1, `${line}\n`);
}
