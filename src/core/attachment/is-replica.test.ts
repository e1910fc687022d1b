import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  aDiskSpec,
  anAttachment,
  anObservedVolume,
  aNode,
  aPod,
  aReplica,
  attachmentName,
} from "../testing/objects.ts";
import { primary, severalWriters, trims } from "../testing/replica-plans.ts";
import type { ObservedNode } from "./observed-volume.ts";
import { planReplicas } from "./replicas/plan-replicas.ts";
import type { ReplicaAction } from "./replicas/replica-action.ts";

// Its request was lost, with the objects or by an older backup.
describe("planReplicas of a replica whose node has a pod, where several nodes write", () => {
  const planned = (changed: Parameters<typeof anObservedVolume>[0]): readonly ReplicaAction[] =>
    planReplicas(anObservedVolume(changed));
  const started = [aPod({ nodeName: "node-b", isPending: false })];
  const none = severalWriters({ disk: aDiskSpec({ maxShares: 4 }), maxMountReplicaCount: 0 });
  const tightest = severalWriters({ disk: aDiskSpec({ maxShares: 2 }), maxMountReplicaCount: 1 });
  const deleted = (changed: Parameters<typeof anObservedVolume>[0]): readonly string[] =>
    planned(changed).flatMap((action) => (action.kind === "DeleteAttachment" ? action.attachmentName : []));

  it("keeps it while the pod runs there, or the pods are not known yet", () => {
    const attachments = [primary, aReplica("node-b")];
    assert.deepEqual(deleted({ volume: none, attachments, pods: () => started }), []);
    const [again, ...others] = planned({ volume: none, attachments, pods: () => undefined });
    assert.deepEqual(again, { kind: "Requeue", afterMs: 1_000 });
    assert.ok(others.every(({ kind }) => kind === "Requeue"));
    assert.deepEqual(deleted({ volume: none, attachments }), [attachmentName("node-b")]);
  });

  it("keeps it while an init container of a pod runs there", () => {
    const pods = [aPod({ nodeName: "node-b", isPending: true, hasNeverRun: false })];
    const attachments = [primary, aReplica("node-b")];
    assert.deepEqual(deleted({ volume: none, attachments, pods: () => pods }), []);
  });

  // A restored backup of etcd has no such pod.
  it("keeps it until its node has seen the restored store", () => {
    const deletedOf = (node: Partial<ObservedNode>): readonly string[] =>
      deleted({
        volume: none,
        attachments: [primary, aReplica("node-b")],
        nodes: [aNode("node-a"), aNode("node-b", node)],
        storeIncarnation: 1,
      });
    assert.deepEqual(deletedOf({ storeIncarnation: 0 }), []);
    assert.deepEqual(deletedOf({ storeIncarnation: 0, isOutOfService: true }), [attachmentName("node-b")]);
    assert.deepEqual(deletedOf({ storeIncarnation: 1 }), [attachmentName("node-b")]);
  });

  it("keeps it for a while where the restored store does not have its node", () => {
    const deletedAfter = (unregisteredForMs: number, storeIncarnation?: number): readonly string[] =>
      deleted({
        volume: none,
        attachments: [primary, aReplica("node-b")],
        nodes: [aNode("node-a", { storeIncarnation: 1 })],
        unregisteredMs: () => unregisteredForMs,
        storeIncarnation,
      });
    assert.deepEqual(deletedAfter(34_999, 1), []);
    assert.deepEqual(deletedAfter(35_000, 1), [attachmentName("node-b")]);
    assert.deepEqual(deletedAfter(34_999), [attachmentName("node-b")], "nothing was rolled back");
  });

  it("keeps it while it is marked as staged, also on a silent node, not on a lost one", () => {
    const deletedOf = (
      spec: { readonly staged?: true },
      node: Partial<ObservedNode> = {},
    ): readonly string[] =>
      deleted({
        volume: none,
        attachments: [primary, aReplica("node-b", { spec })],
        nodes: [aNode("node-a"), aNode("node-b", node)],
      });
    assert.deepEqual(deletedOf({ staged: true }), []);
    assert.deepEqual(deletedOf({ staged: true }, { heartbeatUnchangedMs: 3_600_000 }), []);
    for (const lost of [{ isOutOfService: true }, { isGone: true }])
      assert.deepEqual(deletedOf({ staged: true }, lost), [attachmentName("node-b")]);
    assert.deepEqual(deletedOf({}), [attachmentName("node-b")]);
  });

  it("lets another one give way to a further node", () => {
    const further = anAttachment("node-d", { status: undefined });
    const attachments = [primary, aReplica("node-b"), aReplica("node-c"), further];
    const volume = severalWriters({ disk: aDiskSpec({ maxShares: 3 }), maxMountReplicaCount: 1 });
    assert.deepEqual(
      planned({ volume, attachments, pods: () => started })[0],
      trims("node-c", ["node-a", "node-d"], ["node-b"]),
    );
  });

  it("deletes it where the pod only waits, or its node is lost", () => {
    const attachments = [primary, anAttachment("node-d", { status: undefined }), aReplica("node-b")];
    const waits = [aPod({ nodeName: "node-b" })];
    assert.deepEqual(deleted({ volume: tightest, attachments, pods: () => waits }), [
      attachmentName("node-b"),
    ]);
    const nodes = ["node-a", "node-d"].map((nodeName) => aNode(nodeName));
    for (const lost of [{ isOutOfService: true }, { isGone: true }])
      assert.deepEqual(
        deleted({
          volume: none,
          attachments,
          nodes: [...nodes, aNode("node-b", lost)],
          pods: () => started,
        }),
        [attachmentName("node-b")],
      );
  });
});
