import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Result } from "../../core/failure/result.ts";
import { valueOf } from "../../core/testing/value-of.ts";
import { WatchBroken, WatchGone } from "../../ports/store/object-store.ts";
import type { KindMap, ObjectStore } from "../../ports/store/object-store.ts";
import { createSeededRandom } from "../virtual/seeded-random.ts";
import { createVirtualClock } from "../virtual/virtual-clock.ts";
import type { VirtualClock } from "../virtual/virtual-clock.ts";
import { createSimulatedStore } from "./simulated-store.ts";
import type { AdmittedWrite, SimulatedCommit, SimulatedStore, WriteGuard } from "./simulated-store.ts";
import type { Weather } from "./weather.ts";

const never = new AbortController().signal;

function aWorld(
  options: {
    readonly seed?: number;
    readonly weather?: Partial<Weather>;
    readonly historyMax?: number;
    readonly guard?: WriteGuard;
  } = {},
): {
  readonly clock: VirtualClock;
  readonly store: SimulatedStore;
} {
  const clock = createVirtualClock();
  return {
    clock,
    store: createSimulatedStore({ clock, random: createSeededRandom(options.seed ?? 1), ...options }),
  };
}

describe("createSimulatedStore", () => {
  it("takes the weather's time, and has its effect at either end of the call", async () => {
    const effectsAtMs = new Set<number>();
    for (let seed = 1; seed <= 10; seed++) {
      const { clock, store } = aWorld({ seed, weather: { callDelayMs: [100, 100] } });
      const creating = createNode(store.handle("a"), "node-a").then(() => clock.elapsedMs());
      assert.equal(await clock.runUntil(() => store.objects("AzDriverNode").length === 1, 100), true);
      effectsAtMs.add(clock.elapsedMs());
      await clock.advance(100 - clock.elapsedMs());
      assert.equal(await creating, 100);
    }
    assert.deepEqual(
      [...effectsAtMs].toSorted((left, right) => left - right),
      [0, 100],
    );
  });

  it("delivers events late, in order, for as long as the weather says", async () => {
    const { clock, store } = aWorld();
    const late = store.handle("late");
    late.setWeather({ watchDelayMs: [1_000, 5_000] });
    const watched = namesWatchedBy(late);
    for (let index = 0; index < 20; index++) await createNode(store.handle("writer"), `node-${index}`);
    await clock.advance(999);
    assert.deepEqual(watched.names, []);
    await clock.advance(4_001);
    assert.deepEqual(
      watched.names,
      Array.from({ length: 20 }, (_, index) => `node-${index}`),
    );
    await watched.stop();
  });

  it("refuses creations and updates of some kinds, and no read or deletion", async () => {
    const { store } = aWorld();
    const handle = store.handle("a");
    const made = await createNode(handle, "node-a");
    const relabelled = { ...made, metadata: { ...made.metadata, labels: { a: "1" } } };
    handle.setWeather({ refusedKinds: ["AzDriverNode"] });
    for (const verb of ["update", "updateStatus"] as const) {
      const refused = await handle[verb]("AzDriverNode", relabelled, never);
      assert.equal(refused.ok ? "ok" : refused.failure.kind, "StoreUnavailable", verb);
    }
    assert.deepEqual(valueOf(await handle.get("AzDriverNode", "node-a", never)), made);
    valueOf(await handle.delete("AzDriverNode", "node-a", {}, never));
    await assert.rejects(createNode(handle, "node-a"), /the request was lost/u);
    handle.setWeather({ refusedKinds: ["AzVolume"] });
    await createNode(handle, "node-a");
  });

  it("makes planned faults happen once, to matching calls", async () => {
    const { store } = aWorld();
    const handle = store.handle("a");
    const made = await createNode(handle, "node-a");
    for (const fault of ["unavailable", "lostAnswer", "conflict"] as const)
      handle.failNext({ fault, verb: "update", kind: "AzDriverNode" });
    const kinds: string[] = [];
    for (const value of ["1", "2", "3"]) {
      const read = valueOf(await handle.get("AzDriverNode", "node-a", never));
      const failed = await handle.update(
        "AzDriverNode",
        { ...read, metadata: { ...read.metadata, labels: { a: value } } },
        never,
      );
      const label = valueOf(await store.handle("b").get("AzDriverNode", "node-a", never)).metadata.labels?.[
        "a"
      ];
      kinds.push(`${failed.ok ? "ok" : failed.failure.kind} and the label is ${label ?? "as it was"}`);
    }
    assert.deepEqual(kinds, [
      "StoreUnavailable and the label is as it was",
      "StoreUnavailable and the label is 2",
      "ObjectConflict and the label is 2",
    ]);
    assert.notEqual(
      valueOf(await handle.get("AzDriverNode", "node-a", never)).metadata.resourceVersion,
      made.metadata.resourceVersion,
    );
  });

  it("carries out a call late on request, on the objects of that time", async () => {
    const { clock, store } = aWorld();
    const [slow, other] = [store.handle("slow"), store.handle("other")];
    await createNode(other, "node-a");
    slow.failNext({ fault: "late", lateMs: 1_000, verb: "delete", kind: "AzDriverNode" });
    const deleting = slow.delete("AzDriverNode", "node-a", {}, never);
    await clock.advance(900);
    valueOf(await other.delete("AzDriverNode", "node-a", {}, never));
    await createNode(other, "node-a");
    await clock.advance(200);
    assert.deepEqual([(await deleting).ok, store.objects("AzDriverNode")], [true, []]);
  });

  it("disconnects one handle and leaves the others alone", async () => {
    const { store } = aWorld();
    const [cut, other] = [store.handle("cut"), store.handle("other")];
    const watched = namesWatchedBy(cut);
    cut.setReachable(false);
    await assert.rejects(watched.ended, WatchBroken);
    assert.deepEqual(await cut.get("AzDriverNode", "node-a", never), {
      ok: false,
      failure: { kind: "StoreUnavailable", detail: "the request was lost between cut and the store" },
    });
    await createNode(other, "node-a");
    cut.setReachable(true);
    assert.equal((await cut.get("AzDriverNode", "node-a", never)).ok, true);
  });

  it("holds watch events back, breaks watches, and reports them gone, on request", async () => {
    const { clock, store } = aWorld();
    const handle = store.handle("a");
    const watched = namesWatchedBy(handle);
    handle.holdWatches(true);
    await createNode(handle, "node-a");
    await clock.advance(100_000);
    assert.deepEqual(watched.names, []);
    handle.holdWatches(false);
    await clock.settle();
    assert.deepEqual(watched.names, ["node-a"]);
    handle.breakWatches();
    await assert.rejects(watched.ended, WatchBroken);
    handle.setWeather({ watchGone: 1 });
    await assert.rejects(namesWatchedBy(handle).ended, WatchGone);
    handle.setWeather({ watchGone: 0, watchBroken: 1 });
    await assert.rejects(namesWatchedBy(handle).ended, WatchBroken);
  });

  it("repeats an event once on request, after its delay and before all others", async () => {
    const { clock, store } = aWorld();
    const handle = store.handle("a");
    handle.setWeather({ watchRepeated: 1, watchDelayMs: [1_000, 1_000] });
    const events: string[] = [];
    const controller = new AbortController();
    const ended = (async () => {
      for await (const event of handle.watch("AzDriverNode", {}, "1", controller.signal)) {
        const about =
          event.type === "BOOKMARK"
            ? event.resourceVersion
            : `${event.object.metadata.name} @${event.object.metadata.resourceVersion}`;
        events.push(`${clock.elapsedMs()} ${event.type} ${about}`);
      }
    })();
    const made = await createNode(store.handle("writer"), "node-a");
    valueOf(
      await store
        .handle("writer")
        .update("AzDriverNode", { ...made, metadata: { ...made.metadata, labels: { a: "1" } } }, never),
    );
    valueOf(await store.handle("writer").delete("AzDriverNode", "node-a", {}, never));
    await clock.advance(1_500);
    handle.holdWatches(true);
    await clock.advance(5_000);
    handle.holdWatches(false);
    await clock.advance(12_000);
    controller.abort();
    await ended;
    assert.deepEqual(events, [
      "1000 ADDED node-a @2",
      "6500 ADDED node-a @2",
      "6500 MODIFIED node-a @3",
      "7500 MODIFIED node-a @3",
      "7500 DELETED node-a @4",
      "8500 DELETED node-a @4",
      "17500 BOOKMARK 4",
      "18500 BOOKMARK 4",
    ]);
  });

  it("draws no random numbers in fair weather, so that old seeds keep their runs", async () => {
    const clock = createVirtualClock();
    const seeded = createSeededRandom(1);
    const random = { ...seeded, next: () => assert.fail("it drew a number") };
    const store = createSimulatedStore({ clock, random });
    const watched = namesWatchedBy(store.handle("a"));
    await createNode(store.handle("a"), "node-a");
    await clock.advance(30_000);
    await watched.stop();
    assert.deepEqual(watched.names, ["node-a"]);
  });

  it("drops what is older than its history", async () => {
    const { store } = aWorld({ historyMax: 3 });
    for (let index = 0; index < 4; index++) await createNode(store.handle("a"), `node-${index}`);
    await assert.rejects(namesWatchedBy(store.handle("a")).ended, WatchGone);
  });

  it("reports each commit with both states, the handle and the time", async () => {
    const { clock, store } = aWorld();
    const commits: SimulatedCommit[] = [];
    const off = store.onCommit((commit) => commits.push(commit));
    const made = await createNode(store.handle("a"), "node-a");
    await clock.advance(5);
    valueOf(await store.handle("b").delete("AzDriverNode", "node-a", {}, never));
    await store.handle("b").delete("AzDriverNode", "node-a", {}, never);
    off();
    await createNode(store.handle("a"), "node-b");
    const about = { kind: "AzDriverNode", name: "node-a" } as const;
    assert.deepEqual(commits, [
      { by: "a", verb: "create", ...about, before: undefined, after: made, resourceVersion: "2", atMs: 0 },
      { by: "b", verb: "delete", ...about, before: made, after: undefined, resourceVersion: "3", atMs: 5 },
    ]);
  });

  it("asks admission where an API server does: last, but before the name check", async () => {
    const asked: string[] = [];
    const guard = {
      forbids: (by: string, { verb }: Pick<AdmittedWrite, "verb">) =>
        by === "node" && verb === "delete" ? "no right" : undefined,
      refuses: (by: string, { verb }: AdmittedWrite) => {
        if (by === "node") asked.push(verb);
        return by === "node" ? { message: "not yours" } : undefined;
      },
    };
    const { store } = aWorld({ guard });
    const [admin, node] = [store.handle("admin"), store.handle("node")];
    const made = await createNode(admin, "node-a");
    const { metadata, spec } = made;
    const newer = valueOf(
      await admin.update("AzDriverNode", { ...made, metadata: { ...metadata, labels: { a: "1" } } }, never),
    );
    const gone = { ...made, metadata: { ...metadata, name: "node-b" } };
    const kindOf = async (written: Promise<Result<unknown>>): Promise<string> => {
      const result = await written;
      return result.ok ? "ok" : result.failure.kind;
    };
    assert.deepEqual(
      [
        await kindOf(node.delete("AzDriverNode", "node-b", {}, never)),
        await kindOf(node.update("AzDriverNode", gone, never)),
        await kindOf(node.updateStatus("AzDriverNode", gone, never)),
        await kindOf(node.updateStatus("AzDriverNode", made, never)),
        await kindOf(
          node.update("AzDriverNode", { ...newer, metadata: { ...newer.metadata, uid: "another" } }, never),
        ),
      ],
      ["StoreUnavailable", "ObjectNotFound", "ObjectNotFound", "ObjectConflict", "ObjectConflict"],
    );
    assert.deepEqual(asked, []);
    const denied = {
      ok: false,
      failure: {
        kind: "ObjectInvalid",
        objectKind: "AzDriverNode",
        name: "node-a",
        problem: "denied request: not yours",
      },
    };
    assert.deepEqual(await node.update("AzDriverNode", newer, never), denied);
    assert.deepEqual(
      await node.create("AzDriverNode", { metadata: { name: "node-a" }, spec }, never),
      denied,
    );
    assert.deepEqual(asked, ["update", "create"]);
    assert.deepEqual(store.objects("AzDriverNode"), [newer]);
  });

  it("returns objects that can't be written to", async () => {
    const { store } = aWorld();
    const made = await createNode(store.handle("a"), "node-a");
    assert.throws(() => Object.assign(made.spec, { nodeName: "other" }), TypeError);
  });

  it("gives the same history for the same seed, and another for another", async () => {
    assert.deepEqual(await stormyHistory(1), await stormyHistory(1));
    assert.notDeepEqual(await stormyHistory(1), await stormyHistory(2));
  });
});

