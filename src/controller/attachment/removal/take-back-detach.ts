import type { AzVolumeAttachment } from "../../../core/api/az-volume-attachment.ts";
import { isSameVmId, type NodeIdentity } from "../../../core/api/identity/node-identity.ts";
import { isDetachBegun } from "../../../core/attachment/attachment-state.ts";
import { isSameResourceUri } from "../../../core/azure/ids/disk-uri.ts";
import { stillDetaching } from "../../../core/failure/frequent-failures.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import { ignoreNotFound } from "../../../objects/ignore-not-found.ts";
import { changeStatus } from "../../../objects/update-object.ts";
import type { Reconciled } from "../../../runtime/queue/control-loop.ts";
import type { AttachmentPorts } from "../../controller-ports.ts";
import { emitBarrierPending } from "../../fencing/barrier-events.ts";
import { mayCompleteDetach } from "../../fencing/foreign-detach.ts";
import { attachmentTarget } from "../attachment-object.ts";
import { type DiskPlace, foundAt } from "../disk-place.ts";
import { offWithItsDisk } from "./off-with-its-disk.ts";

/**
 * Takes back a detach that was begun and is not sent any more, and records where the disk is: its node finds
 * no disk by an attachment whose detach was begun. The detach may be under way all the same, allowed by the
 * record as it was then, so the VM's ETag moves first. Each detach reads the VM before it marks the
 * attachment with an attempt of its own: one that was marked before this began fails at Azure, and one that
 * was marked since leaves another attempt, and keeps its mark.
 */
export async function takeBackDetach(
  ports: AttachmentPorts,
  attachment: AzVolumeAttachment,
  node: NodeIdentity,
  signal: AbortSignal,
): Promise<Reconciled> {
  const { cloud, steps, store } = ports;
  const { metadata, spec } = attachment;
  const before = await store.get("AzVolumeAttachment", metadata.name, signal);
  if (!before.ok) return ignoreNotFound(before);
  const mark = before.value.status;
  const isMarked = (present: AzVolumeAttachment): boolean =>
    present.metadata.uid === metadata.uid &&
    isDetachBegun(present, node) &&
    present.status?.attempt === mark?.attempt;
  const { name } = metadata;
  const conflict: Reconciled = fail({ kind: "ObjectConflict", objectKind: "AzVolumeAttachment", name });
  if (!isMarked(before.value)) return conflict;
  const flushed = await steps.run("flush", () =>
    cloud.barrier(
      {
        diskUri: spec.volumeId,
        node,
        mode: "flush",
        precondition: async (callSignal) => {
          const present = await store.get("AzVolumeAttachment", metadata.name, callSignal);
          return present.ok && isMarked(present.value);
        },
        mayCompleteDetach: mayCompleteDetach(ports, { node, mode: "flush" }),
      },
      signal,
    ),
  );
  const found = await findPlace(ports, spec, node, flushed, signal);
  if (!found.ok) {
    emitBarrierPending(ports, { volumeName: spec.volumeName, node }, found.failure);
    return found;
  }
  const place = found.value;
  const recorded = await steps.run("record-attached", () =>
    changeStatus(
      store,
      attachmentTarget(ports, attachment),
      (present) => (isMarked(present) ? { ...present, status: foundAt(present.status, place) } : undefined),
      signal,
    ),
  );
  if (!recorded.ok) return ignoreNotFound(recorded);
  if (isDetachBegun(recorded.value, node)) return conflict;
  ports.logger.info("detach taken back", {
    volumeName: spec.volumeName,
    nodeName: node.nodeName,
    lun: place?.lun,
  });
  // What comes next is due now, and the end of a mark does not wake the loop of a terminating attachment.
  return ok({ requeueAfterMs: 0 });
}

/**
 * Where the VM has the disk after the barrier; undefined: nowhere. Without an entry in the VM's list the disk
 * is off: that detach has landed. Nor has another VM at its resource id the disk for this node: what was sent
 * to the earlier one finds another ETag there, and where that one has only moved, the next attach looks.
 */
async function findPlace(
  { cloud }: Pick<AttachmentPorts, "cloud">,
  { volumeId }: Pick<AzVolumeAttachment["spec"], "volumeId">,
  node: NodeIdentity,
  flushed: Awaited<ReturnType<AttachmentPorts["cloud"]["barrier"]>>,
  signal: AbortSignal,
): Promise<Result<DiskPlace | undefined>> {
  if (!flushed.ok && flushed.failure.kind === "InstanceNotFound")
    return (await proveNowhere({ cloud }, { diskUri: volumeId, node }, signal)) ?? flushed;
  if (!flushed.ok) return flushed;
  const instance = await cloud.inspectInstance(node, signal);
  if (!instance.ok) return instance;
  const entry = isSameVmId(instance.value.vmId, node.vmId)
    ? instance.value.dataDisks.find(({ diskUri }) => isSameResourceUri(diskUri, volumeId))
    : undefined;
  if (entry?.beingDetached === true) return fail(stillDetaching(node));
  return ok(entry === undefined ? undefined : { node, lun: entry.lun });
}

/** Undefined: the VM is there again. */
async function proveNowhere(
  { cloud }: Pick<AttachmentPorts, "cloud">,
  where: { readonly diskUri: string; readonly node: NodeIdentity },
  signal: AbortSignal,
): Promise<Result<undefined> | undefined> {
  const gone = await cloud.proveGone(where, signal);
  if (!gone.ok) return offWithItsDisk({ cloud }, where.diskUri, gone.failure, signal);
  return gone.value === undefined ? undefined : ok(undefined);
}
