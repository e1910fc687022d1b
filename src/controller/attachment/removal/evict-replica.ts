import type { AzVolumeAttachment } from "../../../core/api/az-volume-attachment.ts";
import { chooseEvicted } from "../../../core/attachment/choose-evicted.ts";
import { isTerminating, type ObservedVolume } from "../../../core/attachment/observed-volume.ts";
import { sameJson } from "../../../core/primitives/same-json.ts";
import { emitAttachmentEvent } from "../../attachment-events.ts";
import { backedPart } from "../../backed-attachment.ts";
import type { AttachmentPorts } from "../../controller-ports.ts";
import { observeVolume, waitsForSlot } from "../../observe-volume.ts";

/**
 * How long the slot of a terminating attachment is counted on, in milliseconds. A detach takes seconds;
 * one that hangs for longer delays no pod.
 */
const COUNTED_ON_MS = 60_000;

/**
 * Deletes a replica where a node has no slot left for `primary`: a replica never blocks a pod. Deletes
 * none while as many slots are being freed as primaries wait for there: otherwise each retry of the
 * attach would cost another volume its replica.
 */
export async function evictReplicaFor(
  ports: AttachmentPorts,
  primary: AzVolumeAttachment,
  signal: AbortSignal,
): Promise<void> {
  const { nodeName } = primary.spec;
  const there = ports.cache.byIndex("AzVolumeAttachment", "nodeName", nodeName);
  const waiting = there.filter(
    (other) => other.metadata.name === primary.metadata.name || isBackedAndWaits(ports, other),
  ).length;
  if (there.filter((other) => isFreeingSlot(ports, other)).length >= waiting) return;
  const holders = there.map((attachment) => ({
    attachment,
    observed: observeVolume(ports, attachment.spec.volumeName),
  }));
  const replica = chooseEvicted(
    holders,
    ports.cache.specUnchangedMs("AzVolumeAttachment", primary.metadata.name) ?? 0,
  );
  if (replica === undefined) return;
  const { name, uid, resourceVersion } = replica.metadata;
  if (
    !(await isRecordAsSeen(ports, holders.find(({ attachment }) => attachment === replica)?.observed, signal))
  )
    return;
  const deleted = await ports.steps.run("delete-replica", () =>
    ports.store.delete("AzVolumeAttachment", name, { uid, resourceVersion }, signal),
  );
  if (deleted.ok)
    emitAttachmentEvent(
      ports,
      replica,
      "ReplicaEvicted",
      `a primary needs the slot of the replica on ${nodeName}`,
    );
  else ports.logger.warn("replica not evicted", { attachmentName: name, failure: deleted.failure });
}

/** A node's word alone makes no primary, and takes no slot from a volume. */
function isBackedAndWaits(ports: AttachmentPorts, attachment: AzVolumeAttachment): boolean {
  const volume = ports.cache.get("AzVolume", attachment.spec.volumeName);
  const backed = volume === undefined ? undefined : backedPart(ports, volume, attachment);
  return backed !== undefined && waitsForSlot(backed);
}

/** Whether a detach that ends soon is planned or under way. */
function isFreeingSlot({ cache }: AttachmentPorts, attachment: AzVolumeAttachment): boolean {
  const state = attachment.status?.state;
  const hasSlot = state === "Attached" || state === "Detaching";
  return (
    isTerminating(attachment) &&
    hasSlot &&
    (cache.specUnchangedMs("AzVolumeAttachment", attachment.metadata.name) ?? 0) < COUNTED_ON_MS
  );
}

/**
 * Read past the cache: a fence of that volume may have begun since, or its node may have become a
 * possible writer. The next try chooses again.
 */
async function isRecordAsSeen(
  { store, logger }: AttachmentPorts,
  observed: ObservedVolume | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  if (observed === undefined) return false;
  const { name, uid } = observed.volume.metadata;
  const present = await store.get("AzVolume", name, signal);
  if (!present.ok) logger.warn("replica not evicted", { volumeName: name, failure: present.failure });
  return (
    present.ok &&
    present.value.metadata.uid === uid &&
    sameJson(present.value.status?.record, observed.volume.status?.record)
  );
}
