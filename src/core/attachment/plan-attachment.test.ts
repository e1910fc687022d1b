import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import type { AzVolume } from "../api/az-volume.ts";
import type { NodeIdentity } from "../api/identity/node-identity.ts";
import type { EventReason } from "../events/event-reasons.ts";
import {
  agoMs,
  anAttachment,
  attachmentName,
  aNode,
  anObservedVolume,
  aRecord,
  aReplica,
  aVolume,
  aVolumeWithRecord,
  aWriter,
  identity,
  leaving,
} from "../testing/objects.ts";
import type { ObservedNode } from "./observed-volume.ts";
import { type AttachmentAction, isStillRequested, planAttachment } from "./plan-attachment.ts";

const a = identity("node-a");
const error = { kind: "CloudRejected", message: "", failure: "{}", time: agoMs(0), retries: 3 };
const pending = { status: undefined };

interface Row {
  readonly because: string;
  readonly own: AzVolumeAttachment;
  readonly others?: readonly AzVolumeAttachment[];
  readonly volume?: AzVolume;
  readonly nodes?: readonly ObservedNode[];
  readonly hasUser?: boolean;
  readonly plan: AttachmentAction | undefined;
}

function check(rows: readonly Row[]): void {
  for (const { because, own, others = [], volume = aVolume(), nodes, hasUser = true, plan } of rows) {
    const observed = anObservedVolume({
      volume,
      hasUser: () => hasUser,
      attachments: [own, ...others],
      ...(nodes === undefined ? {} : { nodes }),
    });
    assert.deepEqual(planAttachment(observed, own), plan, because);
  }
}

function withoutVm(attachment: AzVolumeAttachment): AzVolumeAttachment {
  const { vmId: _, ...status } = attachment.status ?? { state: "Pending" };
  return { ...attachment, status };
}

/** Attached to the VM of that node. */
const onVmOf = (nodeName: string): Pick<NodeIdentity, "vmId" | "instanceUri"> => {
  const { vmId, instanceUri } = identity(nodeName);
  return { vmId, instanceUri };
};
const onVmOfA = onVmOf("node-a");

function withoutReplicas(volume: AzVolume): AzVolume {
  return { ...volume, spec: { ...volume.spec, maxMountReplicaCount: 0 } };
}

const waits = (because: string, reason?: EventReason): AttachmentAction => ({
  kind: "Wait",
  because,
  ...(reason === undefined ? {} : { reason }),
});
const attaches = (lane: "primaryAttach" | "replicaAttach"): AttachmentAction => ({
  kind: "Attach",
  node: a,
  lane,
});

