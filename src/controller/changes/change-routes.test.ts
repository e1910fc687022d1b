import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AttachmentStatus, AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume, VolumeStatus } from "../../core/api/az-volume.ts";
import { nodeLabel } from "../../core/api/node-labels.ts";
import { attachmentObjectName } from "../../core/api/object-names.ts";
import { withUnmarked } from "../../core/rollback/attachments-unmarked.ts";
import {
  aDetail,
  aDiskSpec,
  anAttachment,
  aRecord,
  aReplica,
  attachmentName,
  aVolume,
  aVolumeWithRecord,
  aWriter,
  diskUri,
  identity,
  leaving,
} from "../../core/testing/objects.ts";
import { WorkQueue } from "../../runtime/queue/work-queue.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { type ChangeRoutes, createChangeRoutes } from "./change-routes.ts";
import { ONLY_KEY } from "./wakers.ts";

type Loops = Parameters<typeof createChangeRoutes>[1];
type LoopName = keyof Loops;

type AttachmentState = AttachmentStatus["state"];

const NAMES = [
  "volume",
  "placement",
  "askAzure",
  "disk",
  "tags",
  "attachment",
  "mountEvents",
  "fence",
  "barrier",
  "rebuild",
  "readVms",
  "driverNode",
  "orphans",
  "diskLimit",
  "stoppedNodes",
  "returnedNodes",
  "recovery",
  "requests",
  "resync",
] as const satisfies readonly LoopName[];
const backoff = { baseMs: 1_000, maxMs: 1_000 };

/** The keys that are ready, by loop. */
type Queued = { readonly [N in LoopName]?: readonly string[] };

/** Routes to queues that no loop works on. */
interface RoutesWorld extends ReconcileWorld {
  readonly routes: ChangeRoutes;
  readonly changedNodes: Set<string>;
  /** Takes what is ready. */
  taken(): Promise<Queued>;
  readonly attachmentQueue: WorkQueue;
  /** A change of a node that its plans read. */
  change(nodeName: string): void;
}

function withRoutes(act: (world: RoutesWorld) => Promise<void>): Promise<void> {
  return withControllerPorts((world) => {
    const queues = new Map(NAMES.map((name) => [name, new WorkQueue(world.ports, backoff)]));
    const attachmentQueue = queues.get("attachment") ?? assert.fail("no queue of attachments");
    const loops = Object.fromEntries(NAMES.map((name) => [name, { queue: queues.get(name) }])) as Loops;
    const changedNodes = new Set<string>();
    const routes = createChangeRoutes(world.ports, loops, changedNodes);
    const taken = async (): Promise<Queued> => {
      const keys: { [N in LoopName]?: string[] } = {};
      for (const [name, queue] of queues)
        for (let key = await nextReady(queue); key !== undefined; key = await nextReady(queue))
          (keys[name] ??= []).push(key);
      return keys;
    };
    const change = (name: string): void => {
      const current = aDriverNode(name, { readyForVolumeAllocation: false });
      routes.onChange({ kind: "AzDriverNode", name, previous: aDriverNode(name), current });
    };
    return act(Object.assign(world, { routes, changedNodes, taken, attachmentQueue, change }));
  });
}

/** The next key that is ready; undefined: none is. */
async function nextReady(queue: WorkQueue): Promise<string | undefined> {
  const stop = new AbortController();
  let next: string | undefined;
  const taken = queue.take(stop.signal).then(
    (key) => {
      next = key;
      queue.done(key);
    },
    () => assert.ok(stop.signal.aborted),
  );
  stop.abort();
  await taken;
  return next;
}

