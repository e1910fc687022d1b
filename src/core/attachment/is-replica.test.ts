import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import {
  aDiskSpec,
  anAttachment,
  anObservedVolume,
  aNode,
  aReplica,
  attachmentName,
} from "../testing/objects.ts";
import { primary, severalWriters, trims } from "../testing/replica-plans.ts";
import type { ObservedNode } from "./observed-volume.ts";
import { planReplicas } from "./replicas/plan-replicas.ts";
import type { ReplicaAction } from "./replicas/replica-action.ts";

const none = severalWriters({ disk: aDiskSpec({ maxShares: 4 }), maxMountReplicaCount: 0 });

describe("planReplicas of a replica that is marked as staged, where several nodes write", () => {
  const planned = (changed: Parameters<typeof anObservedVolume>[0]): readonly ReplicaAction[] =>
    planReplicas(anObservedVolume(changed));
  const staged = aReplica("node-b", { spec: { staged: true } });
  const deleted = (own: AzVolumeAttachment, node: Partial<ObservedNode> = {}): readonly string[] =>
    planned({
      volume: none,
      attachments: [primary, own],
      nodes: [aNode("node-a"), aNode("node-b", node)],
    }).flatMap((action) => (action.kind === "DeleteAttachment" ? action.attachmentName : []));

  it("keeps it, also on a silent node, until its node has unstaged the volume", () => {
    assert.deepEqual(deleted(staged), []);
    assert.deepEqual(deleted(staged, { heartbeatUnchangedMs: 3_600_000 }), []);
    assert.deepEqual(deleted(aReplica("node-b")), [attachmentName("node-b")]);
  });

  it("deletes it where its node is lost", () => {
    for (const lost of [{ isOutOfService: true }, { isGone: true }])
      assert.deepEqual(deleted(staged, lost), [attachmentName("node-b")]);
  });

  it("lets another one give way to a further node", () => {
    const further = anAttachment("node-d", { status: undefined });
    const attachments = [primary, staged, aReplica("node-c"), further];
    const volume = severalWriters({ disk: aDiskSpec({ maxShares: 3 }), maxMountReplicaCount: 1 });
    assert.deepEqual(planned({ volume, attachments })[0], trims("node-c", ["node-a", "node-d"], ["node-b"]));
  });
});
