import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume, VolumeDetail } from "../../core/api/az-volume.ts";
import { isForeign, isSameVmId } from "../../core/api/identity/node-identity.ts";
import { isAttached } from "../../core/attachment/attachment-state.ts";
import { isTerminating } from "../../core/attachment/observed-volume.ts";
import { isSameResourceUri, resourceUriKey } from "../../core/azure/ids/disk-uri.ts";
import type { Lane } from "../../core/azure/lane.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { otherDiskThan } from "../../core/volume/replaced-disk.ts";
import { isNamed } from "../../core/writer/record/record-nodes.ts";
import { markDeviceMissing } from "../../objects/mark-device-missing.ts";
import { readAttachment } from "../../objects/named-attachment.ts";
import type { DiskFacts } from "../../ports/cloud/cloud-provisioner.ts";
import { emitLost } from "../attachment-events.ts";
import type { AdoptionPorts } from "../controller-ports.ts";
import { keepModification } from "../disk/keep-modification.ts";
import { nodeNameOf } from "../node-of-vm.ts";
import { distrustStrays, isNamedIn } from "./distrust-strays.ts";
import { findAttachedVms } from "./find-attached-vms.ts";
import { recordAttachedVms } from "./record-attached-vms.ts";

/** The lane of the VMs' reads, and of the disk's: a recovery may find thousands of strays together. */
const LANE: Lane = "primaryAttach";

/**
 * Compares a volume's attachments with the VMs that Azure lists for its disk. A disk on a VM that no
 * object names would keep its share for ever and could never be deleted: its attachment is recreated, as
 * a replica. An attachment whose disk another client has detached would be promoted in vain: it is
 * marked, so that the VM is read. Only a difference costs calls, and it is read uncached before anything
 * is written.
 */
export async function compareAttachments(
  ports: AdoptionPorts,
  volume: AzVolume,
  listed: DiskFacts,
  signal: AbortSignal,
): Promise<Result<void>> {
  if (!differs(ports, volume, ownOf(volume, listed))) return ok(undefined);
  return readAndCompare(ports, { volume, isWorthIt: (disk) => differs(ports, volume, disk) }, signal);
}

/**
 * The same without a list, for callers that suspect a missing object: an attach that ended after its
 * object was deleted, or a disk that Azure reports as attached. Also compares the disk with its last
 * modification. `isWorthIt` is called with the disk as it is now.
 */
export async function readAndCompare(
  ports: AdoptionPorts,
  {
    volume,
    isWorthIt = () => true,
  }: { readonly volume: AzVolume; readonly isWorthIt?: (disk: DiskFacts) => boolean },
  signal: AbortSignal,
): Promise<Result<void>> {
  const detail = volume.status?.detail;
  if (detail === undefined) return ok(undefined);
  const attachedBefore = attachedIn(ports, volume.metadata.name);
  const read = await ports.cloud.getDisk({ diskUri: detail.diskUri }, signal);
  if (!read.ok) return read.failure.kind === "DiskNotFound" ? ok(undefined) : read;
  const disk = ownOf(volume, read.value);
  if (!isWorthIt(disk)) return ok(undefined);
  const recorded = await recordStrays(ports, volume, detail, disk, signal);
  const compared = recorded.ok
    ? await reportStaleOnes(ports, volume.metadata.name, { disk, attachedBefore }, signal)
    : recorded;
  if (otherDiskThan(volume, read.value) !== undefined) return compared;
  // Shares that another client has taken away would be counted as free until recovery lists the disk. Last,
  // and in any case: neither a refusal of this nor a VM that can't be read hides the other.
  const kept = await keepModification(ports, volume, disk, signal);
  return compared.ok ? kept : compared;
}

/**
 * What Azure shows of the volume's own disk. One that another client has made under its name says that it is
 * gone, and on no VM: where that other disk is, is no concern of the volume's, and nothing detaches it there.
 */
function ownOf(volume: AzVolume, shown: DiskFacts): DiskFacts {
  return otherDiskThan(volume, shown) === undefined ? shown : { ...shown, attachedTo: [] };
}