it("plans at once only what names a changed node, and everything else later, once", () =>
  withRoutes(async ({ given, clock, change, taken }) => {
    const other = "/subscriptions/sub-1/resourceGroups/rg-1/providers/Microsoft.Compute/disks/pvc-2";
    const [onA, onC] = [aWriter("node-a"), aWriter("node-c")];
    await given("AzVolume", aVolumeWithRecord({ writer: onA }));
    await given("AzVolumeAttachment", anAttachment("node-a"));
    await given(
      "AzVolume",
      aVolume({
        metadata: { name: "pvc-2", uid: "uid-pvc-2" },
        status: { detail: { ...aDetail(), diskUri: other }, record: aRecord({ writer: onC }) },
      }),
    );
    for (const name of ["node-a", "node-b"]) change(name);
    assert.deepEqual(await taken(), {
      volume: ["pvc-1"],
      disk: ["pvc-1"],
      tags: ["pvc-1"],
      attachment: [attachmentName("node-a")],
      rebuild: [ONLY_KEY],
      diskLimit: ["node-a", "node-b"],
    });
    await clock.advance(4_999);
    assert.deepEqual(await taken(), { placement: [ONLY_KEY] });
    await clock.advance(1);
    assert.deepEqual(await taken(), { resync: [ONLY_KEY] });
  }));

it("plans only the volume of a VolumeAttachment that begins or ends, if it is known", () =>
  withRoutes(async ({ given, routes, taken }) => {
    const disks = ["pvc-1", "pvc-2", "pvc-3"].map((name) => diskUri.replace("pvc-1", name));
    for (const [index, uri] of disks.entries()) {
      const name = `pvc-${index + 1}`;
      const attachment = anAttachment("node-a");
      const { status } = aVolumeWithRecord({ writer: aWriter("node-a") });
      await given(
        "AzVolume",
        aVolume({
          metadata: { name, uid: `uid-${name}` },
          status: { ...status, detail: { ...aDetail(), diskUri: uri } },
        }),
      );
      // A record names the third one's writer, who has no attachment any more.
      if (name !== "pvc-3")
        await given("AzVolumeAttachment", {
          ...attachment,
          metadata: {
            ...attachment.metadata,
            name: attachmentObjectName({ diskUri: uri, nodeName: "node-a" }),
          },
          spec: { ...attachment.spec, volumeName: name, volumeId: uri },
        });
    }
    const woken = async (disk: string | undefined): Promise<readonly string[] | undefined> => {
      routes.onAttachment("node-a", disk);
      return (await taken()).volume;
    };
    assert.deepEqual(await woken(disks[1]?.toUpperCase()), ["pvc-2"]);
    assert.deepEqual(await woken(disks[2]), ["pvc-3"]);
    assert.deepEqual(await woken(undefined), ["pvc-1", "pvc-2", "pvc-3"]);
  }));

it("looks again at an attachment of a lost volume once another one has its disk", () =>
  withRoutes(async ({ given, routes, taken }) => {
    const current = aVolumeWithRecord({ writer: aWriter("node-a") });
    const orphan = anAttachment("node-b");
    await given("AzVolumeAttachment", { ...orphan, spec: { ...orphan.spec, volumeName: "never-was" } });
    await taken();
    routes.onChange({ kind: "AzVolume", name: "pvc-1", previous: undefined, current });
    assert.deepEqual((await taken()).attachment, [orphan.metadata.name]);
  }));

it("marks the attachments of a volume again once it is kept from its nodes", () =>
  withRoutes(async ({ routes, taken }) => {
    const given = aVolume();
    const kept = withUnmarked(given, { because: "refused", incarnation: 2, nowMs: 0 }) ?? assert.fail();
    const wakes = async (previous: AzVolume, current: AzVolume): Promise<readonly unknown[]> => {
      routes.onChange({ kind: "AzVolume", name: "pvc-1", previous, current });
      const { rebuild, disk } = await taken();
      return [rebuild, disk];
    };
    assert.deepEqual(await wakes(given, kept), [[ONLY_KEY], ["pvc-1"]]);
    // One that a person has deleted may go now.
    assert.deepEqual(await wakes(kept, given), [undefined, ["pvc-1"]]);
  }));

