import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolume } from "../../api/az-volume.ts";
import { attachmentObjectName } from "../../api/object-names.ts";
import {
  aDiskSpec,
  anAttachment,
  anObservedVolume,
  aNode,
  aPod,
  aReplica,
  aVolume,
  aVolumeWithRecord,
  aWriter,
  diskUri,
  identity,
  leaving,
  unchangedFor,
} from "../../testing/objects.ts";
import {
  failed,
  fencedFrom,
  planAgain,
  primary,
  pruneMs,
  type ReplicaPlan,
  severalWriters,
  tight,
  trims,
  writerOnA,
} from "../../testing/replica-plans.ts";
import type { ObservedVolume } from "../observed-volume.ts";
import { planReplicas } from "./plan-replicas.ts";
import type { ReplicaAction } from "./replica-action.ts";

/** By the name that the node of `node-a` had before. */
const ofEarlierName = anAttachment("node-z", {
  status: { vmId: identity("node-a").vmId, instanceUri: identity("node-a").instanceUri },
});

function checkPlans(rows: readonly ReplicaPlan[]): void {
  for (const { because, observed, plan } of rows) assert.deepEqual(planReplicas(observed), plan, because);
}

describe("planReplicas", () => {
  it("deletes surplus replicas, least useful first, and no more than needed", () => {
    const moving = anAttachment("node-c", { status: undefined });
    const fourReplicas = ["node-a", "node-b", "node-d", "node-e"].map((nodeName) => aReplica(nodeName));
    checkPlans([
      {
        because: "the new primary needs a share: the replica on the node that is not ready is deleted",
        observed: anObservedVolume({
          volume: aVolume({ spec: tight }),
          attachments: [aReplica("node-a"), aReplica("node-b"), moving],
          nodes: [aNode("node-a"), aNode("node-b", { isReady: false }), aNode("node-c")],
        }),
        plan: [trims("node-b", ["node-c"], ["node-a"])],
      },
      {
        because: "the unfit replica's share is enough for the primary: the other one stays",
        observed: anObservedVolume({
          volume: aVolumeWithRecord({ quarantined: [identity("node-b")] }, tight),
          attachments: [aReplica("node-a"), aReplica("node-b"), moving],
        }),
        plan: [fencedFrom("node-b")],
      },
      {
        because: "two of three replicas are surplus; an unfit or failed one is not counted",
        observed: anObservedVolume({
          volume: aVolumeWithRecord({ quarantined: [identity("node-e")] }, tight),
          attachments: [...fourReplicas, aReplica("node-f", { status: failed }), moving],
        }),
        plan: [
          fencedFrom("node-e"),
          trims("node-a", ["node-c"], ["node-d"]),
          trims("node-b", ["node-c"], ["node-d"]),
        ],
      },
      {
        because: "two names of the writer's VM take one share",
        observed: anObservedVolume({
          volume: aVolumeWithRecord(writerOnA, tight),
          attachments: [primary, ofEarlierName, aReplica("node-b")],
        }),
        plan: [],
      },
      {
        because: "before the attach of the present name, too",
        observed: anObservedVolume({
          volume: aVolumeWithRecord(writerOnA, tight),
          attachments: [anAttachment("node-a", { status: undefined }), ofEarlierName, aReplica("node-b")],
        }),
        plan: [],
      },
      {
        because: "a replica on a VM that has the disk by an earlier name takes none",
        observed: anObservedVolume({
          volume: aVolumeWithRecord({ writer: aWriter("node-b") }, tight),
          attachments: [aReplica("node-a"), ofEarlierName, anAttachment("node-b")],
        }),
        plan: [],
      },
      {
        because: "a replica whose every attempt failed has no share that the primary would lack",
        observed: anObservedVolume({
          volume: aVolume({ spec: tight }),
          attachments: [aReplica("node-a", { status: failed }), aReplica("node-b"), moving],
        }),
        plan: [],
      },
      {
        because:
          "one that requests the volume, or is unverified, keeps its share though its every attempt failed",
        observed: anObservedVolume({
          volume: aVolumeWithRecord({ unverified: [identity("node-a")] }),
          attachments: [
            aReplica("node-a", { status: failed }),
            aReplica("node-b"),
            moving,
            aReplica("node-d"),
          ],
        }),
        plan: [trims("node-b", ["node-a", "node-c"], ["node-d"])],
      },
      {
        because: "its share is on its way to the primary: the other replica stays",
        observed: anObservedVolume({
          volume: aVolume({ spec: tight }),
          attachments: [aReplica("node-a"), leaving(aReplica("node-b")), moving],
        }),
        plan: [],
      },
      {
        because: "until the primary is served, the writer before last stays if it can have a share",
        observed: anObservedVolume({
          volume: aVolume({ spec: { maxMountReplicaCount: 1 } }),
          attachments: [aReplica("node-a"), aReplica("node-b"), moving],
        }),
        plan: [],
      },
      {
        because: "also once it is granted the volume, until its disk is attached",
        observed: anObservedVolume({
          volume: aVolumeWithRecord({ writer: aWriter("node-c") }, { maxMountReplicaCount: 1 }),
          attachments: [aReplica("node-a"), aReplica("node-b"), moving],
        }),
        plan: [],
      },
      {
        because: "also where it is granted the volume, does not hold it, and its device is missing",
        observed: anObservedVolume({
          volume: aVolumeWithRecord(
            { writer: aWriter("node-c", { held: false }) },
            { maxMountReplicaCount: 1 },
          ),
          attachments: [
            aReplica("node-a"),
            aReplica("node-b"),
            anAttachment("node-c", { status: { deviceMissing: true } }),
          ],
        }),
        plan: [],
      },
      {
        because: "a primary whose device is missing is not served: the writer before last stays",
        observed: anObservedVolume({
          volume: aVolume({ spec: { maxMountReplicaCount: 1 } }),
          attachments: [
            aReplica("node-a"),
            aReplica("node-b"),
            anAttachment("node-c", { status: { deviceMissing: true } }),
          ],
        }),
        plan: [],
      },
      {
        because:
          "a writer that misses the device is served all the same: else one mark would keep every replica",
        observed: anObservedVolume({
          volume: aVolumeWithRecord({ writer: aWriter("node-c") }, { maxMountReplicaCount: 1 }),
          attachments: [
            aReplica("node-a"),
            aReplica("node-b"),
            anAttachment("node-c", { status: { deviceMissing: true } }),
          ],
        }),
        plan: [trims("node-a", ["node-c"], ["node-b"], { nodeName: "node-c", epoch: 1 })],
      },
      {
        because: "then it is trimmed",
        observed: anObservedVolume({
          volume: aVolumeWithRecord({ writer: aWriter("node-c") }, { maxMountReplicaCount: 1 }),
          attachments: [
            aReplica("node-a"),
            aReplica("node-b", { status: { state: "Attaching" } }),
            anAttachment("node-c"),
          ],
        }),
        plan: [trims("node-b", ["node-c"], ["node-a"], { nodeName: "node-c", epoch: 1 })],
      },
      {
        because: "the one that stays has the most other volumes of the same pods beside it",
        observed: anObservedVolume({
          volume: aVolumeWithRecord(
            { writer: aWriter("node-c") },
            { disk: aDiskSpec({ maxShares: 4 }), maxMountReplicaCount: 1 },
          ),
          attachments: [aReplica("node-a"), aReplica("node-b"), aReplica("node-d"), anAttachment("node-c")],
          companionCounts: () =>
            new Map([
              ["node-a", 2],
              ["node-b", 1],
            ]),
        }),
        plan: [
          trims("node-d", ["node-c"], ["node-a"], { nodeName: "node-c", epoch: 1 }),
          trims("node-b", ["node-c"], ["node-a"], { nodeName: "node-c", epoch: 1 }),
        ],
      },
      {
        because: "one that is attached stays all the same",
        observed: anObservedVolume({
          volume: aVolumeWithRecord({ writer: aWriter("node-c") }, { maxMountReplicaCount: 1 }),
          attachments: [
            aReplica("node-a", { status: { state: "Attaching" } }),
            aReplica("node-b"),
            anAttachment("node-c"),
          ],
          companionCounts: () => new Map([["node-a", 1]]),
        }),
        plan: [trims("node-a", ["node-c"], ["node-b"], { nodeName: "node-c", epoch: 1 })],
      },
      {
        because: "one share is needed in any case; the other replica is only more than requested",
        observed: anObservedVolume({
          volume: aVolumeWithRecord(
            { writer: aWriter("node-c", { epoch: 7 }) },
            { disk: aDiskSpec({ maxShares: 3 }), maxMountReplicaCount: 1 },
          ),
          attachments: [aReplica("node-a"), aReplica("node-b"), aReplica("node-d"), anAttachment("node-c")],
        }),
        plan: [
          trims("node-a", ["node-c"], ["node-d"]),
          trims("node-b", ["node-c"], ["node-d"], { nodeName: "node-c", epoch: 7 }),
        ],
      },
    ]);
  });

  // The names of attachments end in hashes: "node-" may come before or after "node-2".
  it("keeps the surplus replicas of a pod's volumes on the same node if all are alike", () => {
    const nodes = ["node", "node-2", "node-c"].map((name) => aNode(name));
    const deletedFor = (at: number): readonly string[] => {
      const inAzure = diskUri.replace("pvc-1", `pvc-${at}`);
      const attachments = [anAttachment("node-c"), aReplica("node"), aReplica("node-2")].map((attachment) => {
        const name = attachmentObjectName({ diskUri: inAzure, nodeName: attachment.spec.nodeName });
        return { ...attachment, metadata: { ...attachment.metadata, name } };
      });
      const observed = anObservedVolume({
        volume: aVolumeWithRecord({ writer: aWriter("node-c") }, { maxMountReplicaCount: 1 }),
        nodes,
        // As the cache lists them.
        attachments: attachments.toSorted((left, right) =>
          left.metadata.name < right.metadata.name ? -1 : 1,
        ),
      });
      const deleted = new Set(
        planReplicas(observed).map((action) => action.kind === "DeleteAttachment" && action.attachmentName),
      );
      return attachments.flatMap(({ metadata, spec }) => (deleted.has(metadata.name) ? spec.nodeName : []));
    };
    for (let at = 0; at < 16; at++) assert.deepEqual(deletedFor(at), ["node"], `pvc-${at}`);
  });

  // The next pod may need any of them.
  describe("of a surplus replica while an attached primary may come from a backup", () => {
    const spec = { maxMountReplicaCount: 1 };
    const planned = (volume: AzVolume, place = anAttachment("node-c")): readonly ReplicaAction[] =>
      planReplicas(
        anObservedVolume({ volume, attachments: [aReplica("node-a"), aReplica("node-b"), place] }),
      );
    const rows: readonly { readonly because: string; readonly volume: AzVolume }[] = [
      { because: "the volume is granted to no node", volume: aVolumeWithRecord({}, spec) },
      {
        because: "the writer's node requests the volume no longer",
        volume: aVolumeWithRecord({ writer: aWriter("node-c", { requested: false }) }, spec),
      },
      {
        because: "a node is being fenced",
        volume: aVolumeWithRecord({ writer: aWriter("node-c"), fencing: identity("node-d") }, spec),
      },
      {
        because: "the record is being rebuilt",
        volume: { ...severalWriters(spec), spec: aVolume({ spec }).spec },
      },
    ];
    for (const { because, volume } of rows)
      it(`keeps it: ${because}`, () => assert.deepEqual(planned(volume), []));

    it("keeps it: the primary requests nothing", () => {
      const unrequested = anAttachment("node-c", { spec: { writerRequest: undefined } });
      assert.deepEqual(planned(aVolumeWithRecord({}, spec), unrequested), []);
    });
  });

  // The next pod of the node that has just left may come to any of them.
  describe("of a surplus replica where several nodes write", () => {
    const several = severalWriters({ disk: aDiskSpec({ maxShares: 4 }), maxMountReplicaCount: 1 });
    const leftFor = (ms: number): ObservedVolume["attachments"][number] =>
      unchangedFor(ms, aReplica("node-b"));
    const planned = (changed: Parameters<typeof anObservedVolume>[0]): readonly ReplicaAction[] =>
      planReplicas(anObservedVolume({ volume: several, ...changed }));
    const surplus = [primary, unchangedFor(pruneMs, aReplica("node-c"))];

    it("keeps it for as long as an unrequested volume keeps its replicas", () => {
      assert.deepEqual(planned({ attachments: [...surplus, leftFor(20_000)] }), [planAgain(280_000)]);
      assert.deepEqual(planned({ attachments: [...surplus, leftFor(pruneMs - 1)] }), [planAgain(10_000)]);
      assert.deepEqual(planned({ attachments: [...surplus, leftFor(pruneMs)] }), [
        trims("node-b", ["node-a"], ["node-c"]),
      ]);
    });

    it("counts only time in which the store was reachable", () => {
      const unwatched = { ...leftFor(pruneMs), watchedUnchangedMs: 0 };
      assert.deepEqual(planned({ attachments: [...surplus, unwatched] }), [planAgain(pruneMs)]);
    });

    it("keeps it while a node that writes is in trouble, or a pod waits elsewhere", () => {
      const attachments = [...surplus, leftFor(pruneMs)];
      const nodes = ["node-b", "node-c"].map((nodeName) => aNode(nodeName));
      assert.deepEqual(planned({ attachments, nodes: [aNode("node-a", { isReady: false }), ...nodes] }), [
        planAgain(10_000),
      ]);
      assert.deepEqual(planned({ attachments, pods: () => [aPod({ nodeName: "node-c" })] }), [
        planAgain(10_000),
      ]);
    });

    it("deletes it at once where a further node needs its share", () => {
      const moving = ["node-d", "node-e"].map((nodeName) => anAttachment(nodeName, { status: undefined }));
      const attachments = [...surplus, leftFor(0), ...moving];
      assert.deepEqual(planned({ attachments }), [
        trims("node-b", ["node-a", "node-d", "node-e"], ["node-c"]),
      ]);
    });

    it("plans no later look where none is too many, or no node writes", () => {
      assert.deepEqual(planned({ attachments: surplus }), []);
      assert.deepEqual(planned({ attachments: [leftFor(0), aReplica("node-c")] }), []);
    });

    it("is none that waits for its share: it says so without a look at any node", () => {
      const primaries = ["node-a", "node-b", "node-c", "node-d"].map((nodeName) => anAttachment(nodeName));
      const placement = (): never => assert.fail("a cluster has thousands of nodes");
      assert.deepEqual(planned({ attachments: primaries, placement }), [
        { kind: "ReplicasMissing", missing: 1, rejected: [] },
      ]);
    });
  });

  it("deletes a replica where several writers need all shares of the disk", () => {
    const attachments = [primary, anAttachment("node-b"), anAttachment("node-c"), aReplica("node-d")];
    const [first] = planReplicas(anObservedVolume({ volume: severalWriters(tight), attachments }));
    assert.deepEqual(first, trims("node-d", ["node-a", "node-b", "node-c"]));
  });

  it("counts a staged writer whose VM is not known as one share", () => {
    const unknown = anAttachment("node-x", { spec: { staged: true }, status: undefined });
    const attachments = [primary, unknown, aReplica("node-d")];
    const volume = severalWriters({ maxMountReplicaCount: 1 });
    assert.deepEqual(planReplicas(anObservedVolume({ volume, attachments })), []);
  });

  for (const { because, node } of [
    { because: "its plug-in is not ready", node: aNode("node-b", { isReady: false }) },
    { because: "its heartbeat is stale", node: aNode("node-b", { heartbeatUnchangedMs: 35_000 }) },
    { because: "it is cordoned", node: aNode("node-b", { isUnschedulable: true }) },
    {
      because: "it is NotReady",
      node: aNode("node-b", {
        taints: [{ key: "node.kubernetes.io/not-ready", value: "", effect: "NoExecute" }],
      }),
    },
    { because: "it has no AzDriverNode", node: aNode("node-x") },
  ])
    it(`prefers a pending replica to one whose node could not take over: ${because}`, () => {
      const attachments = [
        aReplica("node-a", { status: { state: "Attaching" } }),
        aReplica("node-b"),
        anAttachment("node-c", { status: undefined }),
      ];
      const observed = anObservedVolume({
        volume: aVolumeWithRecord({ unverified: [identity("node-x")] }, tight),
        attachments,
        nodes: [aNode("node-a"), node],
      });
      assert.deepEqual(planReplicas(observed), [trims("node-b", ["node-c"], ["node-a"])]);
    });
});
