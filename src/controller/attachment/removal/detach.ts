import type { AttachmentStatus, AzVolumeAttachment } from "../../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../../core/api/az-volume.ts";
import { attachmentProblem } from "../../../core/api/identity/attachment-identity.ts";
import { isSameVmId, type NodeIdentity } from "../../../core/api/identity/node-identity.ts";
import { isUnused, keepsDiskOn } from "../../../core/attachment/attachment-state.ts";
import { isTerminating, isRecordMissing } from "../../../core/attachment/observed-volume.ts";
import { type AttachmentAction, isProvenOff } from "../../../core/attachment/plan-attachment.ts";
import { describeFailure } from "../../../core/failure/describe-failure.ts";
import { ok } from "../../../core/failure/result.ts";
import { isUnmarked } from "../../../core/rollback/attachments-unmarked.ts";
import { isSingleWriter } from "../../../core/volume/access-modes.ts";
import { mayDetach } from "../../../core/writer/record/writer-steps.ts";
import { ignoreNotFound } from "../../../objects/ignore-not-found.ts";
import { readAttachment } from "../../../objects/named-attachment.ts";
import { toObjectError } from "../../../objects/object-error.ts";
import { isTrusted } from "../../../objects/store-incarnation.ts";
import { changeStatus } from "../../../objects/update-object.ts";
import type { Reconciled } from "../../../runtime/queue/control-loop.ts";
import { emitAttachmentEvent } from "../../attachment-events.ts";
import type { AttachmentPorts } from "../../controller-ports.ts";
import { mayCompleteDetach } from "../../fencing/foreign-detach.ts";
import { nodeNamesOf } from "../../node-of-vm.ts";
import { rollbackReporter } from "../../rollback/rollback-reporter.ts";
import { attachmentTarget, refusedFor, removeAttachment, setAttachmentStatus } from "../attachment-object.ts";
import { expectedDisksOn } from "../expected-disks.ts";
import { isLostNow } from "../recreate-attachment.ts";
import { offWithItsDisk } from "./off-with-its-disk.ts";
import { resetAttachment } from "./reset-attachment.ts";

type DetachAction = Extract<AttachmentAction, { kind: "Detach" | "DetachEarlier" }>;

interface DetachMark extends Pick<DetachAction, "kind" | "node"> {
  readonly attempt: string;
  /** Whether a sign that the node uses the volume, which a cache may not show yet, keeps the disk. */
  readonly keepsStaged: boolean;
}

/**
 * Detaches the disk of an attachment from a node, where the record allows it, and removes the object.
 * From an earlier VM of the node's name it only detaches, and keeps the object for the present VM.
 */
