import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSimulatedStore } from "../adapters/simulated-store/simulated-store.ts";
import { createSeededRandom } from "../adapters/virtual/seeded-random.ts";
import { createVirtualClock } from "../adapters/virtual/virtual-clock.ts";
import { must, settledOn } from "../controller/testing/settled.ts";
import { silentLogger } from "../controller/testing/silent-logger.ts";
import { aDetail, aVolumeWithRecord, aWriter, diskUri, identity } from "../core/testing/objects.ts";
import { type RecordChanges } from "../core/testing/record-lists.ts";
import { createObjectCache, type ObjectCache } from "../objects/cache/object-cache.ts";
import { requestWriter } from "../objects/writer-request.ts";
import type { NewObject, ObjectStore } from "../ports/store/object-store.ts";
import { ownObjectsOf } from "./scoped-store.ts";

const never = new AbortController().signal;

interface World {
  readonly store: ObjectStore;
  readonly cache: ObjectCache;
  readonly checkpointed: Set<string>;
  /** Creates a volume with that record, or changes the record. */
  record(volumeName: string, record: RecordChanges): Promise<void>;
  /** Requests it on a node. */
  request(volumeName: string, nodeName: string): Promise<void>;
  /** The names of volumes and attachments in the node's cache, once it has seen every event. */
  known(): Promise<{ readonly volumes: readonly string[]; readonly attachments: readonly string[] }>;
}

/** A store as node-a follows it. */
async function onNodeA(
  prepare: (world: Pick<World, "record" | "request" | "checkpointed">) => Promise<void>,
  act: (world: World) => Promise<void>,
): Promise<void> {
  const clock = createVirtualClock();
  const random = createSeededRandom(1);
  const store = createSimulatedStore({ clock, random }).handle("node-a");
  const checkpointed = new Set<string>();
  const knowsVolume = (volumeName: string): boolean =>
    checkpointed.has(volumeName) || cache.byIndex("AzVolumeAttachment", "volumeName", volumeName).length > 0;
  const cache = createObjectCache({
    store: ownObjectsOf(store, { nodeName: "node-a", knowsVolume }),
    clock,
    random,
    logger: silentLogger,
    kinds: ["AzVolume", "AzVolumeAttachment"],
  });
  const life = new AbortController();
  const steps = { run: <T>(_step: unknown, take: () => Promise<T>): Promise<T> => take() };
  const world: World = {
    store,
    cache,
    checkpointed,
    record: async (volumeName, record) => {
      const volume = aVolumeWithRecord(record);
      const present = await store.get("AzVolume", volumeName, never);
      const spec = { ...volume.spec, volumeName };
      const created = present.ok
        ? present.value
        : await must(
            store.create(
              "AzVolume",
              { metadata: { name: volumeName }, spec } as NewObject<"AzVolume">,
              never,
            ),
          );
      // Each volume has a disk of its own here, so that their attachments do not meet.
      const detail = aDetail({ diskUri: diskUri.replace("pvc-1", volumeName) });
      const status = volume.status === undefined ? {} : { status: { ...volume.status, detail } };
      await must(store.updateStatus("AzVolume", { ...created, ...status }, never));
    },
    request: async (volumeName, nodeName) => {
      const volume = await must(store.get("AzVolume", volumeName, never));
      await must(
        settledOn(
          clock,
          requestWriter({ store, clock, steps }, { volume, nodeName, volumeContext: {} }, never),
        ),
      );
    },
    known: async () => {
      await clock.advance(10_000);
      return {
        volumes: cache.list("AzVolume").map(({ metadata }) => metadata.name),
        attachments: cache
          .list("AzVolumeAttachment")
          .map(({ spec }) => `${spec.volumeName} on ${spec.nodeName}`),
      };
    },
  };
  await prepare(world);
  const running = cache.run(life.signal);
  await settledOn(clock, cache.untilSynced(never));
  try {
    await act(world);
  } finally {
    life.abort();
    await settledOn(
      clock,
      running.catch(() => undefined),
    );
  }
}

describe("ownObjectsOf", () => {
  it("keeps other nodes' volumes and attachments out of a node's memory", () =>
    onNodeA(
      async ({ record, request }) => {
        await record("pvc-of-a", { writer: aWriter("node-a") });
        await record("pvc-of-b", { writer: aWriter("node-b") });
        await request("pvc-of-a", "node-a");
        await request("pvc-of-b", "node-b");
      },
      async ({ known }) =>
        assert.deepEqual(await known(), { volumes: ["pvc-of-a"], attachments: ["pvc-of-a on node-a"] }),
    ));

  it("shows a node each volume whose record names it, in any part", () =>
    onNodeA(
      async ({ record }) => {
        await record("fenced", { writer: aWriter("node-b"), fencing: identity("node-a") });
        await record("quarantined", { quarantined: [identity("node-b"), identity("node-a")] });
        await record("unverified", { unverified: [identity("node-a")] });
        await record("unrelated", { quarantined: [identity("node-b")] });
      },
      async ({ known }) => assert.deepEqual((await known()).volumes, ["fenced", "quarantined", "unverified"]),
    ));

  it("shows a volume that becomes the node's own at once, and drops it afterwards", () =>
    onNodeA(
      async ({ record }) => record("pvc-1", { writer: aWriter("node-b") }),
      async ({ record, known }) => {
        assert.deepEqual((await known()).volumes, []);
        await record("pvc-1", { writer: aWriter("node-a", { held: false }) });
        assert.deepEqual((await known()).volumes, ["pvc-1"]);
        await record("pvc-1", { writer: aWriter("node-b") });
        assert.deepEqual((await known()).volumes, []);
      },
    ));

  it("keeps a volume with a checkpoint or an attachment, whatever its record says", () =>
    onNodeA(
      async ({ record, checkpointed, request }) => {
        for (const name of ["checkpointed", "replica"]) await record(name, { writer: aWriter("node-b") });
        checkpointed.add("checkpointed");
        await request("replica", "node-a");
      },
      async ({ record, known }) => {
        for (const name of ["checkpointed", "replica"])
          await record(name, { writer: aWriter("node-b", { epoch: 2 }) });
        assert.deepEqual((await known()).volumes, ["checkpointed", "replica"]);
      },
    ));

  it("reads and writes any object as before", () =>
    onNodeA(
      async ({ record }) => record("pvc-1", { writer: aWriter("node-b") }),
      async ({ store }) => {
        const own = ownObjectsOf(store, { nodeName: "node-a", knowsVolume: () => false });
        assert.deepEqual(
          await own.get("AzVolume", "pvc-1", never),
          await store.get("AzVolume", "pvc-1", never),
        );
        assert.equal((await must(own.list("AzVolume", {}, never))).items.length, 0);
      },
    ));
});
