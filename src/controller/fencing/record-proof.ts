import type { AzVolume, WriterRecord } from "../../core/api/az-volume.ts";
import type { NodeIdentity } from "../../core/api/identity/node-identity.ts";
import { ok } from "../../core/failure/result.ts";
import type { Step } from "../../core/writer/record/writer-steps.ts";
import { isTrusted } from "../../objects/store-incarnation.ts";
import { moveRecord } from "../../objects/update-record.ts";
import type { CloudProvisioner, FenceProof } from "../../ports/cloud/cloud-provisioner.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import { resetAttachment } from "../attachment/removal/reset-attachment.ts";
import type { FencingPorts } from "../controller-ports.ts";
import { emitEtagNotMoved } from "./etag-not-moved-event.ts";
import { mayCompleteDetach } from "./foreign-detach.ts";

/** A barrier that the record of a volume asks for. */
interface AskedBarrier {
  readonly volume: AzVolume;
  readonly diskUri: string;
  readonly node: NodeIdentity;
  readonly mode: "fence" | "prove";
  /** Whether the record asks for it: checked again before each write. */
  readonly isAsked: (volume: AzVolume, node: NodeIdentity) => boolean;
}

/**
 * Sends the barrier, and emits events where no write moves the VM's ETag. Fails as the port does: `Refused`
 * where the record no longer asks for it.
 */
export async function sendBarrier(
  ports: FencingPorts,
  { volume, diskUri, node, mode, isAsked }: AskedBarrier,
  signal: AbortSignal,
): ReturnType<CloudProvisioner["barrier"]> {
  const { name, uid } = volume.metadata;
  const fences = mode === "fence";
  const precondition = async (asked: AbortSignal): Promise<boolean> => {
    const fresh = await ports.store.get("AzVolume", name, asked);
    return (
      fresh.ok &&
      fresh.value.metadata.uid === uid &&
      isAsked(fresh.value, node) &&
      (await isTrusted(ports, fresh.value.status?.record, asked))
    );
  };
  const request = {
    diskUri,
    node,
    mode,
    precondition,
    mayCompleteDetach: mayCompleteDetach(ports, { node, fences }),
  };
  const passed = await ports.steps.run(fences ? "fence" : "prove", () =>
    ports.cloud.barrier(request, signal),
  );
  if (!passed.ok) emitEtagNotMoved(ports, { volumeName: name, node }, passed.failure);
  return passed;
}

/** What was proven, and for which record. */
interface ProvenOff {
  readonly volumeName: string;
  readonly diskUri: string;
  readonly node: NodeIdentity;
  readonly proof: FenceProof;
  /** The only version of the volume that is cleared: `ObjectConflict` where it has changed. */
  readonly onlyAtVersion: string;
  readonly clear: (record: WriterRecord, node: NodeIdentity) => Step;
  /** What that means, for the log. */
  readonly outcome: string;
  /** When looking for the proof began, by the clock's `elapsedMs`. */
  readonly startedMs: number;
}

/**
 * Records that a node is proven to be without a disk: first in its attachment, then in the record, and
 * emits an event. Nothing may be attached to the node in between: only so the attachment can't become
 * Attached again before the record is clear. Success, too, where the record no longer allows it: another
 * process was first.
 */
export async function clearProven(
  ports: FencingPorts,
  proven: ProvenOff,
  signal: AbortSignal,
): Promise<Reconciled> {
  const { volumeName, diskUri, node, proof, onlyAtVersion, clear, outcome, startedMs } = proven;
  const { nodeName } = node;
  const reset = await resetAttachment(
    ports.store,
    { diskUri, node, isEntryGone: proof.kind === "entryGone" },
    signal,
  );
  if (!reset.ok) return reset;
  const cleared = await moveRecord(
    ports,
    { volumeName, nodeName, step: "end-fence", onlyAtVersion },
    (record) => clear(record, node),
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
