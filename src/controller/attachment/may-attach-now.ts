import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { attachmentProblem } from "../../core/api/identity/attachment-identity.ts";
import { isSameVm, isSameVmId, type NodeIdentity } from "../../core/api/identity/node-identity.ts";
import { nodeLabel } from "../../core/api/node-labels.ts";
import { isDetaching, lunOn } from "../../core/attachment/attachment-state.ts";
import { isDeleting } from "../../core/attachment/observed-volume.ts";
import { resourceUriKey } from "../../core/azure/ids/disk-uri.ts";
import { isNamed, nodesIn, type NodeRole } from "../../core/writer/record/record-nodes.ts";
import { mayAttach } from "../../core/writer/record/writer-steps.ts";
import { attachmentsNow } from "../../objects/cache/attachments-now.ts";
import { isTrusted } from "../../objects/store-incarnation.ts";
import type { AttachmentPorts } from "../controller-ports.ts";

export interface PlannedAttach {
  readonly volume: AzVolume;
  readonly attachment: AzVolumeAttachment;
  readonly node: NodeIdentity;
}

/** An uncached check between the read of the VM and its write. */
export async function mayAttachNow(
  ports: AttachmentPorts,
  planned: PlannedAttach,
  signal: AbortSignal,
): Promise<boolean> {
  const { volume, node } = planned;
  const fresh = await ports.store.get("AzVolume", volume.metadata.name, signal);
  if (!fresh.ok || fresh.value.metadata.uid !== volume.metadata.uid || isDeleting(fresh.value)) return false;
  // The record that is checked has to be that of the very disk that is attached.
  if (attachmentProblem(planned.attachment, fresh.value) !== undefined) return false;
  if (volumesBarring(ports, node).length > 0 || !(await isAsCached(ports, planned, signal))) return false;
  const record = fresh.value.status?.record;
  return (record === undefined || mayAttach(record, node)) && (await isTrusted(ports, record, signal));
}

/** A volume whose record keeps a node from disks of all other volumes. */
export interface BarringVolume {
  readonly volumeName: string;
  /** Whether it was not fenced from that volume, but may have its disk at a place that is not known. */
  readonly isUnplaced: boolean;
}

/**
 * After a fence, a process on that VM may still refer to the old device: a container with the raw device
 * open, or a plug-in that was paused right before it mounts `/dev/sdc`. The kernel may reuse that name
 * and number for the next disk. So nothing is attached to the VM until it has shown that it is clean. Nor is
 * anything while it is unknown at which LUN it has, or had, the disk of a volume that it may use.
 */
export function volumesBarring(ports: AttachmentPorts, node: NodeIdentity): readonly BarringVolume[] {
  const { cache } = ports;
  const attachments = attachmentsOnVm(ports, node);
  // Also what an earlier name of the VM has, until its entries get the present one.
  const recorded = [
    ...cache.byIndex("AzVolume", "recordedOn", node.nodeName),
    ...cache.byIndex("AzVolume", "recordedOnVm", resourceUriKey(node.instanceUri)),
  ];
  return [...new Set(recorded)]
    .filter((volume) => isBarred(volume, node, attachments))
    .map((volume) => ({ volumeName: volume.metadata.name, isUnplaced: !isFenced(volume, node) }));
}

/**
 * The LUNs where the node expects disks other than `own`, according to its attachments. A disk detached by
 * another client is missed only at the next read of Azure; until then its LUN leads to no device. If another
 * disk were attached there, a promoted raw volume would be that disk: nothing on it shows the node which
 * volume it is. Nor is one attached there while the missed one is attached again: the node may stand still,
 * and have it mounted.
 */
export function lunsReservedOn(
  ports: AttachmentPorts,
  node: NodeIdentity,
  own: AzVolumeAttachment,
): readonly number[] {
  return expectedLuns(attachmentsOnVm(ports, node), node, own);
}

/** Those of the node, and those that its VM has under an earlier name. */
function attachmentsOnVm(
  { cache }: AttachmentPorts,
  { nodeName, instanceUri }: NodeIdentity,
): readonly AzVolumeAttachment[] {
  const onVm = cache.byIndex("AzVolumeAttachment", "instanceUri", resourceUriKey(instanceUri));
  return [...new Set([...cache.byIndex("AzVolumeAttachment", "nodeName", nodeName), ...onVm])];
}

function expectedLuns(
  attachments: readonly AzVolumeAttachment[],
  node: NodeIdentity,
  own: AzVolumeAttachment,
): readonly number[] {
  return attachments
    .filter((other) => other.metadata.name !== own.metadata.name && !isDetaching(other))
    .flatMap(({ status }) => (isSameVmId(status?.vmId, node.vmId) ? (status?.lun ?? []) : []));
}

/**
 * Whether the node has no quarantine, no fence and no reserved LUN that the cache does not show yet, written
 * by another controller: this one's own writes are in its cache at once. Costs one list of the node's
 * attachments and one of the volumes with its label, without which no record names it; and the same for each
 * other name of its VM.
 */
