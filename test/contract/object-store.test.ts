import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectEmbeddedStore } from "../../src/adapters/embedded/connect-embedded-store.ts";
import { openEmbeddedStore } from "../../src/adapters/embedded/embedded-store.ts";
import { serveEmbeddedStore } from "../../src/adapters/embedded/serve-embedded-store.ts";
import { createSimulatedStore } from "../../src/adapters/simulated-store/simulated-store.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { systemRandom } from "../../src/adapters/system/system-random.ts";
import { createSeededRandom } from "../../src/adapters/virtual/seeded-random.ts";
import { createVirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import type { ObjectStore } from "../../src/ports/store/object-store.ts";
import { objectStoreContract } from "./object-store-contract.ts";
import { failingLogger } from "./worlds/failing-logger.ts";
import { aNewDriverNode } from "./worlds/object-builders.ts";

const BOOKMARK_INTERVAL_MS = 20;
const HISTORY_MAX = 200;
/** The limit for a synced write on a busy machine. */
const REQUEST_TIMEOUT_MS = 60_000;

objectStoreContract("simulated store", async () => {
  const clock = createVirtualClock();
  const store = createSimulatedStore({
    clock,
    random: createSeededRandom(1),
    bookmarkIntervalMs: BOOKMARK_INTERVAL_MS,
  });
  return {
    store: store.handle("first"),
    other: store.handle("second"),
    letBookmarkIntervalPass: () => clock.advance(BOOKMARK_INTERVAL_MS),
    forgetHistory: async () => store.forgetHistory(),
    close: async () => undefined,
  };
});

objectStoreContract("embedded store in its process", async () => {
  const embedded = await openInTemporaryDirectory();
  return { ...embedded, other: embedded.store };
});

objectStoreContract("embedded store over its socket", async () => {
  const embedded = await openInTemporaryDirectory();
  const socketPath = join(embedded.directory, "store.sock");
  const server = await serveEmbeddedStore({ store: embedded.store, socketPath, logger: failingLogger });
  const clients = [1, 2].map(() =>
    connectEmbeddedStore({
      socketPath,
      clock: systemClock,
      random: systemRandom,
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
    }),
  );
  const [store = embedded.store, other = embedded.store] = clients;
  return {
    ...embedded,
    store,
    other,
    close: async () => {
      for (const client of clients) client.close();
      await server.close();
      await embedded.close();
    },
  };
});

async function openInTemporaryDirectory() {
  const directory = await mkdtemp(join(tmpdir(), "object-store-"));
  const store = openEmbeddedStore({
    file: join(directory, "store.db"),
    clock: systemClock,
    random: systemRandom,
    historyMax: HISTORY_MAX,
    bookmarkIntervalMs: BOOKMARK_INTERVAL_MS,
  });
  return {
    directory,
    store,
    letBookmarkIntervalPass: async () => undefined,
    forgetHistory: () => fillHistory(store),
    close: async () => {
      store.close();
      await rm(directory, { recursive: true });
    },
  };
}

async function fillHistory(store: ObjectStore): Promise<void> {
  const { signal } = new AbortController();
  const node = await store.create("AzDriverNode", aNewDriverNode("history"), signal);
  if (!node.ok) throw new Error(JSON.stringify(node.failure));
  for (let round = 0, current = node.value; round < HISTORY_MAX; round++) {
    const written = await store.update(
      "AzDriverNode",
      { ...current, metadata: { ...current.metadata, labels: { round: String(round) } } },
      signal,
    );
    if (!written.ok) throw new Error(JSON.stringify(written.failure));
    current = written.value;
  }
}
