import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import { ATTACHMENT_FINALIZER } from "../../core/api/finalizers.ts";
import type { NodeIdentity } from "../../core/api/identity/node-identity.ts";
import { isDetachBegun } from "../../core/attachment/attachment-state.ts";
import { isStillRequested } from "../../core/attachment/plan-attachment.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { toTimestamp } from "../../core/primitives/timestamp.ts";
import { isSingleWriter } from "../../core/volume/access-modes.ts";
import { attachmentLabels, placedReplica } from "../../objects/new-attachment.ts";
import { removeFinalizer } from "../../objects/remove-finalizer.ts";
import { withdrawRequest } from "../../objects/writer-request.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import { emitAttachmentEvent } from "../attachment-events.ts";
import type { AttachmentPorts } from "../controller-ports.ts";

/**
 * Recreates an attachment that was deleted by hand while its node continues to write. Makes no call to
 * Azure and touches no mount: the new object requests what the old one did, and the next attach finds the
 * disk where it is. The old LUN and VM are not copied: a fence may have ended in between. An interruption
 * before the creation is handled like an erased attachment. Where several nodes may write, a replica that is
 * marked as staged stays one, with its mark.
 */
export async function recreateAttachment(
  ports: AttachmentPorts,
  attachment: AzVolumeAttachment,
  node: NodeIdentity,
  signal: AbortSignal,
): Promise<Reconciled> {
  const { name, uid } = attachment.metadata;
  const { volumeId, volumeName, writerRequest, staged } = attachment.spec;
  const volume = ports.cache.get("AzVolume", volumeName);
  const stagedIn = writerRequest === undefined && staged === true ? volume : undefined;
  if (stagedIn === undefined) {
    const isRequested = await isRequestedNow(ports, attachment, node, signal);
    if (!isRequested.ok || !isRequested.value) return isRequested.ok ? ok({}) : isRequested;
  }
  emitAttachmentEvent(
    ports,
    attachment,
    "DeletedByHand",
    `the AzVolumeAttachment of ${node.nodeName} was deleted while that node ` +
      `${stagedIn === undefined ? "writes" : "may write"} the volume`,
  );
  const removed = await ports.steps.run("remove-attachment", () =>
    removeFinalizer(
      ports.store,
      // One from which a detach was begun since the plan is no target: that is taken back first.
      { kind: "AzVolumeAttachment", name, uid, isTarget: (present) => !isDetachBegun(present, node) },
      ATTACHMENT_FINALIZER,
      signal,
    ),
  );
  if (!removed.ok && removed.failure.kind !== "ObjectNotFound") return removed;
  const { recall: _, ...earlierSpec } = removed.ok ? removed.value.spec : attachment.spec;
  // A replica that was terminating when its node reclaimed the volume: only the record shows its role.
  const spec = {
    ...earlierSpec,
    role: "Primary" as const,
    writerRequest: earlierSpec.writerRequest ?? { since: toTimestamp(ports.clock.nowMs()) },
  };
  const labels = { ...attachment.metadata.labels, ...attachmentLabels(spec) };
  const again =
    stagedIn === undefined
      ? { metadata: { name, finalizers: [ATTACHMENT_FINALIZER], labels }, spec }
      : placedReplica(stagedIn, { diskUri: volumeId, nodeName: node.nodeName });
  const made = await ports.steps.run("request", () =>
    ports.store.create("AzVolumeAttachment", again, signal),
  );
  // A client that requests the volume there may have been faster. One that is still there is planned again.
  if (!made.ok && made.failure.kind === "ObjectAlreadyExists")
    return removed.ok ? ok({}) : fail({ kind: "ObjectConflict", objectKind: "AzVolumeAttachment", name });
  if (!made.ok || stagedIn !== undefined) return made.ok ? ok({}) : made;
  // A withdrawal while there was no object has found nothing to withdraw.
  const still = await isRequestedNow(ports, made.value, node, signal);
  if (!still.ok) return still;
  if (still.value) return ok({});
  const ended = await withdrawRequest(
    ports,
    {
      volumeId,
      nodeName: node.nodeName,
      keepsPrimary: false,
      isShared: volume !== undefined && !isSingleWriter(volume.spec.capabilities),
    },
    signal,
  );
  return ended.ok ? ok({}) : ended;
}

/** Whether a node is out of service or gone, past the cache: it has no pods that write. */
export async function isLostNow(
  { clusterVolumes, users }: Pick<AttachmentPorts, "clusterVolumes" | "users">,
  nodeName: string,
  signal: AbortSignal,
): Promise<boolean> {
  if (await users.isOutOfService(nodeName, signal)) return true;
  return (await clusterVolumes.nodePresence(nodeName, signal)) === "gone";
}

/** By the uncached record. */
async function isRequestedNow(
  ports: AttachmentPorts,
  attachment: AzVolumeAttachment,
  node: NodeIdentity,
  signal: AbortSignal,
): Promise<Result<boolean>> {
  const fresh = await ports.store.get("AzVolume", attachment.spec.volumeName, signal);
  if (!fresh.ok) return fresh.failure.kind === "ObjectNotFound" ? ok(false) : fresh;
  return ok(isStillRequested(fresh.value, attachment, node));
}