describe("planAttachment", () => {
  it("attaches unattached disks, primaries in their own lane", () => {
    check([
      { because: "a primary", own: anAttachment("node-a", pending), plan: attaches("primaryAttach") },
      { because: "a replica", own: aReplica("node-a", pending), plan: attaches("replicaAttach") },
      {
        because: "tried before",
        own: anAttachment("node-a", { status: { state: "AttachmentFailed", error } }),
        plan: attaches("primaryAttach"),
      },
      {
        because: "a controller died over it",
        own: anAttachment("node-a", { status: { state: "Attaching" } }),
        plan: attaches("primaryAttach"),
      },
      {
        because: "the node finds no device",
        own: anAttachment("node-a", { status: { deviceMissing: true } }),
        plan: attaches("primaryAttach"),
      },
      {
        because: "it was attached to an earlier VM of this name, on which its LUN meant something",
        own: anAttachment("node-a", { status: { vmId: "older" } }),
        plan: attaches("primaryAttach"),
      },
      {
        because: "its own share is no obstacle to trying again",
        own: anAttachment("node-a", { status: { state: "Attaching" } }),
        others: [aReplica("node-b"), aReplica("node-c")],
        plan: attaches("primaryAttach"),
      },
      {
        because: "it is not known to which VM it was attached",
        own: withoutVm(anAttachment("node-a")),
        plan: attaches("primaryAttach"),
      },
      {
        because: "the record concerns others",
        own: anAttachment("node-a", pending),
        volume: aVolumeWithRecord({ writer: aWriter("node-b"), quarantined: [identity("node-c")] }),
        plan: attaches("primaryAttach"),
      },
      {
        because: "a person deleted the AzVolume, which serves until it is rebuilt",
        own: anAttachment("node-a", pending),
        volume: aVolume({ metadata: { deletionTimestamp: agoMs(0) } }),
        plan: attaches("primaryAttach"),
      },
    ]);
  });

  it("waits where an attach is forbidden or pointless, and says for what", () => {
    const attached = [aReplica("node-b"), aReplica("node-c")];
    check([
      {
        because: "no disk",
        own: anAttachment("node-a", pending),
        volume: { ...aVolume(), status: { state: "Creating", observedGeneration: 0, conditions: [] } },
        plan: waits("the disk does not exist yet"),
      },
      {
        because: "deleting",
        own: anAttachment("node-a", pending),
        volume: aVolume({ spec: { deleteRequested: true } }),
        plan: waits("the volume is being deleted"),
      },
      {
        because: "growing",
        own: anAttachment("node-a", pending),
        volume: aVolume({ status: { state: "Updating" } }),
        plan: waits("the disk grows only while no VM has it", "WaitingForExpansion"),
      },
      {
        because: "no node",
        own: anAttachment("node-a", pending),
        nodes: [aNode("node-b")],
        plan: waits(
          "no node plug-in has registered as node-a: there is no such AzDriverNode",
          "WaitingForNodePlugin",
        ),
      },
      {
        because: "quarantine",
        own: anAttachment("node-a", pending),
        volume: aVolumeWithRecord({ quarantined: [a] }),
        plan: waits(
          "node-a is being fenced from the volume, or was and is not clean yet",
          "WaitingForQuarantine",
        ),
      },
      {
        because: "fence",
        own: anAttachment("node-a", pending),
        volume: aVolumeWithRecord({ writer: aWriter("node-a", { requested: false }), fencing: a }),
        plan: waits(
          "node-a is being fenced from the volume, or was and is not clean yet",
          "WaitingForQuarantine",
        ),
      },
      {
        because: "an adopted disk",
        own: anAttachment("node-a", pending),
        volume: aVolumeWithRecord({ defaultAccess: "quarantined" }),
        plan: waits(
          "the disk is not new, and node-a has not shown yet that nothing of it is in use there",
          "WaitingForProof",
        ),
      },
      {
        because: "a replica after its last attempt",
        own: aReplica("node-a", { status: { state: "AttachmentFailed", error } }),
        plan: waits("every try to attach this replica failed"),
      },
      {
        because: "no share",
        own: anAttachment("node-a", pending),
        others: [...attached, anAttachment("node-d")],
        plan: waits("all 3 shares of the disk are taken, by node-b, node-c, node-d", "WaitingForShare"),
      },
      {
        because: "nothing waits for a replica",
        own: aReplica("node-a", pending),
        others: [...attached, anAttachment("node-d")],
        plan: waits("all 3 shares of the disk are taken, by node-b, node-c, node-d"),
      },
      {
        because: "a deleting attachment has its share until it is gone",
        own: anAttachment("node-a", pending),
        others: [...attached, leaving(aReplica("node-d", { status: { state: "Detaching" } }))],
        plan: waits("all 3 shares of the disk are taken, by node-b, node-c, node-d", "WaitingForShare"),
      },
      {
        because: "an attach under way counts",
        own: anAttachment("node-a", pending),
        others: [...attached, aReplica("node-d", { status: { state: "Attaching" } })],
        plan: waits("all 3 shares of the disk are taken, by node-b, node-c, node-d", "WaitingForShare"),
      },
      {
        because: "an attach that may have happened counts",
        own: anAttachment("node-a", pending),
        others: [...attached, aReplica("node-d", { status: { state: "AttachmentFailed" } })],
        plan: waits("all 3 shares of the disk are taken, by node-b, node-c, node-d", "WaitingForShare"),
      },
      ...(["Detaching", "DetachmentFailed"] as const).map((state) => ({
        because: `a detach that has not ended counts (${state}), also where the attachment stays`,
        own: anAttachment("node-a", pending),
        others: [...attached, aReplica("node-d", { status: { state } })],
        plan: waits("all 3 shares of the disk are taken, by node-b, node-c, node-d", "WaitingForShare"),
      })),
    ]);
    check([
      {
        because: "a share that no attachment holds yet is free",
        own: anAttachment("node-a", pending),
        others: [...attached, aReplica("node-d", pending)],
        plan: attaches("primaryAttach"),
      },
      {
        because: "the attachment of an earlier name of its VM takes no second share",
        own: anAttachment("node-a", pending),
        others: [...attached, aReplica("node-d", { status: onVmOfA })],
        plan: attaches("primaryAttach"),
      },
      {
        because: "two names of another VM take one share",
        own: anAttachment("node-a", pending),
        others: [...attached, anAttachment("node-d", { status: onVmOf("node-b") })],
        plan: attaches("primaryAttach"),
      },
      {
        because: "the disk is on its VM by that one, so that the attach of a volume being deleted adds none",
        own: anAttachment("node-a", pending),
        volume: aVolume({ spec: { deleteRequested: true } }),
        others: [aReplica("node-d", { status: onVmOfA })],
        plan: attaches("primaryAttach"),
      },
      {
        because: "a replica whose every attempt failed has no share to free for another one",
        own: anAttachment("node-a", pending),
        others: [...attached, aReplica("node-d", { status: { state: "AttachmentFailed", error } })],
        plan: attaches("primaryAttach"),
      },
      {
        because: "a replica that is to be retried does not count as failed",
        own: aReplica("node-a", { status: { state: "Pending", error } }),
        plan: attaches("replicaAttach"),
      },
      {
        because: "nor has one that never attached",
        own: anAttachment("node-a", pending),
        others: [...attached, leaving(aReplica("node-d", pending))],
        plan: attaches("primaryAttach"),
      },
      {
        because: "nor has one with a fence's proof that it is detached",
        own: anAttachment("node-a", pending),
        others: [...attached, leaving(aReplica("node-d", { status: { state: "Pending" } }))],
        plan: attaches("primaryAttach"),
      },
    ]);
  });

  it("detaches the disk first from an earlier VM of the node's name", () => {
    const earlier = { nodeName: "node-a", vmId: "older", instanceUri: "/older" };
    const on = { vmId: earlier.vmId, instanceUri: earlier.instanceUri };
    const detaches = (lane: "detach" | "prune"): AttachmentAction => ({
      kind: "DetachEarlier",
      node: earlier,
      lane,
    });
    const { record: _, ...withoutRecord } = aVolume().status ?? {
      state: "Created",
      observedGeneration: 1,
      conditions: [],
    };
    const capabilities = [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] as const;
    const shared = { ...aVolume({ spec: { capabilities } }), status: withoutRecord };
    const replica = aReplica("node-a", { status: on });
    check([
      { because: "a replica", own: replica, plan: detaches("prune") },
      {
        because: "a pod has come to the other VM since",
        own: anAttachment("node-a", { status: on }),
        plan: detaches("detach"),
      },
      {
        because: "a detach was interrupted",
        own: aReplica("node-a", { status: { ...on, state: "Detaching" } }),
        plan: detaches("prune"),
      },
      {
        because: "an attach may have happened",
        own: aReplica("node-a", { status: { ...on, state: "Attaching" } }),
        plan: detaches("prune"),
      },
      {
        because: "it was fenced",
        own: aReplica("node-a", { status: on }),
        volume: aVolumeWithRecord({ writer: aWriter("node-b"), quarantined: [earlier] }),
        plan: detaches("prune"),
      },
      {
        because: "that VM has another name by now, and the disk by that one: it stays there",
        own: anAttachment("node-a", { status: on }),
        others: [aReplica("node-b", { status: on })],
        plan: { kind: "LeaveDisk", node: earlier, keeper: attachmentName("node-b") },
      },
      {
        because: "the same, and its detach was begun",
        own: anAttachment("node-a", { status: { ...on, state: "Detaching" } }),
        others: [aReplica("node-b", { status: on })],
        plan: { kind: "TakeBackDetach", node: earlier },
      },
      {
        because: "it was granted the volume, and may be revoked without a fence",
        own: anAttachment("node-a", { status: on }),
        volume: aVolumeWithRecord({ writer: { ...aWriter("node-a", { held: false }), ...earlier } }),
        plan: waits("the disk is on /older, which was node-a before, and may still write the volume"),
      },
      {
        because: "it is unverified",
        own: anAttachment("node-a", { status: on }),
        volume: aVolumeWithRecord({ unverified: [earlier] }),
        plan: waits("the disk is on /older, which was node-a before, and may still write the volume"),
      },
      {
        because: "it is being fenced",
        own: anAttachment("node-a", { status: on }),
        volume: aVolumeWithRecord({ fencing: earlier }),
        plan: waits("the disk is on /older, which was node-a before, and is being fenced"),
      },
      {
        because: "several nodes may write, and nothing says whether it does",
        own: anAttachment("node-a", { status: on }),
        volume: shared,
        plan: attaches("primaryAttach"),
      },
      {
        because: "the same, and the mark says that it may have staged the volume",
        own: { ...replica, spec: { ...replica.spec, staged: true } },
        volume: shared,
        plan: attaches("replicaAttach"),
      },
      {
        because: "several nodes may write, and it does not: its share would be missing for good",
        own: replica,
        volume: shared,
        plan: detaches("prune"),
      },
      {
        because: "a record that is missing may have named it",
        own: replica,
        volume: { ...aVolume(), status: withoutRecord },
        plan: attaches("replicaAttach"),
      },
      {
        because: "the VM was moved to another resource id, and is where it was attached",
        own: aReplica("node-a", { status: { instanceUri: "/older" } }),
        plan: undefined,
      },
      {
        because: "no Node says which VM it is",
        own: aReplica("node-a", { status: on }),
        nodes: [aNode("node-a", { isGone: true })],
        plan: undefined,
      },
    ]);
  });

  it("records the role reached, by the record or, for several writers, by the spec", () => {
    const isWriter = aVolumeWithRecord({ writer: aWriter("node-a") });
    const capabilities = [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] as const;
    const { record: _, ...status } = aVolume().status ?? {};
    const shared = { ...aVolume({ spec: { capabilities } }), status } as AzVolume;
    check([
      {
        because: "promoted",
        own: anAttachment("node-a", { status: { role: "Replica" } }),
        volume: isWriter,
        plan: { kind: "RecordRole", role: "Primary" },
      },
      { because: "already recorded", own: anAttachment("node-a"), volume: isWriter, plan: undefined },
      {
        because: "Azure's case of a GUID is no other VM",
        own: anAttachment("node-a", { status: { vmId: a.vmId.toUpperCase() } }),
        volume: isWriter,
        plan: undefined,
      },
      {
        because: "nor is that of the node's report",
        own: anAttachment("node-a"),
        nodes: [aNode("node-a", { vmId: a.vmId.toUpperCase() })],
        volume: isWriter,
        plan: undefined,
      },
      {
        because: "unpublished, and the writer still",
        own: aReplica("node-a", { status: { role: "Primary" } }),
        volume: isWriter,
        plan: undefined,
      },
      {
        because: "demoted",
        own: aReplica("node-a", { status: { role: "Primary" } }),
        plan: { kind: "RecordRole", role: "Replica" },
      },
      {
        because: "no replica is kept: it is deleted next",
        own: aReplica("node-a", { status: { role: "Primary" } }),
        volume: withoutReplicas(aVolumeWithRecord({})),
        plan: undefined,
      },
      {
        because: "published, not granted",
        own: anAttachment("node-a", { status: { role: "Replica" } }),
        volume: aVolumeWithRecord({ writer: aWriter("node-b") }),
        plan: undefined,
      },
      {
        because: "published, not granted any more, whether or not replicas are kept",
        own: anAttachment("node-a", { status: { role: "Primary" } }),
        volume: withoutReplicas(aVolumeWithRecord({ writer: aWriter("node-b") })),
        plan: { kind: "RecordRole", role: "Replica" },
      },
      {
        because: "the writer, whether or not replicas are kept",
        own: aReplica("node-a", { status: { role: "Replica" } }),
        volume: withoutReplicas(isWriter),
        plan: { kind: "RecordRole", role: "Primary" },
      },
      {
        because: "the grant is that of an older VM",
        own: anAttachment("node-a", { status: { role: "Primary" } }),
        volume: aVolumeWithRecord({ writer: { ...aWriter("node-a"), vmId: "older" } }),
        plan: { kind: "RecordRole", role: "Replica" },
      },
      {
        because: "its node is gone, and the record names another one",
        own: anAttachment("node-a", { status: { role: "Primary" } }),
        volume: aVolumeWithRecord({ writer: aWriter("node-b") }),
        nodes: [aNode("node-a", { isGone: true })],
        plan: { kind: "RecordRole", role: "Replica" },
      },
      {
        because: "several writers",
        own: anAttachment("node-a", { status: { role: "Replica" } }),
        volume: shared,
        plan: { kind: "RecordRole", role: "Primary" },
      },
    ]);
  });

  it("records no role of a node of which it is unknown whether it writes", () => {
    const { record: _, ...status } = aVolume().status ?? {};
    const recordMissing = { ...aVolume(), status } as AzVolume;
    for (const role of ["Primary", "Replica", undefined] as const)
      for (const own of [
        anAttachment("node-a", { status: { role } }),
        aReplica("node-a", { status: { role } }),
      ])
        check([
          { because: "the record is being rebuilt", own, volume: recordMissing, plan: undefined },
          {
            because: "the node is unverified",
            own,
            volume: aVolumeWithRecord({ unverified: [a] }),
            plan: undefined,
          },
        ]);
  });

  it("detaches a deleted attachment, never from a node that may write", () => {
    const off = { state: "Pending", provenOff: a.vmId } as const;
    const inCapitals = { ...a, vmId: a.vmId.toUpperCase() };
    check([
      {
        because: "a replica",
        own: leaving(aReplica("node-a")),
        plan: { kind: "Detach", node: a, lane: "prune" },
      },
      {
        because: "a primary that has given",
        own: leaving(anAttachment("node-a")),
        plan: { kind: "Detach", node: a, lane: "detach" },
      },
      {
        because:
          "its node is gone, and only that node's word names another VM: the record's VM may still write",
        own: leaving(anAttachment("node-a", { status: { vmId: undefined, instanceUri: undefined } })),
        volume: aVolumeWithRecord({ unverified: [a] }),
        nodes: [aNode("node-a", { isGone: true, vmId: "vm-of-another", instanceUri: "/another" })],
        plan: waits("node-a may still write the volume"),
      },
      ...[undefined, aRecord(), aRecord({ writer: { ...aWriter("node-b"), ...a, nodeName: "node-b" } })].map(
        (record): Row => ({
          because: "its VM has the disk under another name of its node",
          own: leaving(aReplica("node-a")),
          others: [anAttachment("node-b", { status: { vmId: inCapitals.vmId, instanceUri: a.instanceUri } })],
          volume:
            record === undefined
              ? aVolume({
                  spec: { capabilities: [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] },
                })
              : aVolumeWithRecord(record),
          plan: { kind: "LeaveDisk", node: a, keeper: attachmentName("node-b") },
        }),
      ),
      {
        because: "the same, and its detach was begun",
        own: leaving(aReplica("node-a", { status: { state: "Detaching" } })),
        others: [anAttachment("node-b", { status: { vmId: a.vmId, instanceUri: a.instanceUri } })],
        plan: { kind: "TakeBackDetach", node: a },
      },
      {
        because: "the same, and that one is being deleted, too",
        own: leaving(aReplica("node-a")),
        others: [leaving(aReplica("node-b", { status: { vmId: a.vmId, instanceUri: a.instanceUri } }))],
        plan: { kind: "Detach", node: a, lane: "prune" },
      },
      {
        because: "in quarantine it may go",
        own: leaving(aReplica("node-a")),
        volume: aVolumeWithRecord({ quarantined: [a] }),
        plan: { kind: "Detach", node: a, lane: "prune" },
      },
      {
        because: "a fence has proven that it is detached",
        own: leaving(aReplica("node-a", { status: off })),
        volume: aVolumeWithRecord({ quarantined: [a] }),
        plan: { kind: "RemoveProvenOff", node: a },
      },
      {
        because: "the proof spells the GUID in capitals",
        own: leaving(aReplica("node-a", { status: { ...off, provenOff: a.vmId.toUpperCase() } })),
        volume: aVolumeWithRecord({ quarantined: [a] }),
        plan: { kind: "RemoveProvenOff", node: a },
      },
      {
        because: "the attachment spells the GUID in capitals",
        own: leaving(aReplica("node-a", { status: { ...off, vmId: inCapitals.vmId } })),
        volume: aVolumeWithRecord({ quarantined: [a] }),
        plan: { kind: "RemoveProvenOff", node: inCapitals },
      },
      {
        because: "it was proven to be detached from another VM of that name",
        own: leaving(aReplica("node-a", { status: { ...off, provenOff: "older" } })),
        volume: aVolumeWithRecord({ quarantined: [a] }),
        plan: { kind: "Detach", node: a, lane: "prune" },
      },
      {
        because: "it was detached, and an attach has begun since",
        own: leaving(aReplica("node-a", { status: { ...off, state: "Attaching" } })),
        volume: aVolumeWithRecord({ quarantined: [a] }),
        plan: { kind: "Detach", node: a, lane: "prune" },
      },
      {
        because: "it was detached, and a rebuilt record knows nothing of that",
        own: leaving(aReplica("node-a", { status: off })),
        volume: aVolumeWithRecord({ defaultAccess: "quarantined" }),
        plan: { kind: "Detach", node: a, lane: "prune" },
      },
      {
        because: "the writer",
        own: leaving(aReplica("node-a")),
        volume: aVolumeWithRecord({ writer: aWriter("node-a", { requested: false }) }),
        plan: waits("node-a may still write the volume"),
      },
      {
        because: "it may have the reservation that keeps another node from writing",
        own: leaving(aReplica("node-a")),
        volume: aVolumeWithRecord({ fencing: { ...identity("node-b"), preempted: 1 } }),
        plan: waits("until node-b is proven to be off the disk, only a reservation keeps it from writing"),
      },
      {
        because: "granted, not held",
        own: leaving(aReplica("node-a")),
        volume: aVolumeWithRecord({ writer: aWriter("node-a", { held: false, requested: false }) }),
        plan: waits("node-a may still write the volume"),
      },
      {
        because: "it is unknown which node may write while the object is being recreated",
        own: leaving(aReplica("node-a")),
        volume: { ...aVolume(), status: { state: "Pending", observedGeneration: 0, conditions: [] } },
        plan: waits("the volume's record is being rebuilt"),
      },
      {
        because: "unverified",
        own: leaving(aReplica("node-a")),
        volume: aVolumeWithRecord({ unverified: [a] }),
        plan: waits("node-a may still write the volume"),
      },
      {
        because: "being fenced",
        own: leaving(aReplica("node-a")),
        volume: aVolumeWithRecord({ writer: aWriter("node-a", { requested: false }), fencing: a }),
        plan: waits("node-a is being fenced"),
      },
      {
        because: "its node is gone, and the VM that it was attached to is known",
        own: leaving(aReplica("node-a")),
        nodes: [],
        plan: { kind: "Detach", node: a, lane: "prune" },
      },
      {
        because: "its node is gone while the disk was being attached",
        own: leaving(aReplica("node-a", { status: { state: "Attaching" } })),
        nodes: [],
        plan: { kind: "Detach", node: a, lane: "prune" },
      },
      {
        because: "another VM has the node's name by now",
        own: leaving(aReplica("node-a", { status: { vmId: "older", instanceUri: "/older" } })),
        plan: {
          kind: "Detach",
          node: { nodeName: "node-a", vmId: "older", instanceUri: "/older" },
          lane: "prune",
        },
      },
      {
        because: "no attach was begun, and its node is there: a person may have attached the disk to it",
        own: leaving(aReplica("node-a", pending)),
        plan: { kind: "RemoveUnattached", node: a },
      },
      {
        because: "its status was never written",
        own: leaving(aReplica("node-a", { status: undefined })),
        plan: { kind: "RemoveUnattached", node: a },
      },
      {
        because: "several write, and no attach was begun",
        own: leaving(aReplica("node-a", pending)),
        volume: aVolume({
          spec: { capabilities: [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] },
          status: { record: undefined },
        }),
        plan: { kind: "RemoveUnattached", node: a },
      },
      {
        because: "no attach was begun, and by the record the node may write",
        own: leaving(aReplica("node-a", pending)),
        volume: aVolumeWithRecord({ unverified: [a] }),
        plan: waits("node-a may still write the volume"),
      },
      {
        because: "its node is gone, and only the record still knows its VM",
        own: leaving(aReplica("node-a", pending)),
        nodes: [],
        volume: aVolumeWithRecord({ quarantined: [a] }),
        plan: { kind: "RemoveUnattached", node: a },
      },
      {
        because: "its node is gone, and by the record it may write, though no attach is known of",
        own: leaving(aReplica("node-a", pending)),
        nodes: [],
        volume: aVolumeWithRecord({ unverified: [a] }),
        plan: waits("node-a may still write the volume"),
      },
      {
        because: "its node is gone, and it was never attached",
        own: leaving(aReplica("node-a", { status: undefined })),
        nodes: [],
        plan: { kind: "RemoveUnattached", node: undefined },
      },
      {
        because: "its node is gone, and it is the writer",
        own: leaving(anAttachment("node-a")),
        nodes: [],
        volume: aVolumeWithRecord({ writer: aWriter("node-a", { requested: false }) }),
        plan: waits("node-a may still write the volume"),
      },
      {
        because: "its node is gone, and it is unverified",
        own: leaving(anAttachment("node-a")),
        nodes: [],
        volume: aVolumeWithRecord({ unverified: [a] }),
        plan: waits("node-a may still write the volume"),
      },
    ]);
  });

  it("takes a detach back that was begun, and that nothing allows or asks for any more", () => {
    const takesBack: AttachmentAction = { kind: "TakeBackDetach", node: a };
    const own = { status: { state: "Detaching", attempt: "mark-1" } } as const;
    const failed = { status: { state: "DetachmentFailed", attempt: "mark-1" } } as const;
    const earlier = { nodeName: "node-a", vmId: "older", instanceUri: "/older" };
    const { record: _, ...withoutRecord } = aVolume().status ?? {};
    const several = {
      ...aVolume({
        spec: { capabilities: [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] },
      }),
      status: withoutRecord,
    } as AzVolume;
    const full = [aReplica("node-b"), aReplica("node-c"), aReplica("node-d")];
    const holder = aVolumeWithRecord({ writer: aWriter("node-a", { requested: false }) });
    check([
      {
        because: "its node holds the volume without a request",
        own: leaving(anAttachment("node-a", own)),
        volume: holder,
        plan: takesBack,
      },
      {
        because: "the same, and the detach has failed",
        own: leaving(anAttachment("node-a", failed)),
        volume: holder,
        plan: takesBack,
      },
      {
        because: "the same, and it was marked by an earlier version",
        own: leaving(anAttachment("node-a", { status: { state: "Detaching" } })),
        volume: holder,
        plan: takesBack,
      },
      {
        because: "its node is to write: before its object is made again",
        own: leaving(anAttachment("node-a", own)),
        volume: aVolumeWithRecord({ writer: aWriter("node-a", { held: false }) }),
        plan: takesBack,
      },
      {
        because: "the same where several write",
        own: leaving(anAttachment("node-a", own)),
        volume: several,
        plan: takesBack,
      },
      {
        because: "the attachment stays, and its VM was an earlier one for a while; it needs no other share",
        own: aReplica("node-a", own),
        others: full,
        plan: takesBack,
      },
    ]);
    check([
      {
        because: "others have begun it: it ends with the next update of the VM",
        own: aReplica("node-a", { status: { state: "Detaching" } }),
        plan: attaches("replicaAttach"),
      },
      {
        because: "it is from an earlier VM, which nothing shows as a writer",
        own: aReplica("node-a", { status: { ...own.status, ...earlier } }),
        plan: { kind: "DetachEarlier", node: earlier, lane: "prune" },
      },
      {
        because: "the writer is another VM of its name",
        own: leaving(anAttachment("node-a", { status: { ...own.status, ...earlier } })),
        volume: aVolumeWithRecord({ writer: aWriter("node-a") }),
        plan: { kind: "Recreate", node: a },
      },
      {
        because: "a fence detaches it",
        own: leaving(anAttachment("node-a", own)),
        volume: aVolumeWithRecord({ writer: aWriter("node-a", { requested: false }), fencing: a }),
        plan: waits("node-a is being fenced"),
      },
      {
        because: "the node is unverified, and gets its place by a proof",
        own: leaving(anAttachment("node-a", own)),
        volume: aVolumeWithRecord({ unverified: [a] }),
        plan: waits("node-a may still write the volume"),
      },
      {
        because: "the record still allows it",
        own: leaving(anAttachment("node-a", own)),
        plan: { kind: "Detach", node: a, lane: "detach" },
      },
    ]);
  });

  // Left deleting, it would keep the node's next pod from its volume.
  it("recreates an attachment deleted by hand while its node is to write", () => {
    const shared = {
      ...aVolume(),
      spec: {
        ...aVolume().spec,
        capabilities: [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }],
      },
    } as AzVolume;
    const { record: _, ...withoutRecord } = aVolume().status ?? {
      state: "Created",
      observedGeneration: 1,
      conditions: [],
    };
    const several = { ...shared, status: withoutRecord };
    const recreate: AttachmentAction = { kind: "Recreate", node: a };
    const error = { kind: "DiskNotFound", message: "gone", failure: "", retries: 0, time: agoMs(0) };
    const withoutDisk = { ...aVolume(), status: { ...withoutRecord, error } };
    check([
      {
        because: "the writer",
        own: leaving(anAttachment("node-a")),
        volume: aVolumeWithRecord({ writer: aWriter("node-a") }),
        plan: recreate,
      },
      {
        because: "granted, not held",
        own: leaving(anAttachment("node-a")),
        volume: aVolumeWithRecord({ writer: aWriter("node-a", { held: false }) }),
        plan: recreate,
      },
      {
        because: "its request had ended, and a new pod came to the node before it was deleted",
        own: leaving(aReplica("node-a")),
        volume: aVolumeWithRecord({ writer: aWriter("node-a") }),
        plan: recreate,
      },
      {
        because: "its plug-in's object was deleted, too",
        own: leaving(anAttachment("node-a")),
        nodes: [],
        volume: aVolumeWithRecord({ writer: aWriter("node-a") }),
        plan: recreate,
      },
      {
        because: "several write, and it is one of them",
        own: leaving(anAttachment("node-a")),
        volume: several,
        plan: recreate,
      },
      {
        because: "the writer, whose user a cache does not show: only its record counts",
        own: leaving(anAttachment("node-a")),
        volume: aVolumeWithRecord({ writer: aWriter("node-a") }),
        hasUser: false,
        plan: recreate,
      },
      {
        because: "several write, and a cache shows no user: what its pod has left may still write",
        own: leaving(anAttachment("node-a")),
        volume: several,
        hasUser: false,
        plan: recreate,
      },
      {
        because: "several write, and its plug-in's object was deleted, too",
        own: leaving(anAttachment("node-a")),
        nodes: [],
        volume: several,
        plan: recreate,
      },
      ...[[aNode("node-a")], []].map((nodes) => ({
        because: `one writes, its record and disk are gone, and so is its pod; ${nodes.length} nodes`,
        own: leaving(anAttachment("node-a")),
        nodes,
        volume: withoutDisk,
        hasUser: false,
        plan: { kind: "Detach", node: a, lane: "detach" } as const,
      })),
      {
        because: "several write, and its node is out of service: it would be deleted again at once",
        own: leaving(anAttachment("node-a")),
        volume: several,
        hasUser: false,
        nodes: [aNode("node-a", { isOutOfService: true })],
        plan: { kind: "Detach", node: a, lane: "detach" },
      },
      {
        because: "several write, and its node is gone",
        own: leaving(anAttachment("node-a")),
        volume: several,
        nodes: [aNode("node-a", { isGone: true })],
        plan: { kind: "Detach", node: a, lane: "detach" },
      },
      {
        because: "several write, and its disk, which it has had, was looked up in vain",
        own: leaving(
          anAttachment("node-a", { status: { state: "AttachmentFailed", lun: 4, deviceMissing: true } }),
        ),
        volume: several,
        hasUser: false,
        plan: recreate,
      },
      {
        because: "several write, and its pod has gone before its disk was attached",
        own: leaving({
          ...anAttachment("node-a"),
          status: { state: "Attaching", vmId: a.vmId, instanceUri: a.instanceUri },
        }),
        volume: several,
        hasUser: false,
        plan: { kind: "Detach", node: a, lane: "detach" },
      },
      {
        because: "several write, and it was one of them",
        own: leaving(aReplica("node-a")),
        volume: several,
        plan: { kind: "Detach", node: a, lane: "prune" },
      },
      {
        because: "several write, and it is marked as staged there",
        own: leaving(aReplica("node-a", { spec: { staged: true } })),
        volume: several,
        plan: recreate,
      },
      {
        because: "several write, it is marked as staged, and its node is out of service",
        own: leaving(aReplica("node-a", { spec: { staged: true } })),
        volume: several,
        nodes: [aNode("node-a", { isOutOfService: true })],
        plan: { kind: "Detach", node: a, lane: "prune" },
      },
      {
        because: "several write, it is marked as staged, and an older backup shows no request",
        own: leaving(anAttachment("node-a", { spec: { staged: true, writerRequest: undefined } })),
        volume: several,
        hasUser: false,
        plan: recreate,
      },
      {
        because: "it is marked as staged, and its detach was begun",
        own: leaving(aReplica("node-a", { spec: { staged: true }, status: { state: "Detaching" } })),
        volume: several,
        plan: { kind: "TakeBackDetach", node: a },
      },
      {
        because: "the same, and the volume is being deleted",
        own: leaving(aReplica("node-a", { spec: { staged: true } })),
        volume: { ...several, spec: { ...several.spec, deleteRequested: true } },
        plan: {
          kind: "Wait",
          because: "its node has not unstaged the volume: if that node is dead, mark it out of service",
          afterMs: 1_000,
        },
      },
      {
        because: "one node writes, and its token has marked it as staged",
        own: leaving(aReplica("node-a", { spec: { staged: true } })),
        volume: aVolume(),
        plan: { kind: "Detach", node: a, lane: "prune" },
      },
      {
        because: "several wrote a volume that is being deleted",
        own: leaving(anAttachment("node-a")),
        volume: { ...several, spec: { ...several.spec, deleteRequested: true } },
        plan: { kind: "Detach", node: a, lane: "detach" },
      },
    ]);
  });
});

