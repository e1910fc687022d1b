import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSimulatedStore } from "../adapters/simulated-store/simulated-store.ts";
import { createSeededRandom } from "../adapters/virtual/seeded-random.ts";
import { settledOn } from "../adapters/virtual/testing/settled-on.ts";
import { createVirtualClock, type VirtualClock } from "../adapters/virtual/virtual-clock.ts";
import { followOwnObjects } from "../compose/assemble-node.ts";
import type { AzVolume } from "../core/api/az-volume.ts";
import { nodeLabel } from "../core/api/node-labels.ts";
import { aDetail, aVolumeWithRecord, aWriter, diskUri } from "../core/testing/objects.ts";
import { type RecordChanges } from "../core/testing/record-lists.ts";
import { must } from "../core/testing/value-of.ts";
import type { ObjectCache } from "../objects/cache/object-cache.ts";
import { requestWriter } from "../objects/writer-request.ts";
import type { ObjectStore } from "../ports/store/object-store.ts";
import { silentLogger } from "../ports/testing/silent-logger.ts";
import { ownObjectsOf } from "./scoped-store.ts";

const never = new AbortController().signal;

interface World {
  readonly clock: VirtualClock;
  /** Writes do not enter the cache. */
  readonly store: ObjectStore;
  /** Writes enter the cache at once. */
  readonly ownStore: ObjectStore;
  readonly cache: ObjectCache;
  /** Creates a volume with the labels of these nodes, or changes them. */
  label(volumeName: string, ...nodeNames: readonly string[]): Promise<AzVolume>;
  /** Changes the record of a volume. */
  record(volumeName: string, record: RecordChanges): Promise<void>;
  /** Requests it on a node. */
  request(volumeName: string, nodeName: string): Promise<void>;
  /** The names of volumes and attachments in the node's cache, once it has seen every event. */
  known(): Promise<{ readonly volumes: readonly string[]; readonly attachments: readonly string[] }>;
}

/** A store as node-a follows it. */
async function onNodeA(
  prepare: (world: World) => Promise<unknown>,
  act: (world: World) => Promise<void>,
): Promise<void> {
  const clock = createVirtualClock();
  const random = createSeededRandom(1);
  const store = createSimulatedStore({ clock, random }).handle("node-a");
  const ports = { clock, random, logger: silentLogger };
  const { cache, store: ownStore } = followOwnObjects({ ...ports, store, nodeName: "node-a" });
  const life = new AbortController();
  const steps = { run: <T>(_step: unknown, take: () => Promise<T>): Promise<T> => take() };
  const world: World = {
    clock,
    store,
    ownStore,
    cache,
    label: async (volumeName, ...nodeNames) => {
      const { spec } = aVolumeWithRecord({});
      const labels = Object.fromEntries(nodeNames.map((nodeName) => [nodeLabel(nodeName), ""]));
      const present = await store.get("AzVolume", volumeName, never);
      return must(
        present.ok
          ? store.update(
              "AzVolume",
              { ...present.value, metadata: { ...present.value.metadata, labels } },
              never,
            )
          : store.create(
              "AzVolume",
              { metadata: { name: volumeName, labels }, spec: { ...spec, volumeName } },
              never,
            ),
      );
    },
    record: async (volumeName, record) => {
      const present = await must(store.get("AzVolume", volumeName, never));
      const { status } = aVolumeWithRecord(record);
      // Each volume has a disk of its own here, so that their attachments do not meet.
      const detail = aDetail({ diskUri: diskUri.replace("pvc-1", volumeName) });
      assert.ok(status !== undefined);
      await must(store.updateStatus("AzVolume", { ...present, status: { ...status, detail } }, never));
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

describe("the objects that a node follows", () => {
  it("are the volumes with its label, and its attachments", () =>
    onNodeA(
      async ({ label, record, request }) => {
        for (const [volumeName, nodeName] of [
          ["pvc-of-a", "node-a"],
          ["pvc-of-b", "node-b"],
        ] as const) {
          await label(volumeName, nodeName);
          await record(volumeName, { writer: aWriter(nodeName) });
          await request(volumeName, nodeName);
        }
        await label("pvc-of-both", "node-a", "node-b");
      },
      async ({ known }) =>
        assert.deepEqual(await known(), {
          volumes: ["pvc-of-a", "pvc-of-both"],
          attachments: ["pvc-of-a on node-a"],
        }),
    ));

  it("come with the label, and go with it", () =>
    onNodeA(
      async ({ label }) => label("pvc-1", "node-b"),
      async ({ label, known }) => {
        assert.deepEqual((await known()).volumes, []);
        await label("pvc-1", "node-a", "node-b");
        assert.deepEqual((await known()).volumes, ["pvc-1"]);
        await label("pvc-1", "node-b");
        assert.deepEqual((await known()).volumes, []);
      },
    ));

  it("cost the store no event for other nodes' volumes", () =>
    onNodeA(
      async ({ label }) => {
        await label("pvc-of-a", "node-a");
        await label("pvc-of-b", "node-b");
      },
      async ({ store, clock, record }) => {
        const seen: string[] = [];
        const life = new AbortController();
        const own = ownObjectsOf(store, "node-a");
        const { resourceVersion } = await must(own.list("AzVolume", {}, never));
        const watching = (async () => {
          for await (const event of own.watch("AzVolume", {}, resourceVersion, life.signal))
            if (event.type !== "BOOKMARK") seen.push(`${event.type} ${event.object.metadata.name}`);
        })();
        await record("pvc-of-b", { writer: aWriter("node-b") });
        await record("pvc-of-a", { writer: aWriter("node-a") });
        await clock.advance(10_000);
        life.abort();
        await watching;
        assert.deepEqual(seen, ["MODIFIED pvc-of-a"]);
      },
    ));

  it("are not those that it writes without its label: no event would ever correct them", () =>
    onNodeA(
      async ({ label }) => {
        await label("pvc-of-a", "node-a");
        await label("pvc-of-b", "node-b");
      },
      async ({ ownStore, store, cache }) => {
        for (const name of ["pvc-of-a", "pvc-of-b"]) {
          const present = await must(store.get("AzVolume", name, never));
          const { status } = aVolumeWithRecord({ writer: aWriter("node-a") });
          assert.ok(status !== undefined);
          await must(ownStore.updateStatus("AzVolume", { ...present, status }, never));
        }
        assert.deepEqual(
          cache
            .list("AzVolume")
            .map(({ metadata, status }) => [metadata.name, status?.record?.writer?.nodeName]),
          [["pvc-of-a", "node-a"]],
        );
      },
    ));

  it("are no limit to what it reads", () =>
    onNodeA(
      async ({ label }) => label("pvc-1", "node-b"),
      async ({ store, ownStore }) =>
        assert.deepEqual(
          await ownStore.get("AzVolume", "pvc-1", never),
          await store.get("AzVolume", "pvc-1", never),
        ),
    ));
});
