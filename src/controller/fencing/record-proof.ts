import type { AzVolume, WriterRecord } from "../../core/api/az-volume.ts";
import type { NodeIdentity } from "../../core/api/identity/node-identity.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { clearMark, type Step } from "../../core/writer/record/writer-steps.ts";
import { recordAllows } from "../../objects/store-incarnation.ts";
import { isNoLongerDue, updateRecord } from "../../objects/update-record.ts";
import type { CloudProvisioner, FenceProof } from "../../ports/cloud/cloud-provisioner.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import type { VolumeDisk } from "../adoption/find-attached-vms.ts";
import { resetAttachment } from "../attachment/removal/reset-attachment.ts";
import type { FencingPorts } from "../controller-ports.ts";
import { emitEtagNotMoved } from "./barrier-events.ts";
import { forcedDetaches, mayCompleteDetach } from "./foreign-detach.ts";

/** A proof that a record needs: the VM of a node has no entry for the disk. */
export interface NeededProof {
  readonly node: NodeIdentity;
  /** Whether the disk is detached first. */
  readonly mode: "fence" | "prove";
  /** Whether the record needs it: checked again before each write. */
  readonly isNeeded: (record: WriterRecord | undefined) => boolean;
  /** The step that the proof allows. */
  readonly clear: (record: WriterRecord) => Step;
  /** What that means, for the log. */
  readonly outcome: string;
}

/**
 * Sends the barrier, and emits events where no write moves the VM's ETag. The volume was read past the cache.
 * Fails as the port does: `Refused` where the record no longer needs it.
 */
export async function sendBarrier(
  ports: FencingPorts,
  { volume, diskUri }: VolumeDisk,
  { node, mode, isNeeded }: NeededProof,
  signal: AbortSignal,
): ReturnType<CloudProvisioner["barrier"]> {
  const { name } = volume.metadata;
  const request = {
    diskUri,
    node,
    mode,
    precondition: (callSignal: AbortSignal) => recordAllows(ports, volume, isNeeded, callSignal),
    mayCompleteDetach: mayCompleteDetach(ports, { node, mode }),
    ...(mode === "fence" ? { forcedDetaches: forcedDetaches(ports, { node, volumeName: name }) } : {}),
  };
  const passed = await ports.steps.run(mode, () => ports.cloud.barrier(request, signal));
  if (!passed.ok) emitEtagNotMoved(ports, { volumeName: name, node }, passed.failure);
  return passed;
}

/**
 * Clears a mark by what Azure has shown of a node since the volume was read: success, too, where it is gone.
 * A record that was rebuilt in between may have allowed other updates.
 */
export async function clearMarkUnlessRebuilt(
  ports: FencingPorts,
  { metadata: { name, uid }, status }: AzVolume,
  node: NodeIdentity,
  mark: "barrierPending" | "unconfirmed",
  signal: AbortSignal,
): Promise<Reconciled> {
  const incarnation = status?.record?.storeIncarnation;
  const updated = await updateRecord(
    ports,
    { volumeName: name, nodeName: node.nodeName, step: "clear-mark" },
    (record, { metadata }) =>
      metadata.uid === uid && record.storeIncarnation === incarnation
        ? clearMark(record, node, mark)
        : fail("the record was rebuilt"),
    signal,
  );
  return updated.ok || isNoLongerDue(updated.failure) ? ok({}) : updated;
}

/**
 * Records that a node is proven to be without a disk: first in its attachment, then in the record of this
 * version of the volume (`ObjectConflict` where it has changed), and emits an event. Nothing may be attached
 * to the node in between: only so the attachment can't become Attached again before the record is clear.
 * Success, too, where the record no longer allows it: another process was first, and the attachment may be
 * that of a later grant. `startedMs`: when looking for the proof began, by the clock's `elapsedMs`.
 */
export async function clearProven(
  ports: FencingPorts,
  { volume: { metadata, status }, diskUri }: VolumeDisk,
  { node, clear, outcome }: NeededProof,
  { proof, startedMs }: { readonly proof: FenceProof; readonly startedMs: number },
  signal: AbortSignal,
): Promise<Reconciled> {
  const { name: volumeName, resourceVersion: onlyAtVersion } = metadata;
  const { nodeName } = node;
  if (status?.record === undefined || !clear(status.record).ok) return ok({});
  const reset = await resetAttachment(ports.store, { diskUri, node, proof: proof.kind }, signal);
  if (!reset.ok) return reset;
  const cleared = await updateRecord(
    ports,
    { volumeName, nodeName, step: "end-fence", onlyAtVersion },
    clear,
    signal,
  );
  if (!cleared.ok) return cleared.failure.kind === "NotWriter" ? ok({}) : cleared;
  ports.logger.info("disk proven detached", {
    outcome,
    volumeName,
    nodeName,
    proof: proof.kind,
    durationMs: ports.clock.elapsedMs() - startedMs,
  });
  const message = `${nodeName} is proven to be off the disk: ${proof.detail}`;
  ports.events.emit({ about: { kind: "AzVolume", name: volumeName }, nodeName, reason: "Fenced", message });
  return ok({});
}