describe("what a node states of its mount", () => {
  const dead = { reason: "MountDead", epoch: 1, since: "", detail: "its device is gone" } as const;
  const stated = anAttachment("node-a", { status: { mountProblems: [dead] } });
  const own = attachmentName("node-a");

  it("wakes what shows it, and nothing that fences, detaches or asks Azure", () =>
    withRoutes(async ({ routes, taken }) => {
      const wakes = async (previous: AzVolumeAttachment, current: AzVolumeAttachment): Promise<Queued> => {
        routes.onChange({ kind: "AzVolumeAttachment", name: own, previous, current });
        return taken();
      };
      const shows = { volume: ["pvc-1"], mountEvents: [own] };
      assert.deepEqual(await wakes(anAttachment("node-a"), stated), shows);
      assert.deepEqual(await wakes(stated, anAttachment("node-a", { status: { mountProblems: [] } })), shows);
      const shown = [{ reason: "MountDead", epoch: 1, since: "", time: "" }] as const;
      const withShown = anAttachment("node-a", {
        status: { mountProblems: [dead], mountProblemsShown: shown },
      });
      assert.deepEqual(await wakes(stated, withShown), {}, "the leader's own write");
    }));

  it("is shown once its node holds the volume, and looked at by the resync", () =>
    withRoutes(async ({ given, routes, taken }) => {
      await given("AzVolumeAttachment", stated);
      await given("AzVolumeAttachment", anAttachment("node-b"));
      const previous = aVolumeWithRecord({ writer: aWriter("node-a", { held: false }) });
      const current = aVolumeWithRecord({ writer: aWriter("node-a") });
      routes.onChange({ kind: "AzVolume", name: "pvc-1", previous, current });
      assert.deepEqual((await taken()).mountEvents, [own]);
      await given("AzVolume", current);
      routes.addEverything();
      assert.deepEqual((await taken()).mountEvents, [own]);
    }));
});

describe("a node's report", () => {
  const rows = [
    { because: "only the heartbeat is another", status: { heartbeat: 2 }, isMore: false },
    {
      because: "a checkpoint is new, which only rebuilds read",
      status: { volumes: [{ volumeName: "pvc-1", uid: "uid-pvc-1", epoch: 1 }] },
      isMore: false,
    },
    { because: "the VM was replaced", status: { vmId: "another" }, isMore: true },
    {
      because: "the VM has moved to another resource id",
      status: { instanceUri: identity("node-b").instanceUri },
      isMore: true,
    },
  ];
  for (const { because, status, isMore } of rows)
    it(`${isMore ? "wakes the loops that plan for it" : "wakes nothing"}: ${because}`, () =>
      withRoutes(async ({ given, routes, taken }) => {
        await given("AzVolumeAttachment", anAttachment("node-a"));
        const previous = aDriverNode("node-a");
        const current = aDriverNode("node-a", status);
        routes.onChange({ kind: "AzDriverNode", name: "node-a", previous, current });
        const { attachment, diskLimit } = await taken();
        assert.deepEqual(
          { attachment, diskLimit },
          isMore
            ? { attachment: [attachmentName("node-a")], diskLimit: ["node-a"] }
            : { attachment: undefined, diskLimit: undefined },
        );
      }));
});

describe("a change of a volume", () => {
  const volume = (
    spec: Partial<AzVolume["spec"]>,
    generation: number,
    state: VolumeStatus["state"] = "Created",
  ): AzVolume => {
    const given = aVolume({ spec, status: { state } });
    return { ...given, metadata: { ...given.metadata, generation } };
  };
  const recentSnapshots = [{ snapshotUri: "snapshot-1", time: "2026-01-01T00:00:00Z" }];
  const sentGrowth = { sizeGiB: 20, time: "2026-01-01T00:00:00Z" };
  const modification = { skuName: "PremiumV2_LRS" } as const;
  const rows = [
    { because: "a snapshot is noted", next: volume({ recentSnapshots }, 2), isMore: false },
    { because: "a group of snapshots is noted", next: volume({ snapshotGroups: ["rg"] }, 2), isMore: false },
    { because: "a growth is noted", next: aVolume({ status: { sentGrowth } }), isMore: false },
    { because: "a size is requested", next: volume({ disk: aDiskSpec({ sizeGiB: 20 }) }, 2), isMore: true },
    {
      because: "a modification is requested again, and no change was seen in between",
      previous: volume({ modification }, 1),
      next: volume({ modification }, 3),
      isMore: true,
    },
    ...(["DeletionFailed", "CreationFailed"] as const).map((state) => ({
      because: `a note is removed where another spec is another try: ${state}`,
      previous: volume({ recentSnapshots }, 1, state),
      next: volume({}, 2, state),
      isMore: true,
    })),
  ];
  for (const { because, previous = volume({}, 1), next, isMore } of rows)
    it(`wakes ${isMore ? "the loops that plan for it" : "nothing"}: ${because}`, () =>
      withRoutes(async ({ given, routes, taken }) => {
        await given("AzVolumeAttachment", anAttachment("node-a"));
        routes.onChange({ kind: "AzVolume", name: "pvc-1", previous, current: next });
        const { volume: planned, disk, attachment } = await taken();
        const woken = { planned: ["pvc-1"], disk: ["pvc-1"], attachment: [attachmentName("node-a")] };
        const nothing = { planned: undefined, disk: undefined, attachment: undefined };
        assert.deepEqual({ planned, disk, attachment }, isMore ? woken : nothing);
      }));
});

