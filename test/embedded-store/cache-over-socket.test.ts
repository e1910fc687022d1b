import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { connectEmbeddedStore } from "../../src/adapters/embedded/connect-embedded-store.ts";
import { openEmbeddedStore } from "../../src/adapters/embedded/embedded-store.ts";
import { serveEmbeddedStore } from "../../src/adapters/embedded/serve-embedded-store.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { systemRandom } from "../../src/adapters/system/system-random.ts";
import { createObjectCache } from "../../src/objects/cache/object-cache.ts";
import { failingLogger } from "../contract/worlds/failing-logger.ts";
import { aNewDriverNode } from "../contract/worlds/object-builders.ts";

const RESTARTS = 5;
const WRITES_PER_LIFE = 20;
const WAIT_MS = 60_000;
const TEST_TIMEOUT_MS = 900_000;
/** The limit for a synced write on a busy machine, in milliseconds. */
const REQUEST_TIMEOUT_MS = 60_000;

it(
  "a cache follows the store through server restarts and reports each object once",
  { timeout: TEST_TIMEOUT_MS },
  async () => {
    const directory = await mkdtemp(join(tmpdir(), "store-restart-"));
    const socketPath = join(directory, "store.sock");
    const client = connectEmbeddedStore({
      socketPath,
      clock: systemClock,
      random: systemRandom,
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
    });
    const cache = createObjectCache({
      store: client,
      clock: systemClock,
      random: systemRandom,
      logger: failingLogger,
      kinds: ["AzDriverNode"],
    });
    const told: string[] = [];
    cache.onChange((change) =>
      told.push(`${change.name} ${change.previous === undefined ? "new" : "again"}`),
    );
    const stop = new AbortController();
    const running = cache.run(stop.signal);
    try {
      const names: string[] = [];
      for (let life = 0; life < RESTARTS; life++) {
        const store = openEmbeddedStore({
          file: join(directory, "store.db"),
          clock: systemClock,
          random: systemRandom,
        });
        const server = await serveEmbeddedStore({ store, socketPath, logger: failingLogger });
        for (let index = 0; index < WRITES_PER_LIFE; index++) {
          // Names in the order of creation: the first list, which may come at any time, reports them by
          // name.
          const name = `node-${life}-${String(index).padStart(3, "0")}`;
          const made = await client.create("AzDriverNode", aNewDriverNode(name), stop.signal);
          assert.ok(made.ok, JSON.stringify(made));
          names.push(name);
        }
        const isThere = await cache.waitUntil(
          "AzDriverNode",
          names.at(-1) ?? "",
          (node) => node !== undefined,
          WAIT_MS,
          stop.signal,
        );
        assert.ok(isThere, "the cache didn't come back in time");
        const listed = await client.list("AzDriverNode", {}, stop.signal);
        assert.deepEqual(listed.ok && listed.value.items, cache.list("AzDriverNode"));
        await server.close();
        store.close();
      }
      assert.deepEqual(
        told,
        names.map((name) => `${name} new`),
      );
    } finally {
      stop.abort();
      await running;
      client.close();
      await rm(directory, { recursive: true });
    }
  },
);