export async function detach(
  ports: AttachmentPorts,
  attachment: AzVolumeAttachment,
  { kind, node, lane }: DetachAction,
  signal: AbortSignal,
): Promise<Reconciled> {
  const { clock, cloud, logger } = ports;
  const startedMs = clock.elapsedMs();
  let isAllowed = false;
  let attempt: string | undefined;
  const mayProceed = async (callSignal: AbortSignal): Promise<boolean> => {
    const known = ports.cache.get("AzVolume", attachment.spec.volumeName);
    isAllowed = false;
    // What the cache shows refuses a detach without a mark: its node can still find the disk.
    if (known === undefined || !allowsDetach(ports, attachment, known, node)) return isAllowed;
    // An attach records its VM first. The next pass leaves the disk to it.
    const others = ports.cache.byIndex("AzVolumeAttachment", "volumeName", attachment.spec.volumeName);
    if (others.some((other) => keepsDiskOn(other, node, attachment.spec.volumeId))) return isAllowed;
    attempt = ports.random.uuid();
    const keepsStaged = !(
      isSingleWriter(known.spec.capabilities) || (await isLostNow(ports, node.nodeName, callSignal))
    );
    isAllowed =
      (await isMarkedDetaching(ports, attachment, { kind, node, attempt, keepsStaged }, callSignal)) &&
      // Past the mark: a node that has acquired the volume before it may not have seen it.
      (await mayDetachNow(ports, attachment, node, callSignal));
    if (isAllowed && (await isKeptNow(ports, attachment, node, callSignal))) isAllowed = false;
    return isAllowed;
  };
  const asked = await ports.steps.run("detach", () =>
    cloud.detachDisk(
      {
        diskUri: attachment.spec.volumeId,
        node,
        lane,
        precondition: mayProceed,
        mayCompleteDetach: mayCompleteDetach(ports, { node }),
        expectedDisks: () => expectedDisksOn(ports, node),
      },
      signal,
    ),
  );
  const detached = asked.ok
    ? asked
    : await offWithItsDisk(ports, attachment.spec.volumeId, asked.failure, signal);
  if (!detached.ok) {
    if (detached.failure.kind === "Refused" || detached.failure.kind === "Cancelled") return detached;
    const { failure } = detached;
    // Without a mark nothing was asked of Azure: the node can still find the disk.
    const isBegun = attempt !== undefined;
    emitAttachmentEvent(
      ports,
      attachment,
      "DetachFailed",
      `detach from ${node.nodeName} ${isBegun ? "failed" : "has not begun"}: ${describeFailure(failure)}`,
      failure,
    );
    const retries = (attachment.status?.error?.retries ?? 0) + 1;
    const error = toObjectError(failure, { nowMs: clock.nowMs(), retries });
    const recorded = await setAttachmentStatus(
      ports,
      attachment,
      (status) => {
        if (!concernsVm(status, node) || (isBegun && status.attempt !== attempt)) return status;
        return { ...status, ...(isBegun ? { state: "DetachmentFailed" } : {}), error };
      },
      signal,
    );
    return recorded.ok ? detached : ignoreNotFound(recorded);
  }
  // A disk that was off already took no write, and so no check.
  if (!isAllowed && !(await mayDetachNow(ports, attachment, node, signal))) return refusedFor(attachment);
  logger.info("disk detached", {
    volumeName: attachment.spec.volumeName,
    nodeName: node.nodeName,
    durationMs: clock.elapsedMs() - startedMs,
  });
  if (kind === "Detach") return removeAttachment(ports, attachment, signal);
  const reset = await resetAttachment(ports.store, { diskUri: attachment.spec.volumeId, node }, signal);
  return reset.ok ? ok({}) : reset;
}

/**
 * Marks the detach: a node that acquires the volume from here on reads its attachment after that, and mounts
 * nothing. Whether it is marked. Written on the cached version, without a read: a later version refuses the
 * mark, and the answer shows whether this very attachment is still being deleted. Only the deletion keeps
 * *grant* from its node while the detach is on its way, and a restored backup reverts it. Each question has
 * an `attempt` of its own: a mark is taken back only where no later question rests on it.
 */
async function isMarkedDetaching(
  ports: AttachmentPorts,
  attachment: AzVolumeAttachment,
  { kind, node, attempt, keepsStaged }: DetachMark,
  signal: AbortSignal,
): Promise<boolean> {
  const marked = await changeStatus(
    ports.store,
    attachmentTarget(ports, attachment),
    (present) => {
      const status = present.status ?? { state: "Pending" };
      const isToMark = mayBeDetached({ kind, keepsStaged }, present) && concernsVm(status, node);
      return isToMark ? { ...present, status: { ...status, state: "Detaching", attempt } } : undefined;
    },
    signal,
  );
  return marked.ok && mayBeDetached({ kind, keepsStaged }, marked.value);
}

/**
 * Only a detach from an earlier VM keeps the attachment. Its name may be requested since the plan, where
 * several nodes write: nothing shows then whether that VM uses the disk.
 */
function mayBeDetached(
  { kind, keepsStaged }: Pick<DetachMark, "kind" | "keepsStaged">,
  attachment: AzVolumeAttachment,
): boolean {
  if (keepsStaged && attachment.spec.staged === true) return false;
  if (kind === "DetachEarlier") return !keepsStaged || isUnused(attachment);
  return isTerminating(attachment);
}

/** Whether a status concerns that VM. By a stale cache, the disk may be on its way to the next one. */
function concernsVm({ vmId }: AttachmentStatus, node: NodeIdentity): boolean {
  return vmId === undefined || isSameVmId(vmId, node.vmId);
}

/**
 * An uncached check between the read of the VM and its write: whether the record allows the detach and
 * the removal of the attachment.
 */