/** Checks that there is no object before it reads the VM: a detach that ends has one until its end. */
async function recordStrays(
  ports: AdoptionPorts,
  volume: AzVolume,
  detail: VolumeDetail,
  disk: DiskFacts,
  signal: AbortSignal,
): Promise<Result<void>> {
  const volumeName = volume.metadata.name;
  const unexplained: string[] = [];
  for (const instanceUri of disk.attachedTo) {
    const nodeName = nodeNameOf(ports, instanceUri);
    if (nodeName === undefined) {
      unexplained.push(instanceUri);
      continue;
    }
    const where = { volumeName, diskUri: detail.diskUri, nodeName };
    const present = await readAttachment(ports.store, where, signal);
    if (!present.ok && present.failure.kind !== "ObjectNotFound") return present;
    if (!present.ok || !explains(ports, present.value, instanceUri)) unexplained.push(instanceUri);
  }
  if (unexplained.length === 0) return ok(undefined);
  // Without the volume's object nothing requests a detach: recreating it also records every VM with its
  // disk.
  const owner = await ports.store.get("AzVolume", volumeName, signal);
  if (!owner.ok) return owner.failure.kind === "ObjectNotFound" ? ok(undefined) : owner;
  const attachedVms = await findAttachedVms(ports, { ...disk, attachedTo: unexplained }, LANE, signal);
  if (!attachedVms.ok) return attachedVms;
  // The record first: nothing is detached by an attachment alone while it is unknown what the VM does
  // with the disk.
  const strays = attachedVms.value
    .filter(({ node, lun }) => lun !== undefined || isForeign(node))
    .map(({ node }) => node);
  const distrusted = await distrustStrays(ports, owner.value, strays, signal);
  if (!distrusted.ok) return distrusted;
  const recorded = await recordAttachedVms(ports, owner.value, detail.diskUri, attachedVms.value, signal);
  if (!recorded.ok) return recorded;
  for (const { node, lun } of attachedVms.value)
    if (lun !== undefined)
      ports.logger.warn("attachment recreated from its disk", { volumeName, nodeName: node.nodeName });
  return ok(undefined);
}

/** Only those that were attached before the disk was read: of a later attach, that answer says nothing. */
async function reportStaleOnes(
  ports: AdoptionPorts,
  volumeName: string,
  seen: { readonly disk: DiskFacts; readonly attachedBefore: readonly AzVolumeAttachment[] },
  signal: AbortSignal,
): Promise<Result<void>> {
  const named = nodesOf(ports, seen.disk);
  const uidsBefore = new Set(seen.attachedBefore.map(({ metadata }) => metadata.uid));
  for (const attachment of attachedIn(ports, volumeName)) {
    const { nodeName } = attachment.spec;
    if (named.has(nodeName) || !uidsBefore.has(attachment.metadata.uid)) continue;
    const marked = await markDeviceMissing(ports, attachment, signal);
    if (!marked.ok && marked.failure.kind !== "ObjectNotFound") return marked;
    // The cache may be behind a detach that is under way, which leaves nothing to mark.
    if (!marked.ok || marked.value.status?.deviceMissing !== true) continue;
    ports.logger.warn("disk no longer where it was attached", { volumeName, nodeName });
    if (isNamed(ports.cache.get("AzVolume", volumeName)?.status?.record, nodeName, "holder"))
      emitLost(ports, attachment);
  }
  return ok(undefined);
}

/** Whether Azure names other VMs than the objects do. */
function differs(ports: AdoptionPorts, volume: AzVolume, disk: DiskFacts): boolean {
  const named = nodesOf(ports, disk);
  const { name } = volume.metadata;
  const isExplained = (instanceUri: string): boolean =>
    nodeNameOf(ports, instanceUri) === undefined
      ? isNamedIn(volume, instanceUri)
      : attachmentsOf(ports, name).some((attachment) => explains(ports, attachment, instanceUri));
  return (
    !disk.attachedTo.every(isExplained) ||
    attachedIn(ports, name).some(({ spec }) => !named.has(spec.nodeName))
  );
}

/**
 * Whether an attachment says that the disk is on that VM, or on its way there. The VM is recorded before
 * an attach is sent; one that still waits says nothing, since a person may hold the share that it waits
 * for. Nor does one of an earlier VM with that resource id: ids of instances and names are reused.
 */
function explains({ cache }: AdoptionPorts, { status }: AzVolumeAttachment, instanceUri: string): boolean {
  const { vmId } = status ?? {};
  if (vmId === undefined || !isSameResourceUri(status?.instanceUri ?? "", instanceUri)) return false;
  return cache
    .byIndex("AzDriverNode", "instanceUri", resourceUriKey(instanceUri))
    .every((node) => isSameVmId(node.status?.vmId, vmId));
}

/** Names of the cluster's VMs that a disk names. */
function nodesOf(ports: AdoptionPorts, disk: DiskFacts): ReadonlySet<string> {
  return new Set(disk.attachedTo.flatMap((instanceUri) => nodeNameOf(ports, instanceUri) ?? []));
}

/** Those recorded as attached and not in doubt. */
function attachedIn(ports: AdoptionPorts, volumeName: string): readonly AzVolumeAttachment[] {
  return attachmentsOf(ports, volumeName).filter(
    (attachment) => !isTerminating(attachment) && isAttached(attachment),
  );
}

function attachmentsOf({ cache }: AdoptionPorts, volumeName: string): readonly AzVolumeAttachment[] {
  return cache.byIndex("AzVolumeAttachment", "volumeName", volumeName);
}
