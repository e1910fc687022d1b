import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  aDiskSpec,
  anAttachment,
  anObservedVolume,
  aNode,
  aReplica,
  aVolume,
  aVolumeWithRecord,
  aWriter,
  identity,
  leaving,
} from "../../testing/objects.ts";
import {
  creates,
  failed,
  primary,
  type ReplicaPlan,
  severalWriters,
  tight,
  writerOnA,
} from "../../testing/replica-plans.ts";
import { planReplicas } from "./plan-replicas.ts";

function checkPlans(rows: readonly ReplicaPlan[]): void {
  for (const { because, observed, plan } of rows) assert.deepEqual(planReplicas(observed), plan, because);
}

describe("planReplicas for missing replicas", () => {
  it("places as many replicas as requested once the primary is served", () => {
    checkPlans([
      {
        because: "none yet",
        observed: anObservedVolume({ attachments: [primary] }),
        plan: [creates("node-b"), creates("node-c")],
      },
      {
        because: "one more",
        observed: anObservedVolume({ attachments: [primary, aReplica("node-b")] }),
        plan: [creates("node-c")],
      },
      {
        because: "two names of the writer's VM take one share",
        observed: anObservedVolume({
          volume: aVolumeWithRecord(writerOnA, tight),
          attachments: [
            primary,
            anAttachment("node-z", {
              status: { vmId: identity("node-a").vmId, instanceUri: identity("node-a").instanceUri },
            }),
          ],
        }),
        plan: [creates("node-b")],
      },
      {
        because: "no node is left, and the event says why",
        observed: anObservedVolume({
          attachments: [primary],
          nodes: [aNode("node-a"), aNode("node-b", { isReady: false })],
        }),
        plan: [
          {
            kind: "ReplicasMissing",
            missing: 2,
            rejected: [
              { nodeName: "node-a", because: "has an attachment already" },
              { nodeName: "node-b", because: "its node plug-in is not ready" },
            ],
          },
        ],
      },
      {
        because: "a deleting attachment holds its share until Azure has detached the disk",
        observed: anObservedVolume({
          volume: aVolume({ spec: tight }),
          attachments: [primary, leaving(aReplica("node-b"))],
          nodes: [aNode("node-a"), aNode("node-b"), aNode("node-c")],
        }),
        plan: [],
      },
      {
        because: "a deleting attachment whose every attempt failed may hold a share after all",
        observed: anObservedVolume({
          volume: aVolume({ spec: tight }),
          attachments: [primary, leaving(aReplica("node-b", { status: failed }))],
          nodes: [aNode("node-a"), aNode("node-b"), aNode("node-c")],
        }),
        plan: [],
      },
      {
        because: "a share becomes free soon, and a failed replica does not take it",
        observed: anObservedVolume({
          volume: aVolume({ spec: tight }),
          attachments: [primary, aReplica("node-b", { status: failed }), leaving(aReplica("node-c"))],
        }),
        plan: [],
      },
      {
        because: "the writer before, whose VM is gone, may hold a share: a replica would be surplus at once",
        observed: anObservedVolume({
          volume: aVolumeWithRecord({ writer: aWriter("node-b", { requested: false }) }, tight),
          attachments: [primary, aReplica("node-b", { status: failed })],
          nodes: [aNode("node-a"), aNode("node-c")],
        }),
        plan: [{ kind: "ReplicasMissing", missing: 1, rejected: [] }],
      },
      {
        because: "the record was lost, and the replicas' nodes have yet to show that they do not write",
        observed: anObservedVolume({
          volume: aVolumeWithRecord({ unverified: ["node-b", "node-c"].map((name) => identity(name)) }),
          attachments: [primary, aReplica("node-b"), aReplica("node-c")],
        }),
        plan: [],
      },
      {
        because: "of two primaries one is not served yet",
        observed: anObservedVolume({
          volume: aVolume({ spec: { disk: aDiskSpec({ maxShares: 4 }), maxMountReplicaCount: 2 } }),
          attachments: [primary, anAttachment("node-b", { status: { state: "Attaching" } })],
        }),
        plan: [],
      },
      {
        because: "several nodes may write, and one that misses the device is served all the same",
        observed: anObservedVolume({
          volume: severalWriters(tight),
          attachments: [anAttachment("node-a", { status: { deviceMissing: true } })],
        }),
        plan: [creates("node-b")],
      },
      {
        because: "a shared disk grows",
        observed: anObservedVolume({
          volume: aVolume({ status: { state: "Updating" } }),
          attachments: [primary],
        }),
        plan: [],
      },
      {
        because: "a second primary has the last share for good",
        observed: anObservedVolume({
          volume: aVolume({ spec: tight }),
          attachments: [primary, anAttachment("node-b")],
          nodes: [aNode("node-a"), aNode("node-b")],
        }),
        plan: [{ kind: "ReplicasMissing", missing: 1, rejected: [] }],
      },
    ]);
  });

  it("does not look through the pods of the cluster where no replica is missing", () => {
    const placement = (): never => assert.fail("asked where the pods could run");
    const companionCounts = (): never => assert.fail("asked for other volumes where no replica is surplus");
    for (const replicas of [
      ["node-b", "node-c"],
      ["node-b", "node-c", "node-d"],
    ]) {
      const attachments = [primary, ...replicas.map((nodeName) => aReplica(nodeName))];
      const spec = { disk: aDiskSpec({ maxShares: 4 }), maxMountReplicaCount: 2 };
      const volume = aVolumeWithRecord(writerOnA, spec);
      assert.equal(
        planReplicas(
          anObservedVolume({
            volume,
            attachments,
            placement,
            ...(replicas.length === 2 && { companionCounts }),
          }),
        ).length,
        replicas.length - 2,
      );
    }
  });

  it("looks at no node while the missing replicas wait for a share", () => {
    const attachments = [primary, leaving(aReplica("node-b"))];
    const observed = anObservedVolume({ volume: aVolumeWithRecord(writerOnA, tight), attachments });
    const nodes = (): never => assert.fail("all nodes are read");
    assert.deepEqual(planReplicas({ ...observed, nodes }), []);
  });
});