export async function mayDetachNow(
  ports: AttachmentPorts,
  attachment: AzVolumeAttachment,
  node: NodeIdentity,
  signal: AbortSignal,
): Promise<boolean> {
  const fresh = await ports.store.get("AzVolume", attachment.spec.volumeName, signal);
  return (
    fresh.ok &&
    allowsDetach(ports, attachment, fresh.value, node) &&
    (await isTrusted(ports, fresh.value.status?.record, signal))
  );
}

/**
 * Whether the VM is to keep the disk by the attachment of another name that its node has, past the cache: an
 * earlier leader may have recorded that attach last. Its node needs no further grant to use the disk then. A
 * VM of one name costs no read.
 */
async function isKeptNow(
  ports: AttachmentPorts,
  { spec: { volumeId } }: AzVolumeAttachment,
  node: NodeIdentity,
  signal: AbortSignal,
): Promise<boolean> {
  for (const nodeName of nodeNamesOf(ports, node)) {
    if (nodeName === node.nodeName) continue;
    const other = await readAttachment(ports.store, { diskUri: volumeId, nodeName }, signal);
    if (!other.ok && other.failure.kind !== "ObjectNotFound") return true;
    if (other.ok && keepsDiskOn(other.value, node, volumeId)) return true;
  }
  return false;
}

function allowsDetach(
  ports: AttachmentPorts,
  attachment: AzVolumeAttachment,
  volume: AzVolume,
  node: NodeIdentity,
): boolean {
  // Without the volume's object the writer is unknown: it is recreated before anything is detached.
  if (isRecordMissing(volume) || attachmentProblem(attachment, volume) !== undefined) return false;
  // What a rebuild could not mark its node may have staged.
  if (isUnmarked(volume)) return false;
  const record = volume.status?.record;
  return (
    record === undefined ||
    (rollbackReporter(ports, attachment.spec.volumeName, record.storeIncarnation) !== node.nodeName &&
      mayDetach(record, node))
  );
}

/**
 * Removes an attachment whose disk stays on its VM by another one, which is read past the cache. Where its
 * name is another VM by now, it is kept for that one.
 */
export async function leaveDisk(
  ports: AttachmentPorts,
  attachment: AzVolumeAttachment,
  { node, keeper }: Extract<AttachmentAction, { kind: "LeaveDisk" }>,
  signal: AbortSignal,
): Promise<Reconciled> {
  const other = await ports.store.get("AzVolumeAttachment", keeper, signal);
  if (!other.ok && other.failure.kind !== "ObjectNotFound") return other;
  const { volumeName, volumeId } = attachment.spec;
  if (!other.ok || !keepsDiskOn(other.value, node, volumeId)) return refusedFor(attachment);
  const { nodeName } = other.value.spec;
  ports.logger.info("disk left to another node of its VM", { volumeName, nodeName, earlier: node.nodeName });
  if (isTerminating(attachment)) return removeAttachment(ports, attachment, signal);
  const reset = await resetAttachment(ports.store, { diskUri: volumeId, node }, signal);
  return reset.ok ? ok({}) : reset;
}

/**
 * Removes an attachment whose disk a fence has proven to be detached, if the record still says so and is
 * trusted. Makes no call to Azure.
 */
export async function removeProvenOff(
  ports: AttachmentPorts,
  attachment: AzVolumeAttachment,
  node: NodeIdentity,
  signal: AbortSignal,
): Promise<Reconciled> {
  const [volume, present] = await Promise.all([
    ports.store.get("AzVolume", attachment.spec.volumeName, signal),
    ports.store.get("AzVolumeAttachment", attachment.metadata.name, signal),
  ]);
  if (!volume.ok) return ignoreNotFound(volume);
  if (!present.ok) return ignoreNotFound(present);
  const record = volume.value.status?.record;
  const isStillProven =
    isProvenOff(record, present.value, node) &&
    isTerminating(present.value) &&
    (await isTrusted(ports, record, signal));
  if (!isStillProven) return refusedFor(attachment);
  ports.logger.info("attachment removed after a fence", {
    volumeName: attachment.spec.volumeName,
    nodeName: node.nodeName,
  });
  return removeAttachment(ports, attachment, signal);
}