describe("a node's label of a volume", () => {
  const labelled = (...nodeNames: readonly string[]): AzVolume => {
    const volume = aVolume();
    const labels = Object.fromEntries(nodeNames.map((nodeName) => [nodeLabel(nodeName), ""]));
    return { ...volume, metadata: { ...volume.metadata, labels } };
  };
  const { metadata, ...unlabelled } = aVolume();
  const changed = { ...unlabelled, metadata: { ...metadata, labels: { [nodeLabel("node-a")]: "mine" } } };
  for (const { because, previous, next, isLost } of [
    { because: "it is added", previous: labelled(), next: labelled("node-a"), isLost: false },
    { because: "it is removed", previous: labelled("node-a"), next: labelled(), isLost: true },
    { because: "it has a value", previous: labelled("node-a"), next: changed, isLost: true },
  ])
    it(`wakes ${isLost ? "the volume's loop alone" : "nothing"}: ${because}`, () =>
      withRoutes(async ({ given, routes, taken }) => {
        await given("AzVolumeAttachment", anAttachment("node-a"));
        routes.onChange({ kind: "AzVolume", name: "pvc-1", previous, current: next });
        const { volume, disk, attachment } = await taken();
        assert.deepEqual(
          { volume, disk, attachment },
          { volume: isLost ? ["pvc-1"] : undefined, disk: undefined, attachment: undefined },
        );
      }));
});

describe("the comparison with Azure after an attachment is gone", () => {
  const inState = (state: AttachmentState): AzVolumeAttachment =>
    anAttachment("node-a", { status: { state } });
  const rows = [
    { because: "it was attached", previous: inState("Attached"), isDue: true },
    { because: "a rollback has marked its detach", previous: inState("Detaching"), isDue: true },
    { because: "that detach has failed", previous: inState("DetachmentFailed"), isDue: true },
    { because: "it was detached", previous: leaving(inState("Detaching")), isDue: false },
    { because: "it was never begun", previous: inState("Pending"), isDue: false },
  ];
  for (const { because, previous, isDue } of rows)
    it(`is ${isDue ? "" : "not "}due: ${because}`, () =>
      withRoutes(async ({ routes, taken, clock }) => {
        const { name } = previous.metadata;
        routes.onChange({ kind: "AzVolumeAttachment", name, previous, current: undefined });
        await clock.advance(10_000);
        assert.deepEqual((await taken()).recovery, isDue ? [ONLY_KEY] : undefined);
      }));
});