async function isAsCached(
  ports: AttachmentPorts,
  { volume, attachment, node }: PlannedAttach,
  signal: AbortSignal,
): Promise<boolean> {
  const names = namesOnVm(ports, node);
  const present: AzVolumeAttachment[] = [];
  for (const nodeName of names) {
    const listed = await attachmentsNow(ports, { nodeName }, signal);
    if (!listed.ok) return false;
    present.push(...listed.value);
  }
  const reserved = lunsReservedOn(ports, node, attachment);
  if (expectedLuns(present, node, attachment).some((lun) => !reserved.includes(lun))) return false;
  const bars = (other: AzVolume): boolean => isBarred(other, node, present);
  // The caller has read the record of the very volume.
  const read = new Set([volume.metadata.name]);
  for (const nodeName of names) {
    const labelled = await ports.store.list("AzVolume", { [nodeLabel(nodeName)]: "" }, signal);
    if (!labelled.ok) return false;
    const others = labelled.value.items.filter(({ metadata }) => metadata.name !== volume.metadata.name);
    if (others.some(bars)) return false;
    for (const { metadata } of others) read.add(metadata.name);
  }
  for (const volumeName of names.flatMap((nodeName) => volumesToRead(ports, nodeName, present))) {
    if (read.has(volumeName)) continue;
    read.add(volumeName);
    const other = await ports.store.get("AzVolume", volumeName, signal);
    if (other.ok ? bars(other.value) : other.failure.kind !== "ObjectNotFound") return false;
  }
  return true;
}

/** The node's name, and those under which the cache shows its VM: its kubelet may have registered again. */
function namesOnVm(ports: AttachmentPorts, node: NodeIdentity): readonly string[] {
  const attached = attachmentsOnVm(ports, node).filter(({ status }) => isSameVmId(status?.vmId, node.vmId));
  const reported = ports.cache.reportedNodes().filter(({ status }) => isSameVmId(status?.vmId, node.vmId));
  return [...new Set([node.nodeName, ...[...attached, ...reported].map(({ spec }) => spec.nodeName)])];
}

/**
 * Volumes from which the node may have been fenced without the cache showing it, also where a person has
 * removed the label: few, and at most one for each LUN, unless the cache is very stale.
 */
function volumesToRead(
  { cache }: AttachmentPorts,
  nodeName: string,
  presentOnVm: readonly AzVolumeAttachment[],
): readonly string[] {
  const present = presentOnVm.filter(({ spec }) => spec.nodeName === nodeName);
  const cached = cache.byIndex("AzVolumeAttachment", "nodeName", nodeName);
  const versions = new Map(cached.map(({ metadata }) => [metadata.name, metadata.resourceVersion]));
  // A fence by the end of the VM changes nothing in a pending one (`reset-attachment.ts`).
  const changed = present.filter(
    ({ metadata, status }) =>
      versions.get(metadata.name) !== metadata.resourceVersion || (status?.state ?? "Pending") === "Pending",
  );
  const names = new Set(present.map(({ metadata }) => metadata.name));
  const gone = cached.filter(({ metadata }) => !names.has(metadata.name));
  const attached = new Set(present.map(({ spec }) => spec.volumeName));
  const named = cache
    .byIndex("AzVolume", "recordedOn", nodeName)
    .filter(({ metadata }) => !attached.has(metadata.name))
    .filter(({ status }) => isNamed(status?.record, nodeName, "writer", "fencing", "unverified"));
  return [
    ...[...changed, ...gone].map(({ spec }) => spec.volumeName),
    ...named.map(({ metadata }) => metadata.name),
  ];
}

/**
 * Whether a record bars the node from disks of other volumes. A fence does so, too: once it has proof, its
 * attachment keeps no LUN any more, and the quarantine is written after that. So does a proof without a
 * fence. An unverified node may have the volume mounted: where its attachment says at which LUN, no other
 * disk gets that one. Without a place each LUN may be the one, until Azure has shown the place, or has
 * proven the disk off (`planProofs`).
 */
function isBarred(volume: AzVolume, node: NodeIdentity, attachments: readonly AzVolumeAttachment[]): boolean {
  if (isFenced(volume, node)) return true;
  if (!isOnVm(volume, node, "unverified")) return false;
  return !attachments.some(
    (attachment) =>
      attachment.spec.volumeName === volume.metadata.name && lunOn(attachment, node) !== undefined,
  );
}

function isFenced(volume: AzVolume, node: NodeIdentity): boolean {
  return isOnVm(volume, node, "fenced", "fencing");
}

function isOnVm({ status }: AzVolume, node: NodeIdentity, ...roles: readonly NodeRole[]): boolean {
  return nodesIn(status?.record, ...roles).some((other) => isSameVm(other, node));
}