describe("isStillRequested", () => {
  it("is false while the record is missing, or the node is being fenced", () => {
    const { record: _, ...status } = aVolume().status ?? {};
    assert.equal(isStillRequested({ ...aVolume(), status } as AzVolume, anAttachment("node-a"), a), false);
    const writer = aWriter("node-a");
    assert.equal(isStillRequested(aVolumeWithRecord({ writer }), anAttachment("node-a"), a), true);
    assert.equal(
      isStillRequested(aVolumeWithRecord({ writer, fencing: a }), anAttachment("node-a"), a),
      false,
    );
    const deletedByHand = aVolume({
      metadata: { deletionTimestamp: agoMs(0) },
      status: { record: aRecord({ writer }) },
    });
    assert.equal(isStillRequested(deletedByHand, anAttachment("node-a"), a), true);
  });

  it("goes by role and request where several nodes may write", () => {
    const capabilities = [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] as const;
    const { record: _, ...status } = aVolume().status ?? {};
    const several = { ...aVolume({ spec: { capabilities } }), status } as AzVolume;
    const { writerRequest: _writerRequest, ...unrequested } = anAttachment("node-a").spec;
    const rows = [
      { own: anAttachment("node-a"), expected: true },
      { own: { ...anAttachment("node-a"), spec: unrequested }, expected: false },
      { own: aReplica("node-a", { spec: { writerRequest: { since: agoMs(0) } } }), expected: false },
    ];
    for (const { own, expected } of rows) assert.equal(isStillRequested(several, own, a), expected);
  });
});
