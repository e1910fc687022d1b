import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume, WriterRecord } from "../../core/api/az-volume.ts";
import { isSameVmId, type NodeIdentity } from "../../core/api/identity/node-identity.ts";
import { isAttached } from "../../core/attachment/attachment-state.ts";
import { hostCacheAtAttach } from "../../core/attachment/host-cache-at-attach.ts";
import { type AttachmentAction, isTakenBackFirst, roleOf } from "../../core/attachment/plan-attachment.ts";
import type { Lane } from "../../core/azure/lane.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { isSingleWriter } from "../../core/volume/access-modes.ts";
import { otherDiskThan, ownIdentity } from "../../core/volume/replaced-disk.ts";
import { isNamed } from "../../core/writer/record/record-nodes.ts";
import { mayDetach } from "../../core/writer/record/writer-steps.ts";
import { ignoreNotFound } from "../../objects/ignore-not-found.ts";
import { asStaged } from "../../objects/staged-mark.ts";
import { recordAllows } from "../../objects/store-incarnation.ts";
import { changeSpec, changeStatus } from "../../objects/update-object.ts";
import type { AttachedDisk } from "../../ports/cloud/cloud-provisioner.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import { emitAttachmentEvent, emitLost, emitWhileSlow } from "../attachment-events.ts";
import type { AttachmentPorts } from "../controller-ports.ts";
import { recordGrowth } from "../disk/record-growth.ts";
import { mayCompleteDetach } from "../fencing/foreign-detach.ts";
import { endUnrecordedAttach, recordAttachFailure } from "./attach-failure.ts";
import { attachmentTarget, refusedFor } from "./attachment-object.ts";
import { countShares, mayHaveOtherShares } from "./count-shares.ts";
import { emitDeletedWithVm } from "./deleted-with-vm-event.ts";
import { withoutPlace } from "./disk-place.ts";
import { expectedDisksOn } from "./expected-disks.ts";
import { checkFirstAttach, recordFirstAttach } from "./first-attach.ts";
import { lunsReservedOn, mayAttachNow, type PlannedAttach, volumesBarring } from "./may-attach-now.ts";

const SHOW_DISK_OFF: readonly Failure["kind"][] = [
  "DiskNotFound",
  "DiskReplaced",
  "DiskAttachedElsewhere",
  "NoFreeLun",
  "NoFreeShare",
  "InstanceNotFound",
  "InstanceReplaced",
];

/** An attach that has its mark in the attachment's status. */
interface Attempt extends PlannedAttach {
  readonly attempt: string;
}

/** Attaches the disk of an attachment to its node, as planned, and records its LUN or why it failed. */
export async function attach(
  ports: AttachmentPorts,
  volume: AzVolume,
  attachment: AzVolumeAttachment,
  action: Extract<AttachmentAction, { kind: "Attach" }>,
  signal: AbortSignal,
): Promise<Reconciled> {
  const { node, lane } = action;
  const startedMs = ports.clock.elapsedMs();
  if (reportsBar(ports, attachment, node)) return refusedFor(attachment);
  const emitLossOnce = reportMissing(ports, { volume, attachment, node });
  const isToCount = mayHaveOtherShares(ports, volume, attachment);
  const attempt: Attempt = { volume, attachment, node, attempt: ports.random.uuid() };
  const obsolete = await begin(ports, attempt, signal);
  if (obsolete !== undefined) return obsolete;
  const attached = await attachInAzure(ports, attempt, { lane, onWrite: emitLossOnce }, signal);
  if (!attached.ok) {
    if (SHOW_DISK_OFF.includes(attached.failure.kind)) emitLossOnce();
    return recordAttachFailure(ports, volume, attempt, attached.failure, signal);
  }
  const { lun, deletedWithVm } = attached.value;
  if (deletedWithVm === true)
    emitDeletedWithVm(ports, { volumeName: volume.metadata.name, diskUri: attachment.spec.volumeId, node });
  if (lun !== attachment.status?.lun) emitLossOnce();
  const incomplete = await record(ports, attempt, attached.value, signal);
  if (incomplete !== undefined) return incomplete;
  const { role } = attachment.spec;
  ports.logger.info("disk attached", {
    volumeName: volume.metadata.name,
    nodeName: node.nodeName,
    lun,
    role,
    durationMs: ports.clock.elapsedMs() - startedMs,
  });
  emitAttachmentEvent(
    ports,
    attachment,
    role === "Primary" ? "Attached" : "ReplicaAttached",
    `attached to ${node.nodeName} as LUN ${lun}`,
  );
  if (isToCount) await countShares(ports, volume, attachment, signal);
  return ok({});
}

