import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClusterNodeVolumeUsers } from "../../src/adapters/embedded/cluster-node-volume-users.ts";
import { connectEmbeddedStore } from "../../src/adapters/embedded/connect-embedded-store.ts";
import { openEmbeddedStore } from "../../src/adapters/embedded/embedded-store.ts";
import { serveEmbeddedStore } from "../../src/adapters/embedded/serve-embedded-store.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { systemRandom } from "../../src/adapters/system/system-random.ts";
import type { ClusterNode } from "../../src/core/api/cluster-node.ts";
import { createObjectCache } from "../../src/objects/cache/object-cache.ts";
import type { ObjectStore } from "../../src/ports/store/object-store.ts";
import { silentLogger } from "../../src/ports/testing/silent-logger.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { volumeUsersContract, type VolumeUsersWorld } from "./volume-users-contract.ts";
import { failingLogger } from "./worlds/failing-logger.ts";

const TIMEOUT_MS = 60_000;
const never = new AbortController().signal;

volumeUsersContract("ClusterNodes of the embedded store", async (): Promise<VolumeUsersWorld> => {
  const directory = await mkdtemp(join(tmpdir(), "volume-users-"));
  const embedded = openEmbeddedStore({
    file: join(directory, "store.db"),
    clock: systemClock,
    random: systemRandom,
  });
  const socketPath = join(directory, "store.sock");
  const server = await serveEmbeddedStore({ store: embedded, socketPath, logger: failingLogger });
  const store = connectEmbeddedStore({ socketPath, clock: systemClock, random: systemRandom });
  const cache = createObjectCache({
    store,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    kinds: ["ClusterNode"],
  });
  const life = new AbortController();
  const running = cache.run(life.signal);
  await cache.untilSynced(never);
  let isServing = true;
  return {
    users: createClusterNodeVolumeUsers({ store, cache }),
    setNode: (nodeName, { isOutOfService = false, isUnschedulable = false }) =>
      changeNode(embedded, nodeName, (spec) => ({
        ...spec,
        outOfService: isOutOfService,
        unschedulable: isUnschedulable,
      })),
    beginUse: ({ nodeName, volumeId, user }) =>
      changeNode(embedded, nodeName, (spec) => ({
        ...spec,
        volumeUsers: [...spec.volumeUsers, { volumeId, user }],
      })),
    beginEnd: undefined,
    endUse: async (user) => {
      const listed = await embedded.list("ClusterNode", {}, never);
      for (const { metadata } of listed.ok ? listed.value.items : [])
        await changeNode(embedded, metadata.name, (spec) => ({
          ...spec,
          volumeUsers: spec.volumeUsers.filter((use) => use.user !== user),
        }));
    },
    untilCached: (what, holds) =>
      waitUntil(what, { timeoutMs: TIMEOUT_MS }, async () => holds() || undefined).then(() => undefined),
    cutOff: async () => {
      isServing = false;
      await server.close();
    },
    nameOf: (user) => user,
    close: async () => {
      life.abort();
      await running;
      store.close();
      if (isServing) await server.close();
      embedded.close();
      await rm(directory, { recursive: true });
    },
  };
});

async function changeNode(
  store: ObjectStore,
  name: string,
  change: (spec: ClusterNode["spec"]) => ClusterNode["spec"],
): Promise<void> {
  const present = await store.get("ClusterNode", name, never);
  const written = present.ok
    ? await store.update("ClusterNode", { ...present.value, spec: change(present.value.spec) }, never)
    : await store.create(
        "ClusterNode",
        { metadata: { name }, spec: change({ outOfService: false, unschedulable: false, volumeUsers: [] }) },
        never,
      );
  if (!written.ok) throw new Error(JSON.stringify(written.failure));
}