describe("the loop of an attachment that is being deleted", () => {
  const name = attachmentName("node-a");
  const deleted = (state: AttachmentState, attempt?: string): AzVolumeAttachment =>
    leaving(anAttachment("node-a", { status: { state, ...(attempt === undefined ? {} : { attempt }) } }));
  const attached = deleted("Attached");
  const marked = deleted("Detaching", "mark-1");
  const rows = [
    { because: "a detach is marked, perhaps late", previous: attached, current: marked, isWoken: true },
    {
      because: "a detach is marked again",
      previous: deleted("DetachmentFailed", "mark-1"),
      current: deleted("Detaching", "mark-2"),
      isWoken: false,
    },
    {
      because: "a detach has failed",
      previous: marked,
      current: deleted("DetachmentFailed", "mark-1"),
      isWoken: false,
    },
    {
      because: "an attach has failed",
      previous: deleted("Attaching", "attach-1"),
      current: deleted("AttachmentFailed", "attach-1"),
      isWoken: false,
    },
  ];
  for (const { because, isWoken, ...change } of rows)
    it(`is ${isWoken ? "" : "not "}woken: ${because}`, () =>
      withRoutes(async ({ routes, taken }) => {
        routes.onChange({ kind: "AzVolumeAttachment", name, ...change });
        assert.deepEqual((await taken()).attachment, isWoken ? [name] : undefined);
      }));

  it("is not woken by its own mark, during its pass or before its next try", () =>
    withRoutes(async ({ routes, taken, clock, attachmentQueue }) => {
      const mark = (): void =>
        routes.onChange({ kind: "AzVolumeAttachment", name, previous: attached, current: marked });
      attachmentQueue.add(name);
      assert.equal(await attachmentQueue.take(new AbortController().signal), name);
      mark();
      attachmentQueue.done(name);
      assert.equal((await taken()).attachment, undefined);
      attachmentQueue.addFailed(name);
      mark();
      assert.equal((await taken()).attachment, undefined);
      await clock.advance(backoff.maxMs);
      assert.deepEqual((await taken()).attachment, [name]);
    }));
});

describe("a search for volumes that a node could take", () => {
  const freed = anAttachment("node-a");
  const rows: readonly {
    readonly because: string;
    readonly act: (world: RoutesWorld) => void;
    readonly changed: readonly string[];
  }[] = [
    {
      because: "many AzDriverNodes change",
      act: ({ change }) => ["node-a", "node-b", "node-c"].forEach(change),
      changed: ["node-a", "node-b", "node-c"],
    },
    {
      because: "many Nodes change",
      act: ({ routes }) => ["node-a", "node-b"].forEach((name) => routes.onNode(name, "node")),
      changed: ["node-a", "node-b"],
    },
    {
      because: "a slot is free again",
      act: ({ routes }) =>
        routes.onChange({
          kind: "AzVolumeAttachment",
          name: freed.metadata.name,
          previous: freed,
          current: undefined,
        }),
      changed: ["node-a"],
    },
    {
      because: "a node has shown itself clean",
      act: ({ routes }) =>
        routes.onChange({
          kind: "AzVolume",
          name: "pvc-2",
          previous: aVolumeWithRecord({ quarantined: [identity("node-a")] }),
          current: aVolumeWithRecord({}),
        }),
      changed: ["node-a"],
    },
    {
      because: "a fence has ended, and left no quarantine",
      act: ({ routes }) =>
        routes.onChange({
          kind: "AzVolume",
          name: "pvc-2",
          previous: aVolumeWithRecord({ fencing: identity("node-a") }),
          current: aVolumeWithRecord({}),
        }),
      changed: ["node-a"],
    },
    {
      because: "a fence has ended in a quarantine",
      act: ({ routes }) =>
        routes.onChange({
          kind: "AzVolume",
          name: "pvc-2",
          previous: aVolumeWithRecord({ fencing: identity("node-a") }),
          current: aVolumeWithRecord({ quarantined: [identity("node-a")] }),
        }),
      changed: [],
    },
    { because: "only pods change", act: ({ routes }) => routes.onNode("node-a", "users"), changed: [] },
  ];
  for (const { because, act, changed } of rows)
    it(`is queued ${changed.length > 0 ? "once, a moment later" : "not at all"}: ${because}`, () =>
      withRoutes(async (world) => {
        act(world);
        assert.equal((await world.taken()).placement, undefined);
        await world.clock.advance(200);
        assert.deepEqual((await world.taken()).placement, changed.length > 0 ? [ONLY_KEY] : undefined);
        assert.deepEqual([...world.changedNodes], changed);
      }));
});