/** Reports to a pod that waits that its node gets no disk because of other volumes. False: it may get one. */
function reportsBar(ports: AttachmentPorts, attachment: AzVolumeAttachment, node: NodeIdentity): boolean {
  const barring = volumesBarring(ports, node);
  if (barring.length === 0) return false;
  const { nodeName } = node;
  const names = (isUnplaced: boolean): string =>
    barring
      .filter((volume) => volume.isUnplaced === isUnplaced)
      .map(({ volumeName }) => volumeName)
      .join(", ");
  const [fenced, unplaced] = [names(false), names(true)];
  if (attachment.spec.role === "Primary")
    emitAttachmentEvent(
      ports,
      attachment,
      "WaitingForQuarantine",
      fenced === ""
        ? `${nodeName} may have used ${unplaced} before the record was made again, and Azure has not shown ` +
            "yet at which LUN, or that the disk is off, so nothing is attached to it"
        : `${nodeName} is being fenced from ${fenced}, ` +
            "or was and is not clean yet, so nothing is attached to it",
    );
  return true;
}

/**
 * Reports a disk that its node does not find: at once, or by the returned function, once Azure has shown that
 * it is not at its LUN. The latter where the node holds the volume, and where several nodes may write it: a
 * node also asks which disk a raw one is (docs/adr/0072).
 */
function reportMissing(ports: AttachmentPorts, { volume, attachment, node }: PlannedAttach): () => void {
  if (attachment.status?.deviceMissing !== true) return () => undefined;
  const { lun } = attachment.status;
  const isHolder = isNamed(volume.status?.record, node.nodeName, "holder");
  const emit = (): void =>
    isHolder
      ? emitLost(ports, attachment)
      : emitAttachmentEvent(
          ports,
          attachment,
          "DeviceMissing",
          `${node.nodeName} does not find the disk at LUN ${lun ?? "?"}`,
        );
  let isToEmit = isHolder || !isSingleWriter(volume.spec.capabilities);
  if (!isToEmit) emit();
  return () => {
    if (isToEmit) emit();
    isToEmit = false;
  };
}

/** Marks the attachment as being attached. Returns how the attach ends, where it is no more to be made. */
async function begin(
  ports: AttachmentPorts,
  planned: Attempt,
  signal: AbortSignal,
): Promise<Reconciled | undefined> {
  const marked = await markAttaching(ports, planned, signal);
  if (!marked.ok) return ignoreNotFound(marked);
  // The plan was based on a cache; the object itself decides.
  const { metadata, status } = marked.value;
  if (metadata.deletionTimestamp !== undefined) return ok({});
  if (status?.attempt === planned.attempt) return undefined;
  if (!isTakenBackFirst(marked.value, planned.node)) return ok({});
  // The cache may have shown the mark already: then no change adds this attachment to the queue.
  return fail({ kind: "ObjectConflict", objectKind: "AzVolumeAttachment", name: metadata.name });
}

/** A disk that is attached, and whether the VM had it before this attach. */
interface AttachedInAzure extends AttachedDisk {
  readonly isFoundThere: boolean;
}

/** Where the disk was on this very VM, which may not have noticed that it is off. */
function formerPlace(
  { status }: AzVolumeAttachment,
  { vmId }: NodeIdentity,
): { readonly formerLun?: number } {
  return status?.lun !== undefined && isSameVmId(status.vmId, vmId) ? { formerLun: status.lun } : {};
}

function attachInAzure(
  ports: AttachmentPorts,
  { volume, attachment, node, attempt }: Attempt,
  { lane, onWrite }: { readonly lane: Lane; readonly onWrite: () => void },
  signal: AbortSignal,
): Promise<Result<AttachedInAzure>> {
  const diskUri = attachment.spec.volumeId;
  let isFoundThere = attachment.status?.deviceMissing !== true;
  return ports.steps.run("attach", async () => {
    const checked = await checkFirstAttach(ports, volume, signal);
    if (!checked.ok) return checked;
    const attaching = ports.cloud.attachDisk(
      {
        diskUri,
        ...ownIdentity(volume),
        node,
        ...hostCacheAtAttach(volume, attachment),
        lane,
        precondition: (callSignal) => {
          // Asked before a write alone: Azure has just shown that the VM does not list the disk.
          onWrite();
          isFoundThere = false;
          return mayAttachNow(ports, { volume, attachment, node }, callSignal);
        },
        mayCompleteDetach: mayCompleteDetach(ports, { node, attaches: { diskUri, attempt } }),
        forcePrecondition: (callSignal) =>
          recordAllows(ports, volume, (present) => mayForce(present, node), callSignal),
        reservedLuns: () => lunsReservedOn(ports, node, attachment),
        ...formerPlace(attachment, node),
        expectedDisks: () => expectedDisksOn(ports, node),
      },
      signal,
    );
    const attached = await (attachment.spec.role === "Primary"
      ? emitWhileSlow(ports, attachment, attaching, signal)
      : attaching);
    return attached.ok ? ok({ ...attached.value, isFoundThere }) : attached;
  });
}

/**
 * Records an attach that Azure has made: what it shows of the disk, then the disk's place. Returns how the
 * attach ends, where that was not recorded.
 */
