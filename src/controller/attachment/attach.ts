import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume, WriterRecord } from "../../core/api/az-volume.ts";
import { isSameVmId, type NodeIdentity } from "../../core/api/identity/node-identity.ts";
import { isAttached } from "../../core/attachment/attachment-state.ts";
import { type AttachmentAction, isTakenBackFirst, roleOf } from "../../core/attachment/plan-attachment.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { isSingleWriter } from "../../core/volume/access-modes.ts";
import { possibleSizes } from "../../core/volume/device/shown-size.ts";
import { diskSkus } from "../../core/volume/disk-sku.ts";
import { cachingModeAtAttach } from "../../core/volume/parameters/resolve-volume-spec.ts";
import { statedHostCache } from "../../core/volume/parameters/volume-attributes.ts";
import { skuRules } from "../../core/volume/sku-rules.ts";
import { isNamed } from "../../core/writer/record/record-nodes.ts";
import { mayDetach } from "../../core/writer/record/writer-steps.ts";
import { ignoreNotFound } from "../../objects/ignore-not-found.ts";
import { asStaged } from "../../objects/staged-mark.ts";
import { recordAllows } from "../../objects/store-incarnation.ts";
import { changeSpec, changeStatus } from "../../objects/update-object.ts";
import type { AttachDiskRequest } from "../../ports/cloud/cloud-provisioner.ts";
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
import {
  lunsReservedOn,
  mayAttachNow,
  type PlannedAttach,
  volumesQuarantinedFrom,
} from "./may-attach-now.ts";

/** Failures of an attach that show that the VM does not have the disk. */
const SHOW_DISK_OFF: readonly Failure["kind"][] = [
  "DiskNotFound",
  "DiskAttachedElsewhere",
  "NoFreeLun",
  "NoFreeShare",
  "InstanceNotFound",
  "InstanceReplaced",
];

/** Attaches the disk of an attachment to its node, as planned, and records its LUN or why it failed. */
export async function attach(
  ports: AttachmentPorts,
  volume: AzVolume,
  attachment: AzVolumeAttachment,
  action: Extract<AttachmentAction, { kind: "Attach" }>,
  signal: AbortSignal,
): Promise<Reconciled> {
  const { cloud, clock, logger } = ports;
  const startedMs = clock.elapsedMs();
  const isAwaited = attachment.spec.role === "Primary";
  const quarantined = volumesQuarantinedFrom(ports, action.node);
  if (quarantined.length > 0) {
    const because =
      `${action.node.nodeName} was fenced from ${quarantined.join(", ")} ` +
      "and is not clean yet, so nothing is attached to it";
    if (isAwaited) emitAttachmentEvent(ports, attachment, "WaitingForQuarantine", because);
    return refusedFor(attachment);
  }
  const isMissed = attachment.status?.deviceMissing === true;
  const isHolder = isNamed(volume.status?.record, action.node.nodeName, "holder");
  let isLossToEmit = isMissed && isHolder;
  const emitLossOnce = (): void => {
    if (isLossToEmit) emitLost(ports, attachment);
    isLossToEmit = false;
  };
  if (isMissed && !isHolder)
    emitAttachmentEvent(
      ports,
      attachment,
      "DeviceMissing",
      `${action.node.nodeName} does not find the disk at LUN ${attachment.status.lun ?? "?"}`,
    );
  const isToCount = mayHaveOtherShares(ports, volume, attachment);
  let isFoundThere = !isMissed && !isSingleWriter(volume.spec.capabilities);
  const attempt = ports.random.uuid();
  const marked = await markAttaching(ports, attachment, { node: action.node, attempt }, signal);
  if (!marked.ok) return ignoreNotFound(marked);
  // The plan was based on a cache; the object itself decides.
  if (marked.value.metadata.deletionTimestamp !== undefined) return ok({});
  if (marked.value.status?.attempt !== attempt) {
    if (!isTakenBackFirst(marked.value, action.node)) return ok({});
    // The cache may have shown the mark already: then no change adds this attachment to the queue.
    const { name } = marked.value.metadata;
    return fail({ kind: "ObjectConflict", objectKind: "AzVolumeAttachment", name });
  }
  const attached = await ports.steps.run("attach", async () => {
    const checked = await checkFirstAttach(ports, volume, signal);
    if (!checked.ok) return checked;
    const attaching = cloud.attachDisk(
      {
        diskUri: attachment.spec.volumeId,
        node: action.node,
        ...hostCacheOf(volume, attachment),
        lane: action.lane,
        precondition: (callSignal) => {
          // Asked before a write alone: Azure has just shown that the VM does not list the disk.
          emitLossOnce();
          isFoundThere = false;
          return mayAttachNow(ports, { volume, attachment, node: action.node }, callSignal);
        },
        mayCompleteDetach: mayCompleteDetach(ports, {
          node: action.node,
          attaches: { diskUri: attachment.spec.volumeId, attempt },
        }),
        forcePrecondition: (callSignal) =>
          recordAllows(ports, volume, (record) => mayForce(record, action.node), callSignal),
        reservedLuns: () => lunsReservedOn(ports, action.node),
        expectedDisks: () => expectedDisksOn(ports, action.node),
      },
      signal,
    );
    return isAwaited ? emitWhileSlow(ports, attachment, attaching, signal) : attaching;
  });
  if (!attached.ok) {
    if (SHOW_DISK_OFF.includes(attached.failure.kind)) emitLossOnce();
    return recordAttachFailure(ports, volume, { attachment, attempt }, attached.failure, signal);
  }
  const { lun, deletedWithVm } = attached.value;
  if (deletedWithVm === true)
    emitDeletedWithVm(ports, {
      volumeName: volume.metadata.name,
      diskUri: attachment.spec.volumeId,
      node: action.node,
    });
  if (lun !== attachment.status?.lun) emitLossOnce();
  if (isMissed) {
    const sized = await recordPresentSize(ports, volume, signal);
    if (!sized.ok) return sized;
  }
  const first = await recordFirstAttach(ports, volume, signal);
  if (!first.ok) return first;
  if (isFoundThere) {
    const kept = await markUnrequested(ports, attachment, signal);
    if (!kept.ok) return ignoreNotFound(kept);
  }
  const recorded = await ports.steps.run("record-attached", () =>
    recordAttached(ports, { volume, attachment, node: action.node }, { lun, attempt }, signal),
  );
  if (!recorded.ok) return endUnrecordedAttach(ports, volume, recorded.failure, signal);
  const state = recorded.value.status?.state;
  if (state !== "Attached") {
    logger.info("attach not recorded: its attachment has changed", {
      volumeName: volume.metadata.name,
      nodeName: action.node.nodeName,
      lun,
      state,
    });
    return ok({});
  }
  if (isFoundThere) {
    // Once more: a node without a checkpoint takes the mark back before it knows where to look for mounts.
    const kept = await markUnrequested(ports, attachment, signal);
    if (!kept.ok) return ignoreNotFound(kept);
  }
  const durationMs = clock.elapsedMs() - startedMs;
  logger.info("disk attached", {
    volumeName: volume.metadata.name,
    nodeName: action.node.nodeName,
    lun,
    role: attachment.spec.role,
    durationMs,
  });
  emitAttachmentEvent(
    ports,
    attachment,
    isAwaited ? "Attached" : "ReplicaAttached",
    `attached to ${action.node.nodeName} as LUN ${lun}`,
  );
  if (isToCount) await countShares(ports, volume, attachment, signal);
  return ok({});
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
  if (disk.ok) return recordGrowth(ports, volume, disk.value, signal);
  // A disk that was deleted since shows no size, and the volume's own loop reports its loss.
  return disk.failure.kind === "DiskNotFound" ? ok(undefined) : disk;
}