describe("the attaches that wait on a node for another volume", () => {
  const a = identity("node-a");
  const earlier = { ...a, vmId: "the VM before" };
  for (const { because, before, after, isWoken } of [
    { because: "the node is clean", before: { quarantined: [a] }, after: {}, isWoken: true },
    { because: "a fence has left no quarantine", before: { fencing: a }, after: {}, isWoken: true },
    {
      because: "an earlier VM of its name is not",
      before: { quarantined: [earlier, a] },
      after: { quarantined: [earlier] },
      isWoken: true,
    },
    {
      because: "a fence ends in a quarantine",
      before: { fencing: a },
      after: { quarantined: [a] },
      isWoken: false,
    },
    { because: "its use of the volume is known", before: { unverified: [a] }, after: {}, isWoken: true },
    {
      because: "it is proven off the disk, and in quarantine",
      before: { unverified: [a] },
      after: { quarantined: [a] },
      isWoken: false,
    },
  ])
    it(`are ${isWoken ? "" : "not "}tried again: ${because}`, () =>
      withRoutes(async ({ given, routes, taken }) => {
        await given("AzVolumeAttachment", anAttachment("node-a"));
        await given("AzVolumeAttachment", anAttachment("node-b"));
        routes.onChange({
          kind: "AzVolume",
          name: "pvc-2",
          previous: aVolumeWithRecord(before),
          current: aVolumeWithRecord(after),
        });
        assert.deepEqual((await taken()).attachment, isWoken ? [attachmentName("node-a")] : undefined);
      }));
});

describe("the attaches that wait on a node for the place of another disk", () => {
  const name = "pvc-2-node-a";
  const other = aReplica("node-a", { metadata: { name }, spec: { volumeName: "pvc-2", volumeId: "disk-2" } });
  const { lun: _, ...unplaced } = other.status ?? assert.fail();
  for (const { because, record, isWoken } of [
    { because: "its node is unverified", record: { unverified: [identity("node-a")] }, isWoken: true },
    { because: "no other disk waits for it", record: {}, isWoken: false },
  ])
    it(`are ${isWoken ? "" : "not "}tried again once it is known: ${because}`, () =>
      withRoutes(async ({ given, routes, taken }) => {
        await given("AzVolume", {
          ...aVolumeWithRecord(record),
          metadata: { ...aVolume().metadata, name: "pvc-2" },
        });
        await given("AzVolumeAttachment", anAttachment("node-a"));
        await given("AzVolumeAttachment", anAttachment("node-b"));
        routes.onChange({
          kind: "AzVolumeAttachment",
          name,
          previous: { ...other, status: { ...unplaced, state: "Pending" } },
          current: other,
        });
        const woken = (await taken()).attachment ?? [];
        assert.deepEqual(woken.toSorted(), [...(isWoken ? [attachmentName("node-a")] : []), name].toSorted());
      }));
});

describe("a question to Azure whose an unverified entry is", () => {
  const a = identity("node-a");
  const foreign = { nodeName: a.instanceUri, vmId: a.instanceUri, instanceUri: a.instanceUri };
  const rows = [
    { because: "it has the resource id of the node's VM alone", unverified: [foreign], isAsked: true },
    {
      because: "it has an earlier name, and another case",
      unverified: [{ ...a, nodeName: "node-old", instanceUri: a.instanceUri.toUpperCase() }],
      isAsked: true,
    },
    { because: "it has the node's name", unverified: [a], isAsked: false },
    {
      because: "it is of another VM",
      unverified: [{ ...identity("node-b"), nodeName: "node-old" }],
      isAsked: false,
    },
  ];
  for (const { because, unverified, isAsked } of rows)
    it(`is ${isAsked ? "" : "not "}due a second after the node changes: ${because}`, () =>
      withRoutes(async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({ unverified }));
        const askedAfter = async (change: () => void): Promise<readonly string[] | undefined> => {
          change();
          await world.clock.advance(999);
          assert.equal((await world.taken()).askAzure, undefined);
          change();
          await world.clock.advance(1);
          return (await world.taken()).askAzure;
        };
        const due = isAsked ? ["pvc-1"] : undefined;
        assert.deepEqual(await askedAfter(() => world.routes.onNode("node-a", "node")), due, "its Node");
        world.nodeNames.clear();
        await world.given("AzDriverNode", aDriverNode("node-a"));
        assert.deepEqual(await askedAfter(() => world.change("node-a")), due, "its AzDriverNode");
      }));
});