async function record(
  ports: AttachmentPorts,
  planned: Attempt,
  { lun, isFoundThere }: AttachedInAzure,
  signal: AbortSignal,
): Promise<Reconciled | undefined> {
  const { volume, attachment, node } = planned;
  if (attachment.status?.deviceMissing === true) {
    const sized = await recordPresentSize(ports, volume, signal);
    if (!sized.ok) return sized;
  }
  const first = await recordFirstAttach(ports, volume, signal);
  if (!first.ok) return first;
  const isToMark = isFoundThere && !isSingleWriter(volume.spec.capabilities);
  if (isToMark) {
    const kept = await markUnrequested(ports, attachment, signal);
    if (!kept.ok) return ignoreNotFound(kept);
  }
  const recorded = await ports.steps.run("record-attached", () =>
    recordAttached(ports, planned, lun, signal),
  );
  if (!recorded.ok) return endUnrecordedAttach(ports, volume, recorded.failure, signal);
  const state = recorded.value.status?.state;
  if (state !== "Attached") {
    ports.logger.info("attach not recorded: its attachment has changed", {
      volumeName: volume.metadata.name,
      nodeName: node.nodeName,
      lun,
      state,
    });
    return ok({});
  }
  if (!isToMark) return undefined;
  // Once more: a node without a checkpoint takes the mark back before it knows where to look for mounts.
  const kept = await markUnrequested(ports, attachment, signal);
  return kept.ok ? undefined : ignoreNotFound(kept);
}

/**
 * Marks an attachment without a request as staged: its VM had the disk of a volume that several nodes may
 * write, so the object before it may have been erased, and its own request have been withdrawn while it named
 * no place. A request that is withdrawn after its attach has begun leaves the mark itself.
 */
function markUnrequested(
  ports: AttachmentPorts,
  attachment: AzVolumeAttachment,
  signal: AbortSignal,
): Promise<Result<AzVolumeAttachment>> {
  return changeSpec(
    ports.store,
    attachmentTarget(ports, attachment),
    (present) => (present.spec.writerRequest === undefined ? asStaged(present) : undefined),
    signal,
  );
}

/** The node may have found a device of another size: by the recorded one it would never stage the volume. */
async function recordPresentSize(
  ports: AttachmentPorts,
  volume: AzVolume,
  signal: AbortSignal,
): Promise<Result<void>> {
  const detail = volume.status?.detail;
  if (detail === undefined) return ok(undefined);
  const disk = await ports.cloud.getDisk({ diskUri: detail.diskUri }, signal);
  if (disk.ok && otherDiskThan(volume, disk.value) !== undefined) return ok(undefined);
  if (disk.ok) return recordGrowth(ports, volume, disk.value, signal);
  // A disk that was deleted since shows no size, and the volume's own loop reports its loss.
  return disk.failure.kind === "DiskNotFound" ? ok(undefined) : disk;
}

function markAttaching(
  ports: AttachmentPorts,
  { attachment, node: { vmId, instanceUri }, attempt }: Attempt,
  signal: AbortSignal,
): Promise<Result<AzVolumeAttachment>> {
  return changeStatus(
    ports.store,
    attachmentTarget(ports, attachment),
    (present) => {
      const status = present.status ?? { state: "Pending" };
      const isThisVm = isSameVmId(status.vmId, vmId);
      if ((isThisVm && isAttached(present)) || present.metadata.deletionTimestamp !== undefined)
        return undefined;
      if (isTakenBackFirst(present, { vmId })) return undefined;
      // From here on the disk may be on this VM, whatever happens to the node: a later detach finds the
      // VM here.
      const { provenOff: _, listed: __, ...begun } = isThisVm ? status : withoutPlace(status);
      return { ...present, status: { ...begun, state: "Attaching", attempt, vmId, instanceUri } };
    },
    signal,
  );
}

/**
 * Only where the attach still stands: a concurrent fence has changed the status, and the LUN is no longer
 * valid. A first role, if it is known, is recorded with it.
 */
function recordAttached(
  ports: AttachmentPorts,
  { volume, attachment, node, attempt }: Attempt,
  lun: number,
  signal: AbortSignal,
): Promise<Result<AzVolumeAttachment>> {
  return changeStatus(
    ports.store,
    attachmentTarget(ports, attachment),
    (present) => {
      if (present.status?.state !== "Attaching" || present.status.attempt !== attempt) return undefined;
      const { error: _, deviceMissing: __, attempt: ___, ...status } = present.status;
      const role =
        status.role ?? roleOf(ports.cache.get("AzVolume", volume.metadata.name) ?? volume, present, node);
      const reached = role === undefined ? status : { ...status, role };
      return { ...present, status: { ...reached, state: "Attached", lun } };
    },
    signal,
  );
}

/**
 * Whether a hanging detach of the disk from this VM, which has to end before the attach, may be forced.
 * Without a record the writer is unknown, so the attach waits for Azure.
 */
function mayForce(record: WriterRecord | undefined, node: NodeIdentity): boolean {
  return record !== undefined && mayDetach(record, node, { isBegun: true });
}