function markAttaching(
  ports: AttachmentPorts,
  attachment: AzVolumeAttachment,
  { node: { vmId, instanceUri }, attempt }: { readonly node: NodeIdentity; readonly attempt: string },
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
  { volume, attachment, node }: PlannedAttach,
  { lun, attempt }: { readonly lun: number; readonly attempt: string },
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

/**
 * How the host caches the disk: as the PersistentVolume says that is published, which may be a later one of
 * the disk, else as the volume's spec does; where SKU, size and shares allow it. A volume may have been given
 * another SKU.
 */
function hostCacheOf(
  { spec, status }: AzVolume,
  { spec: { volumeContext } }: AzVolumeAttachment,
): Pick<AttachDiskRequest, "cachingMode" | "writeAccelerator"> {
  const { detail } = status ?? {};
  const skuName = diskSkus.find((sku) => sku === detail?.skuName);
  if (detail === undefined || skuName === undefined) return { cachingMode: "None", writeAccelerator: false };
  const stated = statedHostCache(volumeContext);
  const { maxShares } = detail;
  // Azure refuses a cache for a large disk, and takes none for any.
  const sizeGiB = Math.max(...possibleSizes(detail));
  const requestedMode = stated.cachingMode ?? spec.cachingMode;
  const cachingMode = cachingModeAtAttach({ skuName, sizeGiB, maxShares, cachingMode: requestedMode });
  const isAccelerated = stated.isAccelerated ?? spec.writeAcceleratorEnabled;
  const writeAccelerator = isAccelerated === true && skuRules[skuName].isAccelerated === true;
  if (!writeAccelerator || cachingMode !== "ReadWrite") return { cachingMode, writeAccelerator };
  // Azure takes write accelerator with no cache for writes: of the two, what is stated here prevails.
  return stated.cachingMode === "ReadWrite" && stated.isAccelerated === undefined
    ? { cachingMode, writeAccelerator: false }
    : { cachingMode: "ReadOnly", writeAccelerator };
}
