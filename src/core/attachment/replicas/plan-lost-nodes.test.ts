import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  aDiskSpec,
  agoMs,
  anAttachment,
  anObservedVolume,
  aNode,
  aPod,
  aRecord,
  aReplica,
  attachmentName,
  aVolume,
  aVolumeWithRecord,
  aWriter,
  identity,
} from "../../testing/objects.ts";
import type { RecordChanges } from "../../testing/record-lists.ts";
import {
  asked,
  deletes,
  fencedFrom,
  planAgain,
  primary,
  pruneMs,
  type ReplicaPlan,
  severalWriters,
  tight,
  writerOnA,
} from "../../testing/replica-plans.ts";
import type { ObservedVolume } from "../observed-volume.ts";
import { planReplicas } from "./plan-replicas.ts";
import type { ReplicaAction } from "./replica-action.ts";

const outOfService = "its node is out of service";

function checkPlans(rows: readonly ReplicaPlan[]): void {
  for (const { because, observed, plan } of rows) assert.deepEqual(planReplicas(observed), plan, because);
}

describe("planReplicas for lost nodes", () => {
  it("deletes the replica of a node that is gone, fenced or out of service", () => {
    checkPlans([
      {
        because: "on a node that the cluster no longer has, as a cache shows: only while that is so",
        observed: anObservedVolume({
          attachments: [aReplica("node-b")],
          nodes: [aNode("node-b", { isGone: true })],
          pods: () => [aPod()],
        }),
        plan: [
          { ...deletes("node-b", "its node is gone"), onlyWhile: { kind: "NodeGone", nodeName: "node-b" } },
        ],
      },
      {
        because: "whose AzDriverNode was lost while nothing writes: it may register again",
        observed: anObservedVolume({ attachments: [aReplica("node-z")], pods: () => [aPod()] }),
        plan: [],
      },
      {
        because: "on a node that was fenced",
        observed: anObservedVolume({
          volume: aVolumeWithRecord({ ...writerOnA, quarantined: [identity("node-b")] }, asked),
          attachments: [primary, aReplica("node-b"), aReplica("node-c")],
        }),
        plan: [fencedFrom("node-b")],
      },
      {
        because: "on a node that is out of service",
        observed: anObservedVolume({
          volume: aVolumeWithRecord(writerOnA, asked),
          attachments: [primary, aReplica("node-b"), aReplica("node-c")],
          nodes: [aNode("node-a"), aNode("node-b", { isOutOfService: true }), aNode("node-c")],
        }),
        plan: [
          { ...deletes("node-b", outOfService), onlyWhile: { kind: "OutOfService", nodeName: "node-b" } },
        ],
      },
      {
        because:
          "whose AzDriverNode was lost while another node is being fenced: the next failover may need it",
        observed: anObservedVolume({
          volume: aVolumeWithRecord({ ...writerOnA, fencing: identity("node-b") }, asked),
          attachments: [primary, aReplica("node-c"), aReplica("node-z")],
        }),
        plan: [],
      },
    ]);
  });

  it("deletes the replica of a gone node once, whatever else holds", () => {
    const nodes = [aNode("node-a", { isGone: true }), aNode("node-b")];
    const names = (record: RecordChanges): readonly string[] => {
      const volume = aVolume({ status: { unrequestedSince: agoMs(pruneMs), record: aRecord(record) } });
      return planReplicas(
        anObservedVolume({ volume, attachments: [aReplica("node-a"), aReplica("node-b")], nodes }),
      ).flatMap((action) => (action.kind === "DeleteAttachment" ? action.attachmentName : []));
    };
    for (const record of [{}, { quarantined: [identity("node-a")] }])
      assert.deepEqual(
        names(record).toSorted(),
        [attachmentName("node-a"), attachmentName("node-b")].toSorted(),
      );
  });

  it("keeps a replica on a VM whose node name belonged to a fenced VM", () => {
    const earlier = { ...identity("node-b"), vmId: "older" };
    const volume = aVolumeWithRecord({ ...writerOnA, quarantined: [earlier] }, tight);
    const attachments = [primary, aReplica("node-b")];
    checkPlans([
      { because: "it was another VM", observed: anObservedVolume({ volume, attachments }), plan: [] },
      {
        because: "no AzDriverNode says which VM it is, but the attachment does",
        observed: anObservedVolume({
          volume,
          attachments,
          nodes: [aNode("node-a")],
          unregisteredMs: () => 0,
        }),
        plan: [planAgain(60_000)],
      },
      {
        because: "its disk was never attached, and the AzDriverNode says which VM it is",
        observed: anObservedVolume({
          volume,
          attachments: [primary, aReplica("node-b", { status: undefined })],
        }),
        plan: [],
      },
      {
        because: "neither says which VM it is",
        observed: anObservedVolume({
          volume,
          attachments: [primary, aReplica("node-b", { status: undefined })],
          nodes: [aNode("node-a")],
        }),
        plan: [fencedFrom("node-b", "node-b")],
      },
      {
        because: "neither says which VM it is, and another node is fenced",
        observed: anObservedVolume({
          volume: aVolumeWithRecord({ ...writerOnA, quarantined: [identity("node-c")] }, tight),
          attachments: [primary, aReplica("node-b", { status: undefined })],
          nodes: [aNode("node-a")],
          unregisteredMs: () => 0,
        }),
        plan: [planAgain(60_000)],
      },
      {
        because: "it is this very VM, in another case",
        observed: anObservedVolume({
          volume: aVolumeWithRecord(
            { ...writerOnA, quarantined: [{ ...earlier, vmId: identity("node-b").vmId.toUpperCase() }] },
            tight,
          ),
          attachments,
        }),
        plan: [fencedFrom("node-b")],
      },
    ]);
  });

  describe("of a replica whose node has no AzDriverNode", () => {
    const replicas = [aReplica("node-b"), aReplica("node-c")];
    const attachments = [primary, ...replicas];
    const volume = aVolumeWithRecord(writerOnA, asked);
    const nodes = [aNode("node-a")];
    const unregistered = (
      unregisteredForMs: number,
      changed: Parameters<typeof anObservedVolume>[0] = {},
    ): ObservedVolume =>
      anObservedVolume({ volume, attachments, nodes, unregisteredMs: () => unregisteredForMs, ...changed });
    const deletesAll = ["node-b", "node-c"].map((nodeName) => ({
      ...deletes(nodeName, "its node has had no AzDriverNode for a while"),
      onlyWhile: { kind: "Unregistered", nodeName } as const,
    }));
    const deletionsOf = (observed: ObservedVolume): readonly ReplicaAction[] =>
      planReplicas(observed).filter(({ kind }) => kind === "DeleteAttachment");

    it("replaces it after a minute, while the writer's node reports itself healthy", () => {
      assert.deepEqual(planReplicas(unregistered(59_999)), [planAgain(1_000)]);
      assert.deepEqual(planReplicas(unregistered(20_000)), [planAgain(40_000)]);
      assert.deepEqual(deletionsOf(unregistered(60_000)), deletesAll);
      assert.deepEqual(
        deletionsOf(unregistered(60_000, { pods: () => [aPod({ nodeName: "node-a", isPending: false })] })),
        deletesAll,
      );
    });

    it("keeps it where the writer may be unhealthy, or a pod waits on another node", () => {
      const unreachable = {
        taints: [{ key: "node.kubernetes.io/unreachable", value: "", effect: "NoExecute" }],
      } as const;
      const { record: _, ...lost } = volume.status ?? assert.fail();
      const rows: readonly ({ readonly because: string } & Parameters<typeof anObservedVolume>[0])[] = [
        { because: "its heartbeat is stale", nodes: [aNode("node-a", { heartbeatUnchangedMs: 35_000 })] },
        { because: "it is NotReady", nodes: [aNode("node-a", unreachable)] },
        { because: "its plug-in is not ready", nodes: [aNode("node-a", { isReady: false })] },
        { because: "it is gone", nodes: [aNode("node-a", { isGone: true })] },
        { because: "it is out of service", nodes: [aNode("node-a", { isOutOfService: true })] },
        { because: "it has no AzDriverNode either", nodes: [] },
        { because: "another VM has its name", nodes: [aNode("node-a", { vmId: "another" })] },
        { because: "the pods are still being listed", pods: () => undefined },
        { because: "a pod waits on another node", pods: () => [aPod()] },
        {
          because: "it is recalled",
          volume: aVolumeWithRecord({ writer: aWriter("node-a", { requested: false }) }, asked),
        },
        {
          because: "it is being fenced",
          volume: aVolumeWithRecord({ ...writerOnA, fencing: identity("node-a") }, asked),
        },
        { because: "there is none", volume: aVolumeWithRecord({}, asked), attachments: replicas },
        {
          because: "the record is being rebuilt",
          volume: { ...volume, status: lost },
          attachments: replicas,
        },
      ];
      for (const { because, ...changed } of rows)
        assert.deepEqual(deletionsOf(unregistered(3_600_000, changed)), [], because);
    });

    it("plans again as soon as the first of several is due", () => {
      const unregisteredMs = (nodeName: string): number => (nodeName === "node-b" ? 20_000 : 50_000);
      assert.deepEqual(planReplicas(unregistered(0, { unregisteredMs })), [planAgain(10_000)]);
    });

    it("does not plan again for a primary, nor for replicas kept while the disk grows", () => {
      const another = anAttachment("node-b", { status: { state: "Attaching" } });
      assert.deepEqual(planReplicas(unregistered(20_000, { attachments: [primary, another] })), []);
      const growing = aVolume({ spec: asked, status: { state: "Updating", record: aRecord(writerOnA) } });
      for (const ms of [60_000, 60_001])
        assert.deepEqual(planReplicas(unregistered(ms, { volume: growing })), []);
    });

    describe("and whose volume several nodes write", () => {
      const volumeOfSeveral = severalWriters({ ...asked, disk: aDiskSpec({ maxShares: 4 }) });
      const writers = [aNode("node-a"), aNode("node-d")];
      const of = (changed: Parameters<typeof anObservedVolume>[0]): readonly ReplicaAction[] =>
        deletionsOf(
          unregistered(60_000, {
            volume: volumeOfSeveral,
            nodes: writers,
            attachments: [...attachments, anAttachment("node-d")],
            ...changed,
          }),
        );

      it("replaces it while each of them reports itself healthy", () => {
        assert.deepEqual(of({}), deletesAll);
        assert.deepEqual(of({ pods: () => [aPod({ nodeName: "node-d" })] }), deletesAll);
      });

      it("keeps it where one of them may be unhealthy, or a pod waits on a further node", () => {
        const rows: readonly ({ readonly because: string } & Parameters<typeof anObservedVolume>[0])[] = [
          { because: "it is not ready", nodes: [aNode("node-a"), aNode("node-d", { isReady: false })] },
          { because: "it has no AzDriverNode either", nodes: [aNode("node-a")] },
          {
            because: "another VM has its name",
            nodes: [aNode("node-a"), aNode("node-d", { vmId: "other" })],
          },
          { because: "the pods are still being listed", pods: () => undefined },
          { because: "a pod waits on a further node", pods: () => [aPod({ nodeName: "node-c" })] },
          { because: "none of them is left", attachments: replicas },
        ];
        for (const { because, ...changed } of rows) assert.deepEqual(of(changed), [], because);
      });
    });
  });
});
