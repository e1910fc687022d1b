import { attachmentProblem } from "../../core/api/attachment-identity.ts";
import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { includesNode, isSameVmId, type NodeIdentity } from "../../core/api/node-identity.ts";
import { isDeleting } from "../../core/attachment/observed-volume.ts";
import { mayAttach } from "../../core/writer/writer-steps.ts";
import { attachmentsNow } from "../../objects/cache/attachments-now.ts";
import { isTrusted } from "../../objects/store-incarnation.ts";
import type { ControllerPorts } from "../controller-ports.ts";

/** An attach as it was planned. */
export interface PlannedAttach {
  readonly volume: AzVolume;
  readonly attachment: AzVolumeAttachment;
  readonly node: NodeIdentity;
}

/** A fresh look, asked between the read of the VM and its write. */
export async function mayAttachNow(
  ports: ControllerPorts,
  planned: PlannedAttach,
  signal: AbortSignal,
): Promise<boolean> {
  const { volume, node } = planned;
  const fresh = await ports.store.get("AzVolume", volume.metadata.name, signal);
  if (!fresh.ok || fresh.value.metadata.uid !== volume.metadata.uid || isDeleting(fresh.value)) return false;
  // The record that is asked has to be that of the very disk that is attached.
  if (attachmentProblem(planned.attachment, fresh.value) !== undefined) return false;
  if (volumesCutOffFrom(ports, node).length > 0 || !(await isAsCached(ports, planned, signal))) return false;
  const record = fresh.value.status?.record;
  return (record === undefined || mayAttach(record, node)) && (await isTrusted(ports, record, signal));
}

/**
 * After a fence, something on that VM may still stand for the old device: a container with a raw device
 * open, or a plug-in that froze right before it mounts `/dev/sdc`. The kernel may give that name and number
 * to the next disk. So nothing new is attached to the VM until it has shown that it is clean.
 */
export function volumesCutOffFrom(ports: ControllerPorts, node: NodeIdentity): readonly string[] {
  const cutOff = ports.cache.list("AzVolume").filter((volume) => isCutOff(volume, node));
  return cutOff.map((volume) => volume.metadata.name);
}

/**
 * Where the node looks for the disks that its attachments say it has. One that somebody else has taken off
 * is missed only at the next look at Azure; until then its LUN leads to nothing. If it led to another disk,
 * a raw one that is promoted would be that disk: nothing on it tells a node whose it is.
 */
export function lunsPromisedOn({ cache }: ControllerPorts, node: NodeIdentity): readonly number[] {
  return lunsPromised(cache.byIndex("AzVolumeAttachment", "nodeName", node.nodeName), node);
}

function lunsPromised(attachments: readonly AzVolumeAttachment[], node: NodeIdentity): readonly number[] {
  const attached = attachments.filter(
    ({ status }) => status?.state === "Attached" && isSameVmId(status.vmId, node.vmId),
  );
  return attached.flatMap(({ status }) => status?.lun ?? []);
}

/**
 * Whether the node is in no quarantine, and has no LUN promised, that the cache does not show yet. Another
 * controller wrote them: this one's own writes are in its cache at once. One list of the node's
 * attachments, and a read of each volume whose attachment is not as the cache shows it: a fence changes the
 * attachment before it writes the quarantine.
 */
async function isAsCached(
  ports: ControllerPorts,
  { volume, node }: PlannedAttach,
  signal: AbortSignal,
): Promise<boolean> {
  const present = await attachmentsNow(ports, { nodeName: node.nodeName }, signal);
  if (!present.ok) return false;
  const avoided = lunsPromisedOn(ports, node);
  if (lunsPromised(present.value, node).some((lun) => !avoided.includes(lun))) return false;
  for (const volumeName of volumesToRead(ports, node, present.value)) {
    if (volumeName === volume.metadata.name) continue;
    const other = await ports.store.get("AzVolume", volumeName, signal);
    if (other.ok ? isCutOff(other.value, node) : other.failure.kind !== "ObjectNotFound") return false;
  }
  return true;
}

/**
 * Volumes of which the node may have been cut off without the cache: few, and no more than a VM has LUNs,
 * unless the cache is very old.
 */
function volumesToRead(
  { cache }: ControllerPorts,
  node: NodeIdentity,
  present: readonly AzVolumeAttachment[],
): ReadonlySet<string> {
  const cached = cache.byIndex("AzVolumeAttachment", "nodeName", node.nodeName);
  const versions = new Map(cached.map(({ metadata }) => [metadata.name, metadata.resourceVersion]));
  // A fence has nothing to change in an attachment that was never begun.
  const moved = present.filter(
    ({ metadata, status }) =>
      versions.get(metadata.name) !== metadata.resourceVersion || (status?.state ?? "Pending") === "Pending",
  );
  const names = new Set(present.map(({ metadata }) => metadata.name));
  const gone = cached.filter(({ metadata }) => !names.has(metadata.name));
  const attached = new Set(present.map(({ spec }) => spec.volumeName));
  const named = cache
    .list("AzVolume")
    .filter((volume) => !attached.has(volume.metadata.name) && mayBeFenced(volume, node));
  return new Set([
    ...[...moved, ...gone].map(({ spec }) => spec.volumeName),
    ...named.map(({ metadata }) => metadata.name),
  ]);
}

function mayBeFenced({ status }: AzVolume, { nodeName }: NodeIdentity): boolean {
  const record = status?.record;
  return (
    record !== undefined &&
    [record.writer, record.fencing, ...record.unverified].some((named) => named?.nodeName === nodeName)
  );
}

function isCutOff({ status }: AzVolume, node: NodeIdentity): boolean {
  return includesNode(status?.record?.quarantine ?? [], node);
}