async function stormyHistory(seed: number): Promise<readonly string[]> {
  const { clock, store } = aWorld({
    seed,
    weather: {
      callDelayMs: [0, 50],
      watchDelayMs: [0, 500],
      unavailable: 0.1,
      lostAnswer: 0.1,
      conflict: 0.1,
      watchBroken: 0.05,
    },
  });
  const history: string[] = [];
  store.onCommit((commit) =>
    history.push(
      `${commit.atMs} ${commit.by} ${commit.verb} ${commit.name} ${commit.after?.metadata.uid ?? "-"}`,
    ),
  );
  const done = Promise.all(
    ["a", "b", "c"].map(async (name) => {
      const handle = store.handle(name);
      for (let step = 0; step < 30; step++) {
        await handle.create(
          "AzDriverNode",
          { metadata: { name: `node-${step % 5}` }, spec: { nodeName: `node-${step % 5}` } },
          never,
        );
        if (step % 4 === 0) await handle.delete("AzDriverNode", `node-${step % 5}`, {}, never);
      }
    }),
  );
  await clock.advance(60_000);
  await done;
  return history;
}

/** Collects the names that a watch from the store's birth reports. */
function namesWatchedBy(store: ObjectStore): {
  readonly names: readonly string[];
  readonly ended: Promise<void>;
  readonly stop: () => Promise<void>;
} {
  const names: string[] = [];
  const controller = new AbortController();
  const ended = (async () => {
    for await (const event of store.watch("AzDriverNode", {}, "1", controller.signal))
      if (event.type !== "BOOKMARK") names.push(event.object.metadata.name);
  })();
  return {
    names,
    ended,
    stop: () => {
      controller.abort();
      return ended;
    },
  };
}

async function createNode(store: ObjectStore, name: string): Promise<KindMap["AzDriverNode"]> {
  return valueOf(await store.create("AzDriverNode", { metadata: { name }, spec: { nodeName: name } }, never));
}