describe("what a node's state wakes", () => {
  /** The loops that work on nodes. */
  const OF_NODES = ["driverNode", "barrier", "stoppedNodes", "returnedNodes"] as const;
  const a = identity("node-a");
  const recorded = (record: Parameters<typeof aVolumeWithRecord>[0]) => (world: RoutesWorld) =>
    world.given("AzVolume", aVolumeWithRecord(record));
  const rows: readonly {
    readonly because: string;
    readonly prepare: (world: RoutesWorld) => unknown;
    readonly wakes: readonly (typeof OF_NODES)[number][];
    /** Where what the orchestrator says of the node wakes others. */
    readonly onNode?: readonly (typeof OF_NODES)[number][];
  }[] = [
    { because: "it is healthy", prepare: recorded({ writer: aWriter("node-a") }), wakes: [] },
    {
      because: "it is in quarantine",
      prepare: recorded({ quarantined: [a] }),
      wakes: ["driverNode"],
      onNode: [],
    },
    {
      because: "it was in quarantine before the rebuild",
      prepare: recorded({ nodes: [{ ...a, access: "unverified", wasQuarantined: true }] }),
      wakes: ["driverNode"],
      onNode: [],
    },
    {
      because: "another one is in quarantine",
      prepare: recorded({ quarantined: [identity("node-b")] }),
      wakes: [],
    },
    {
      because: "a write barrier is pending on it",
      prepare: recorded({ nodes: [{ ...a, barrierPending: true }] }),
      wakes: ["barrier"],
      onNode: [],
    },
    { because: "it is gone", prepare: ({ gone }) => gone.add("node-a"), wakes: ["driverNode"] },
    {
      because: "it is unreachable",
      prepare: ({ unreachable }) => unreachable.add("node-a"),
      wakes: ["stoppedNodes"],
    },
    {
      because: "it is unreachable and out of service",
      prepare: ({ unreachable, outOfService }) => unreachable.add("node-a") && outOfService.add("node-a"),
      wakes: [],
    },
    {
      because: "it has returned with the driver's mark",
      prepare: ({ markedByDriver }) => markedByDriver.add("node-a"),
      wakes: ["returnedNodes"],
    },
    {
      because: "it has the driver's mark and is unreachable",
      prepare: ({ markedByDriver, unreachable, outOfService }) => {
        for (const names of [markedByDriver, unreachable, outOfService]) names.add("node-a");
      },
      wakes: [],
    },
  ];
  for (const { because, prepare, wakes, onNode = wakes } of rows)
    it(`${because}: ${wakes.length === 0 ? "nothing" : wakes.join(", ")}`, () =>
      withRoutes(async (world) => {
        await world.given("AzDriverNode", aDriverNode("node-a"));
        await world.given("AzDriverNode", aDriverNode("node-c"));
        await prepare(world);
        const { routes, taken, change } = world;
        const woken = async (act: () => void): Promise<readonly LoopName[]> => {
          act();
          const queued = await taken();
          return OF_NODES.filter((name) => queued[name]?.includes("node-a"));
        };
        assert.deepEqual(await woken(() => change("node-a")), wakes, "its AzDriverNode changes");
        assert.deepEqual(await woken(() => routes.onNode("node-a", "node")), onNode, "its Node changes");
        assert.deepEqual(await woken(routes.addEverything), wakes, "nothing changes");
      }));
});

it("wakes, with everything, the loops of nodes that only a record names", () =>
  withRoutes(async ({ given, routes, taken }) => {
    const [a, b] = [identity("node-a"), identity("node-b")];
    await given("AzVolume", aVolumeWithRecord({ quarantined: [a], barrierPending: [b] }));
    routes.addEverything();
    const { driverNode, barrier } = await taken();
    assert.deepEqual({ driverNode, barrier }, { driverNode: ["node-a"], barrier: ["node-b"] });
  }));
