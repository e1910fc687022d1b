import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { TestContext } from "node:test";
import { createSimulatedStore } from "../../adapters/simulated-store/simulated-store.ts";
import type { SimulatedHandle, SimulatedStore } from "../../adapters/simulated-store/simulated-store.ts";
import { createSeededRandom } from "../../adapters/virtual/seeded-random.ts";
import { createVirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import type { VirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import { aDriverNode } from "../../controller/testing/a-driver-node.ts";
import { attachmentObjectName } from "../../core/api/object-names.ts";
import { valueOf } from "../../core/testing/value-of.ts";
import type { Logger } from "../../ports/logger.ts";
import type { Kind, KindMap, NewObject } from "../../ports/store/object-store.ts";
import { createObjectCache } from "./object-cache.ts";
import type { ObjectCache, ObjectChange } from "./object-cache.ts";

const BOOKMARK_INTERVAL_MS = 10_000;
const never = new AbortController().signal;

interface World {
  readonly clock: VirtualClock;
  readonly store: SimulatedStore;
  /** The source of the cache. */
  readonly handle: SimulatedHandle;
  /** A source without faults. */
  readonly writer: SimulatedHandle;
  readonly cache: ObjectCache;
  readonly logged: readonly string[];
  /** Changes as `kind/name previous→current`, by label `a`. */
  readonly changes: readonly string[];
  readonly start: () => void;
}

/** Runs a test in its own world, and checks that the cache's work ends with it. */
function inWorld(
  test: (world: World, context: TestContext) => Promise<void>,
  seed = 1,
): (context: TestContext) => Promise<void> {
  return async (context) => {
    const clock = createVirtualClock();
    const random = createSeededRandom(seed);
    const store = createSimulatedStore({
      clock,
      random: random.fork("store"),
      bookmarkIntervalMs: BOOKMARK_INTERVAL_MS,
    });
    const handle = store.handle("cache");
    const logged: string[] = [];
    const changes: string[] = [];
    const cache = createObjectCache({
      store: handle,
      clock,
      random: random.fork("cache"),
      logger: loggerInto(logged),
      kinds: ["AzVolume", "AzVolumeAttachment", "AzDriverNode"],
      settings: { stallTimeoutMs: 30_000 },
    });
    cache.onChange((change) => changes.push(describeChange(change)));
    const stop = new AbortController();
    const running: Promise<void>[] = [];
    try {
      await test(
        {
          clock,
          store,
          handle,
          writer: store.handle("writer"),
          cache,
          logged,
          changes,
          start: () => running.push(cache.run(stop.signal)),
        },
        context,
      );
    } finally {
      stop.abort();
      await Promise.all(running);
    }
    assert.equal(clock.sleepers(), 0);
  };
}

describe("createObjectCache", () => {
  it(
    "shows nothing before it has listed, then everything, by name and by index",
    inWorld(async ({ cache, clock, handle, writer, start }) => {
      handle.setWeather({ callDelayMs: [100, 100] });
      await create(writer, "AzVolume", {
        ...aVolume("pvc-1"),
        spec: { ...aVolume("pvc-1").spec, diskUri: "/Disks/PVC-1" },
      });
      await create(writer, "AzVolumeAttachment", anAttachment("pvc-1", "node-b"));
      await create(writer, "AzVolumeAttachment", anAttachment("pvc-1", "node-a"));
      await create(writer, "AzVolumeAttachment", anAttachment("pvc-2", "node-a"));
      const named = (volumeName: string, nodeName: string): string =>
        anAttachment(volumeName, nodeName).metadata.name;
      start();
      await clock.advance(50);
      assert.deepEqual([cache.hasSynced(), cache.list("AzVolume")], [false, []]);
      await clock.advance(50);
      assert.equal(cache.hasSynced(), true);
      await cache.untilSynced(never);
      assert.equal(cache.get("AzVolume", "pvc-1")?.metadata.name, "pvc-1");
      assert.equal(cache.get("AzVolume", "pvc-2"), undefined);
      assert.deepEqual(cache.byIndex("AzVolume", "diskUri", "/disks/pvc-1").map(nameOf), ["pvc-1"]);
      assert.deepEqual(
        cache.byIndex("AzVolumeAttachment", "volumeName", "pvc-1").map(nameOf),
        [named("pvc-1", "node-a"), named("pvc-1", "node-b")].toSorted(),
      );
      assert.deepEqual(
        cache.byIndex("AzVolumeAttachment", "nodeName", "node-a").map(nameOf),
        [named("pvc-1", "node-a"), named("pvc-2", "node-a")].toSorted(),
      );
      assert.deepEqual(cache.byIndex("AzVolumeAttachment", "nodeName", "node-c"), []);
    }),
  );

  it(
    "follows changes, passes both states to listeners, and keeps indexes correct",
    inWorld(async ({ cache, changes, clock, writer, start }) => {
      start();
      await clock.settle();
      const made = await create(writer, "AzVolume", aVolume("pvc-1"));
      const spoken = valueOf(
        await writer.updateStatus("AzVolume", { ...made, status: statusWithDisk("/disks/One") }, never),
      );
      const labelled = await label(writer, spoken, "1");
      await clock.settle();
      assert.deepEqual(cache.byIndex("AzVolume", "diskUri", "/disks/one"), [labelled]);
      valueOf(
        await writer.updateStatus("AzVolume", { ...labelled, status: statusWithDisk("/disks/Two") }, never),
      );
      await clock.settle();
      assert.deepEqual(cache.byIndex("AzVolume", "diskUri", "/disks/one"), []);
      assert.deepEqual(cache.byIndex("AzVolume", "diskUri", "/disks/two").map(nameOf), ["pvc-1"]);
      valueOf(await writer.delete("AzVolume", "pvc-1", {}, never));
      await clock.settle();
      assert.deepEqual(cache.byIndex("AzVolume", "diskUri", "/disks/two"), []);
      assert.deepEqual(changes, [
        "AzVolume/pvc-1 absent→-",
        "AzVolume/pvc-1 -→-",
        "AzVolume/pvc-1 -→1",
        "AzVolume/pvc-1 1→1",
        "AzVolume/pvc-1 1→absent",
      ]);
    }),
  );

  it(
    "resumes a broken watch with nothing lost, doubled or listed again",
    inWorld(async ({ changes, clock, handle, logged, writer, start }) => {
      start();
      const node = await create(writer, "AzVolume", aVolume("pvc-1"));
      await clock.settle();
      handle.setReachable(false);
      const first = await label(writer, node, "1");
      await clock.advance(20_000);
      await label(writer, first, "2");
      handle.failNext({ fault: "unavailable", verb: "list" });
      handle.setReachable(true);
      await clock.advance(10_000);
      assert.deepEqual(changes, ["AzVolume/pvc-1 absent→-", "AzVolume/pvc-1 -→1", "AzVolume/pvc-1 1→2"]);
      assert.ok(logged.length > 0 && logged.every((line) => line === "watch ended"), logged.join());
    }),
  );

  it(
    "lists again when the store no longer has its version, and reports differences",
    inWorld(async ({ changes, clock, handle, store, writer, start }) => {
      start();
      const kept = await create(writer, "AzVolume", aVolume("kept"));
      await create(writer, "AzVolume", aVolume("gone"));
      const moved = await create(writer, "AzVolume", aVolume("moved"));
      await clock.settle();
      const before = changes.length;
      handle.setReachable(false);
      await label(writer, moved, "1");
      valueOf(await writer.delete("AzVolume", "gone", {}, never));
      await create(writer, "AzVolume", aVolume("new"));
      store.forgetHistory();
      handle.setReachable(true);
      await clock.advance(1_000);
      assert.deepEqual(changes.slice(before), [
        "AzVolume/gone -→absent",
        "AzVolume/moved -→1",
        "AzVolume/new absent→-",
      ]);
      assert.equal(kept.metadata.resourceVersion.length > 0, true);
    }),
  );

  it(
    "shows the state of a restored backup, although its objects are older",
    inWorld(async ({ cache, clock, store, writer, start }) => {
      start();
      const made = await create(writer, "AzVolume", aVolume("pvc-1"));
      const backup = store.snapshot();
      await label(writer, made, "1");
      await create(writer, "AzVolume", aVolume("pvc-2"));
      await clock.settle();
      store.restore(backup);
      await clock.advance(1_000);
      assert.deepEqual(cache.list("AzVolume"), [made]);
    }),
  );

  it(
    "relists after a rollback, and drops own writes that the watch never showed",
    inWorld(async ({ cache, changes, clock, handle, store, writer, start }) => {
      start();
      const made = await create(writer, "AzVolume", aVolume("pvc-1"));
      await clock.settle();
      const backup = store.snapshot();
      handle.holdWatches(true);
      cache.remember("AzVolume", await label(writer, made, "1"));
      store.restore(backup);
      handle.holdWatches(false);
      cache.listAgain();
      await clock.settle();
      assert.deepEqual(cache.list("AzVolume"), [made]);
      assert.deepEqual(changes, ["AzVolume/pvc-1 absent→-", "AzVolume/pvc-1 -→1", "AzVolume/pvc-1 1→-"]);
      assert.equal(clock.elapsedMs(), 0);
    }),
  );

  it(
    "replaces a watch that reports nothing for too long",
    inWorld(async ({ cache, clock, handle, logged, writer, start }) => {
      start();
      await clock.settle();
      handle.holdWatches(true);
      await create(writer, "AzVolume", aVolume("pvc-1"));
      await clock.advance(29_000);
      assert.equal(logged.length, 0);
      await clock.advance(1_000);
      assert.ok(logged.includes("watch ended"));
      handle.holdWatches(false);
      await clock.advance(1_000);
      assert.deepEqual(cache.list("AzVolume").map(nameOf), ["pvc-1"]);
    }),
  );

  it(
    "retries for ever, at bounded intervals, and recovers when the store does",
    inWorld(async ({ cache, clock, handle, logged, writer, start }) => {
      handle.setReachable(false);
      start();
      await clock.advance(3_600_000);
      assert.equal(cache.hasSynced(), false);
      const tries = logged.length / 3;
      assert.ok(
        tries > 3_600_000 / 10_000 && tries < 3_600_000 / 4_000,
        `${tries} attempts a kind in an hour`,
      );
      await create(writer, "AzVolume", aVolume("pvc-1"));
      handle.setReachable(true);
      await clock.advance(10_000);
      assert.deepEqual([cache.hasSynced(), cache.list("AzVolume").map(nameOf)], [true, ["pvc-1"]]);
    }),
  );

  it(
    "keeps going when a listener throws",
    inWorld(async ({ cache, changes, clock, logged, writer, start }) => {
      cache.onChange(() => {
        throw new Error("listener");
      });
      start();
      await create(writer, "AzVolume", aVolume("pvc-1"));
      await create(writer, "AzVolume", aVolume("pvc-2"));
      await clock.settle();
      assert.deepEqual(changes, ["AzVolume/pvc-1 absent→-", "AzVolume/pvc-2 absent→-"]);
      assert.deepEqual(logged, ["cache listener threw: a bug", "cache listener threw: a bug"]);
    }),
  );

  it(
    "calls a listener no more once it is removed",
    inWorld(async ({ cache, clock, writer, start }) => {
      let told = 0;
      const off = cache.onChange(() => told++);
      start();
      await create(writer, "AzVolume", aVolume("pvc-1"));
      await clock.settle();
      off();
      await create(writer, "AzVolume", aVolume("pvc-2"));
      await clock.settle();
      assert.equal(told, 1);
    }),
  );

  it(
    "shows an own write at once, and no older state after it",
    inWorld(async ({ cache, changes, clock, handle, writer, start }) => {
      start();
      const made = await create(writer, "AzVolume", aVolume("pvc-1"));
      await clock.settle();
      handle.holdWatches(true);
      const first = await label(writer, made, "1");
      const second = await label(writer, first, "2");
      cache.remember("AzVolume", second);
      cache.remember("AzVolume", first);
      assert.deepEqual(cache.get("AzVolume", "pvc-1"), second);
      handle.holdWatches(false);
      await clock.settle();
      const third = await label(writer, second, "3");
      await clock.settle();
      cache.remember("AzVolume", second);
      assert.deepEqual(cache.get("AzVolume", "pvc-1"), third);
      assert.deepEqual(changes, ["AzVolume/pvc-1 absent→-", "AzVolume/pvc-1 -→2", "AzVolume/pvc-1 2→3"]);
    }),
  );

  it(
    "does not restore an object that was deleted after an own write",
    inWorld(async ({ cache, clock, writer, start }) => {
      start();
      await clock.settle();
      const made = await create(writer, "AzVolume", aVolume("pvc-1"));
      valueOf(await writer.delete("AzVolume", "pvc-1", {}, never));
      await clock.settle();
      cache.remember("AzVolume", made);
      assert.deepEqual(cache.list("AzVolume"), []);
    }),
  );

  describe("waiting", () => {
    it(
      "answers as soon as the object is as expected",
      inWorld(async ({ cache, clock, writer, start }) => {
        start();
        await clock.settle();
        const waiting = cache.waitFor(
          "AzVolume",
          "pvc-1",
          (volume) => volume?.metadata.labels?.["a"] === "1",
          60_000,
          never,
        );
        const made = await create(writer, "AzVolume", aVolume("pvc-1"));
        const labelled = await label(writer, made, "1");
        await clock.settle();
        assert.deepEqual(await waiting, labelled);
        assert.equal(clock.elapsedMs(), 0);
        assert.equal(
          await cache.waitUntil("AzVolume", "pvc-1", (volume) => volume !== undefined, 60_000, never),
          true,
        );
        const gone = cache.waitUntil("AzVolume", "pvc-1", (volume) => volume === undefined, 60_000, never);
        valueOf(await writer.delete("AzVolume", "pvc-1", {}, never));
        await clock.settle();
        assert.equal(await gone, true);
      }),
    );

    it(
      "does not treat an object as gone before it has listed",
      inWorld(async ({ cache, clock, writer, start }) => {
        await create(writer, "AzVolume", aVolume("pvc-1"));
        const isGone = cache.waitUntil("AzVolume", "pvc-1", (volume) => volume === undefined, 1_000, never);
        start();
        await clock.advance(1_000);
        assert.equal(await isGone, false);
      }),
    );

    it(
      "reports when the time is over",
      inWorld(async ({ cache, clock, start }) => {
        start();
        await clock.settle();
        const waits = Promise.all([
          cache.waitUntil("AzVolume", "pvc-1", (volume) => volume !== undefined, 1_000, never),
          cache.waitFor("AzVolume", "pvc-1", (volume) => volume !== undefined, 1_000, never),
        ]);
        await clock.advance(1_000);
        assert.deepEqual(await waits, [false, undefined]);
      }),
    );

    it(
      "rejects with the signal's reason, and with what the predicate throws",
      inWorld(async ({ cache, clock, writer, start }) => {
        start();
        await clock.settle();
        const caller = new AbortController();
        const aborted = cache.waitUntil(
          "AzVolume",
          "pvc-1",
          (volume) => volume !== undefined,
          1_000,
          caller.signal,
        );
        const thrown = cache.waitUntil(
          "AzVolume",
          "pvc-2",
          (volume) => {
            if (volume === undefined) return false;
            throw new Error("predicate");
          },
          1_000,
          never,
        );
        caller.abort(new Error("caller"));
        await assert.rejects(aborted, /caller/);
        await assert.rejects(
          cache.waitUntil("AzVolume", "pvc-1", () => true, 1_000, caller.signal),
          /caller/,
        );
        await Promise.all([
          assert.rejects(thrown, /predicate/),
          create(writer, "AzVolume", aVolume("pvc-2")),
        ]);
      }),
    );
  });

  describe("silence", () => {
    it(
      "measures how long an object is unchanged, on its own clock",
      inWorld(async ({ cache, clock, writer, start }) => {
        start();
        await clock.settle();
        assert.equal(cache.unchangedMs("AzDriverNode", "node-a"), undefined);
        const node = await create(writer, "AzDriverNode", {
          metadata: { name: "node-a" },
          spec: { nodeName: "node-a" },
        });
        await clock.advance(25_000);
        assert.deepEqual(
          [cache.unchangedMs("AzDriverNode", "node-a"), cache.watchedUnchangedMs("AzDriverNode", "node-a")],
          [25_000, 20_000],
        );
        assert.equal(cache.lastReportElapsedMs("AzDriverNode"), 20_000);
        valueOf(
          await writer.update(
            "AzDriverNode",
            { ...node, metadata: { ...node.metadata, labels: { a: "1" } } },
            never,
          ),
        );
        await clock.settle();
        assert.equal(cache.specUnchangedMs("AzDriverNode", "node-a"), 25_000, "a label asks for nothing");
        assert.deepEqual(
          [cache.unchangedMs("AzDriverNode", "node-a"), cache.watchedUnchangedMs("AzDriverNode", "node-a")],
          [0, 25_000],
        );
        clock.jumpWallClock(1e9);
        assert.equal(cache.unchangedMs("AzDriverNode", "node-a"), 0);
      }),
    );

    it(
      "treats only a node's heartbeat as a sign of life, not writes of controllers",
      inWorld(async ({ cache, clock, writer, start }) => {
        start();
        await create(writer, "AzDriverNode", { metadata: { name: "node-a" }, spec: { nodeName: "node-a" } });
        await clock.settle();
        const { status } = aDriverNode("node-a");
        assert.ok(status !== undefined);
        const write = async (next: typeof status): Promise<void> => {
          const present = valueOf(await writer.get("AzDriverNode", "node-a", never));
          valueOf(await writer.updateStatus("AzDriverNode", { ...present, status: next }, never));
          await clock.settle();
        };
        await write({ ...status, heartbeat: 1 });
        await clock.advance(12_000);
        await write({ ...status, heartbeat: 1, readyForVolumeAllocation: false });
        assert.equal(cache.watchedUnchangedMs("AzDriverNode", "node-a"), 12_000);
        await write({ ...status, heartbeat: 2 });
        assert.equal(cache.watchedUnchangedMs("AzDriverNode", "node-a"), 0);
      }),
    );

    it(
      "counts only watched time, and does not restart its count on a new list",
      inWorld(async ({ cache, clock, handle, store, writer, start }) => {
        start();
        await create(writer, "AzDriverNode", { metadata: { name: "node-a" }, spec: { nodeName: "node-a" } });
        await clock.settle();
        handle.setReachable(false);
        await clock.advance(3_600_000);
        assert.deepEqual(
          [cache.unchangedMs("AzDriverNode", "node-a"), cache.watchedUnchangedMs("AzDriverNode", "node-a")],
          [3_600_000, 0],
        );
        store.forgetHistory();
        handle.setReachable(true);
        await clock.advance(10_000);
        assert.equal(cache.unchangedMs("AzDriverNode", "node-a"), clock.elapsedMs());
        assert.ok((cache.watchedUnchangedMs("AzDriverNode", "node-a") ?? 0) <= 30_000);
      }),
    );

    it(
      "does not count time before an own write that the watch has not shown yet",
      inWorld(async ({ cache, clock, handle, writer, start }) => {
        start();
        const volume = await create(writer, "AzVolume", aVolume("pvc-1"));
        await clock.advance(19_000);
        handle.holdWatches(true);
        cache.remember("AzVolume", await label(writer, volume, "1"));
        assert.equal(cache.watchedUnchangedMs("AzVolume", "pvc-1"), 0);
        handle.holdWatches(false);
        await clock.advance(11_000);
        // The last bookmark came ten seconds after the write.
        assert.equal(cache.watchedUnchangedMs("AzVolume", "pvc-1"), 10_000);
      }),
    );
  });

  for (let seed = 1; seed <= 12; seed++) {
    it(
      `ends up with the true state after random faults (seed ${seed})`,
      inWorld(async ({ cache, clock, handle, store, start }) => {
        const random = createSeededRandom(`storm-${seed}`);
        const writer = store.handle("storm");
        handle.setWeather({
          callDelayMs: [0, 500],
          watchDelayMs: [0, 2_000],
          unavailable: 0.3,
          lostAnswer: 0.1,
          watchBroken: 0.2,
          watchGone: 0.2,
        });
        const told = new Map<string, KindMap["AzVolume"] | undefined>();
        cache.onChange((change) => {
          if (change.kind !== "AzVolume") return;
          assert.deepEqual(told.get(change.name), change.previous);
          told.set(change.name, change.current);
        });
        start();
        for (let step = 0; step < 150; step++) {
          const name = `pvc-${Math.floor(random.next() * 6)}`;
          const read = await writer.get("AzVolume", name, never);
          if (!read.ok) await create(writer, "AzVolume", aVolume(name));
          else if (random.next() < 0.3) valueOf(await writer.delete("AzVolume", name, {}, never));
          else cache.remember("AzVolume", await label(writer, read.value, String(step)));
          if (random.next() < 0.05) store.forgetHistory();
          await clock.advance(random.next() * 1_000);
        }
        handle.setWeather({
          callDelayMs: [0, 0],
          watchDelayMs: [0, 0],
          unavailable: 0,
          lostAnswer: 0,
          watchBroken: 0,
          watchGone: 0,
        });
        await clock.advance(60_000);
        assert.deepEqual(cache.list("AzVolume"), store.objects("AzVolume"));
        assert.deepEqual(
          [...told.values()].filter((volume) => volume !== undefined).length,
          cache.list("AzVolume").length,
        );
      }, seed),
    );
  }
});

function aVolume(name: string): NewObject<"AzVolume"> {
  return {
    metadata: { name },
    spec: {
      volumeName: name,
      capabilities: [{ accessMode: "SINGLE_NODE_WRITER", accessType: "mount" }],
      disk: { skuName: "Premium_LRS", sizeGiB: 1, maxShares: 1, tags: {} },
      maxMountReplicaCount: 0,
      volumeContext: {},
      deleteRequested: false,
    },
  };
}

function anAttachment(volumeName: string, nodeName: string): NewObject<"AzVolumeAttachment"> {
  const volumeId = `/disks/${volumeName}`;
  const name = attachmentObjectName({ diskUri: volumeId, nodeName });
  return {
    metadata: { name },
    spec: { volumeName, volumeId, nodeName, role: "Replica", readOnly: false, volumeContext: {} },
  };
}

function statusWithDisk(diskUri: string): NonNullable<KindMap["AzVolume"]["status"]> {
  const detail = {
    diskUri,
    sizeGiB: 1,
    maxShares: 1,
    skuName: "Premium_LRS",
    location: "westeurope",
    zones: [],
  };
  return { state: "Created", observedGeneration: 1, conditions: [], detail };
}

async function create<K extends Kind>(
  writer: SimulatedHandle,
  kind: K,
  object: NewObject<K>,
): Promise<KindMap[K]> {
  return valueOf(await writer.create(kind, object, never));
}

async function label(
  writer: SimulatedHandle,
  volume: KindMap["AzVolume"],
  value: string,
): Promise<KindMap["AzVolume"]> {
  return valueOf(
    await writer.update(
      "AzVolume",
      { ...volume, metadata: { ...volume.metadata, labels: { a: value } } },
      never,
    ),
  );
}

function nameOf(object: KindMap[Kind]): string {
  return object.metadata.name;
}

function describeChange(change: ObjectChange): string {
  const state = (object: KindMap[Kind] | undefined): string =>
    object === undefined ? "absent" : (object.metadata.labels?.["a"] ?? "-");
  return `${change.kind}/${change.name} ${state(change.previous)}→${state(change.current)}`;
}

function loggerInto(lines: string[]): Logger {
  const logger: Logger = {
    debug: () => undefined,
    info: (message) => lines.push(message),
    warn: (message) => lines.push(message),
    error: (message) => lines.push(message),
    child: () => logger,
  };
  return logger;
}
