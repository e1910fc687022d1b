import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { connectEmbeddedStore } from "../../src/adapters/embedded/connect-embedded-store.ts";
import { openEmbeddedStore } from "../../src/adapters/embedded/embedded-store.ts";
import { serveEmbeddedStore } from "../../src/adapters/embedded/serve-embedded-store.ts";
import { StoreFileRefused } from "../../src/adapters/embedded/store-file.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { systemRandom } from "../../src/adapters/system/system-random.ts";
import { failingLogger } from "../contract/worlds/failing-logger.ts";
import { aNewDriverNode } from "../contract/worlds/object-builders.ts";
import { startStoreProcess } from "./store-process.ts";

/** Together far more than the socket's buffers hold. */
const WRITES = 1_500;
const NOTE = "x".repeat(4_000);
const WRITERS = 10;
const TEST_TIMEOUT_MS = 900_000;
/** The limit for a synced write on a busy machine, in milliseconds. */
const REQUEST_TIMEOUT_MS = 60_000;
const never = new AbortController().signal;

it(
  "a stopped client delays neither writers nor watchers, and misses nothing",
  { timeout: TEST_TIMEOUT_MS },
  async () => {
    const directory = await mkdtemp(join(tmpdir(), "store-frozen-"));
    const socketPath = join(directory, "store.sock");
    const store = openEmbeddedStore({
      file: join(directory, "store.db"),
      clock: systemClock,
      random: systemRandom,
      bookmarkIntervalMs: 5,
    });
    const server = await serveEmbeddedStore({ store, socketPath, logger: failingLogger });
    const client = connectEmbeddedStore({
      socketPath,
      clock: systemClock,
      random: systemRandom,
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
    });
    const frozen = startStoreProcess(import.meta.resolve("./print-events.ts"), [socketPath]);
    try {
      assert.equal(await frozen.nextLine(), "watching");
      await frozen.freeze();
      const watch = new AbortController();
      const listed = await client.list("AzDriverNode", {}, never);
      assert.ok(listed.ok);
      const healthy = namesTold(client.watch("AzDriverNode", {}, listed.value.resourceVersion, watch.signal));
      await Promise.all(
        Array.from({ length: WRITERS }, async (_, writer) => {
          for (let index = writer; index < WRITES; index += WRITERS) {
            const made = await client.create(
              "AzDriverNode",
              {
                ...aNewDriverNode(`node-${index}`),
                metadata: { name: `node-${index}`, annotations: { note: NOTE } },
              },
              never,
            );
            assert.ok(made.ok, JSON.stringify(made));
          }
        }),
      );
      const toldToHealthy = await healthy;
      watch.abort();
      assert.equal(new Set(toldToHealthy).size, WRITES);

      frozen.child.kill("SIGCONT");
      const toldToFrozen: string[] = [];
      while (toldToFrozen.length < WRITES) {
        const line = (await frozen.nextLine()) ?? assert.fail("the frozen client ended");
        if (line !== "watching") toldToFrozen.push(line);
      }
      assert.deepEqual(toldToFrozen, toldToHealthy);
    } finally {
      await frozen.kill();
      client.close();
      await server.close();
      store.close();
      await rm(directory, { recursive: true });
    }
  },
);

it(
  "a second process cannot open the store's file until the first is dead",
  { timeout: TEST_TIMEOUT_MS },
  async () => {
    const directory = await mkdtemp(join(tmpdir(), "store-second-"));
    const file = join(directory, "store.db");
    const first = startStoreProcess(import.meta.resolve("./write-for-ever.ts"), [file, "0"]);
    const open = (): ReturnType<typeof openEmbeddedStore> =>
      openEmbeddedStore({ file, clock: systemClock, random: systemRandom });
    try {
      assert.equal(await first.nextLine(), "open");
      assert.throws(
        open,
        (error) =>
          error instanceof StoreFileRefused &&
          error.message.includes(file) &&
          error.message.includes("has it open"),
      );
      await first.freeze();
      assert.throws(open, StoreFileRefused);
      await first.kill();
      open().close();
    } finally {
      await first.kill();
      await rm(directory, { recursive: true });
    }
  },
);

async function namesTold(
  events: ReturnType<ReturnType<typeof connectEmbeddedStore>["watch"]>,
): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const event of events) {
    if (event.type !== "BOOKMARK") names.push(event.object.metadata.name);
    if (names.length === WRITES) return names;
  }
  return assert.fail("the watch ended by itself");
}
