import { describeFailure } from "../core/describe-failure.ts";
import { failureNews } from "../core/events/failure-news.ts";
import type { Failure } from "../core/failure.ts";
import { unreachable } from "../core/invariant.ts";
import { isRetryable } from "../core/is-retryable.ts";
import type { AzVolumeAttachment } from "../core/model/az-volume-attachment.ts";
import type { AzVolume } from "../core/model/az-volume.ts";
import { type CachingMode, diskSkus } from "../core/model/disk-sku.ts";
import { includesNode, type NodeIdentity } from "../core/model/node-identity.ts";
import { parseVolumeParameters } from "../core/model/volume-parameters.ts";
import { cachingModeAtAttach } from "../core/model/volume-rules.ts";
import { isDeleting, isRecordMissing, type ObservedVolume } from "../core/plan/observed-volume.ts";
import { type AttachmentAction, planAttachment } from "../core/plan/plan-attachment.ts";
import { mayAttach, mayDetach } from "../core/plan/writer-steps.ts";
import { ok, type Result } from "../core/result.ts";
import { fromTimestamp } from "../core/timestamp.ts";
import { changeStatus, type ChangeTarget } from "./change-object.ts";
import { lookForStrays } from "./compare-attachments.ts";
import type { Reconciled, Reconciler } from "./control-loop.ts";
import { ATTACHMENT_FINALIZER, type ControllerPorts } from "./controller-ports.ts";
import { makeAttachmentAnew } from "./make-attachment-anew.ts";
import { fromObjectError, toObjectError } from "./object-error.ts";
import { observeVolume } from "./observe-volume.ts";
import { removeFinalizer } from "./remove-finalizer.ts";
import { isTrusted } from "./store-generation.ts";
import { tellAttachment, whileTelling } from "./tell-attachment.ts";

/** How often the disk of an attachment without AzVolume is looked for, in milliseconds. */
const ORPHAN_AGAIN_MS = 30_000;

/** Before the next try of an attach that only a change can cure, in milliseconds: 15 s, 30 s … 5 minutes. A change that is seen brings it at once. */
const REFUSED_BASE_MS = 15_000;
const REFUSED_MAX_MS = 300_000;

type AttachmentStatus = NonNullable<AzVolumeAttachment["status"]>;

/** Attaches and detaches: one cloud operation at a time for each attachment, next to all others. */
export function attachmentReconciler(ports: ControllerPorts): Reconciler {
  return {
    name: "attachment",
    workers: 256,
    backoff: { baseMs: 200, maxMs: 30_000 },
    reconcile: (attachmentName, signal) => reconcileAttachment(ports, attachmentName, signal),
  };
}

async function reconcileAttachment(ports: ControllerPorts, attachmentName: string, signal: AbortSignal): Promise<Reconciled> {
  const attachment = ports.cache.get("AzVolumeAttachment", attachmentName);
  if (attachment === undefined) return ok({});
  const observed = observeVolume(ports, attachment.spec.volumeName);
  if (observed === undefined) return releaseOrphan(ports, attachment, signal);
  const action = planAttachment(observed, attachment);
  if (action === undefined) return ok({});
  return execute(ports, observed, attachment, action, signal);
}

async function execute(
  ports: ControllerPorts,
  observed: ObservedVolume,
  attachment: AzVolumeAttachment,
  action: AttachmentAction,
  signal: AbortSignal,
): Promise<Reconciled> {
  switch (action.kind) {
    case "Attach":
      return attach(ports, observed.volume, attachment, action, signal);
    case "Detach":
      return detach(ports, attachment, action.node, action.lane, signal);
    case "DetachByName":
      return detachByName(ports, attachment, signal);
    case "RecordRole":
      return recordRole(ports, attachment, action.role, signal);
    case "MakeAnew":
      return makeAttachmentAnew(ports, attachment, action.node, signal);
    case "Wait":
      ports.logger.debug("attachment waits", { attachmentName: attachment.metadata.name, because: action.because });
      if (action.reason !== undefined) tellAttachment(ports, attachment, action.reason, action.because);
      return ok({});
    default:
      return unreachable(action);
  }
}

async function attach(
  ports: ControllerPorts,
  volume: AzVolume,
  attachment: AzVolumeAttachment,
  action: Extract<AttachmentAction, { kind: "Attach" }>,
  signal: AbortSignal,
): Promise<Reconciled> {
  const { cloud, clock, logger } = ports;
  const startedMs = clock.elapsedMs();
  const isAwaited = attachment.spec.role === "Primary";
  const cutOff = volumesCutOffFrom(ports, action.node);
  if (cutOff.length > 0) {
    const because = `${action.node.nodeName} was cut off from ${cutOff.join(", ")} and is not clean yet, so nothing is attached to it`;
    if (isAwaited) tellAttachment(ports, attachment, "WaitingForQuarantine", because);
    return { ok: false, failure: { kind: "Refused", diskUri: attachment.spec.volumeId, nodeName: action.node.nodeName } };
  }
  if (attachment.status?.deviceMissing === true)
    tellAttachment(ports, attachment, "DeviceMissing", `${action.node.nodeName} does not find the disk at LUN ${attachment.status.lun ?? "?"}`);
  const attempt = ports.random.uuid();
  const marked = await markAttaching(ports, attachment, { vmId: action.node.vmId, attempt }, signal);
  if (!marked.ok) return gone(marked);
  // The plan was made on a cache; what the object itself says goes.
  if (marked.value.metadata.deletionTimestamp !== undefined || marked.value.status?.attempt !== attempt) return ok({});
  const attachDisk = (): ReturnType<typeof cloud.attachDisk> =>
    cloud.attachDisk(
      {
        diskUri: attachment.spec.volumeId,
        node: action.node,
        cachingMode: cachingModeOf(volume),
        lane: action.lane,
        mayProceed: (asked) => mayAttachNow(ports, volume, action.node, asked),
      },
      signal,
    );
  const attached = await ports.steps.run("attach", () => (isAwaited ? whileTelling(ports, attachment, attachDisk, signal) : attachDisk()));
  if (!attached.ok) return recordAttachFailure(ports, volume, attachment, attached.failure, signal);
  const { lun } = attached.value;
  const recorded = await ports.steps.run("record-attached", () => recordAttached(ports, attachment, { lun, vmId: action.node.vmId, attempt }, signal));
  if (!recorded.ok) return erased(ports, volume, recorded.failure, signal);
  if (recorded.value.status?.state !== "Attached") return ok({});
  const durationMs = clock.elapsedMs() - startedMs;
  logger.info("disk attached", {
    volumeName: volume.metadata.name,
    nodeName: action.node.nodeName,
    lun: attached.value.lun,
    role: attachment.spec.role,
    durationMs,
  });
  tellAttachment(ports, attachment, isAwaited ? "Attached" : "ReplicaAttached", `attached to ${action.node.nodeName} as LUN ${attached.value.lun}`);
  return ok({});
}

/** Only where the attach still stands: a fence that has cut the node off meanwhile has said so in the status, and the LUN is nobody's any more. */
function recordAttached(
  ports: ControllerPorts,
  attachment: AzVolumeAttachment,
  { lun, vmId, attempt }: { readonly lun: number; readonly vmId: string; readonly attempt: string },
  signal: AbortSignal,
): Promise<Result<AzVolumeAttachment, Failure>> {
  return changeStatus(
    ports.store,
    targetOf(attachment),
    (present) => {
      if (present.status?.state !== "Attaching" || present.status.attempt !== attempt) return undefined;
      const { error: _, deviceMissing: __, attempt: ___, ...status } = present.status;
      return { ...present, status: { ...status, state: "Attached", vmId, lun, publishContext: { LUN: String(lun) } } };
    },
    signal,
  );
}

function markAttaching(
  ports: ControllerPorts,
  attachment: AzVolumeAttachment,
  { vmId, attempt }: { readonly vmId: string; readonly attempt: string },
  signal: AbortSignal,
): Promise<Result<AzVolumeAttachment, Failure>> {
  return changeStatus(
    ports.store,
    targetOf(attachment),
    (present) => {
      const status = present.status ?? { state: "Pending" };
      const isDone = status.state === "Attached" && status.deviceMissing !== true && status.vmId?.toLowerCase() === vmId.toLowerCase();
      return isDone || present.metadata.deletionTimestamp !== undefined ? undefined : { ...present, status: { ...status, state: "Attaching", attempt } };
    },
    signal,
  );
}

/** A fresh look, asked between the read of the VM and its write. */
async function mayAttachNow(ports: ControllerPorts, volume: AzVolume, node: NodeIdentity, signal: AbortSignal): Promise<boolean> {
  const fresh = await ports.store.get("AzVolume", volume.metadata.name, signal);
  if (!fresh.ok || fresh.value.metadata.uid !== volume.metadata.uid || isDeleting(fresh.value)) return false;
  if (volumesCutOffFrom(ports, node).length > 0) return false;
  const record = fresh.value.status?.record;
  return (record === undefined || mayAttach(record, node)) && (await isTrusted(ports, record, signal));
}

/**
 * After a fence, something on that VM may still stand for the old device: a container with a raw device open, or a plug-in that froze right before it mounts
 * `/dev/sdc`. The kernel may give that name and number to the next disk. So nothing new is attached to the VM until it has shown that it is clean.
 */
function volumesCutOffFrom(ports: ControllerPorts, node: NodeIdentity): readonly string[] {
  const cutOff = ports.cache.list("AzVolume").filter((volume) => includesNode(volume.status?.record?.quarantine ?? [], node));
  return cutOff.map((volume) => volume.metadata.name);
}

/** Its object went while the disk was on its way: where that arrives, or has, no object would say so. */
async function erased(ports: ControllerPorts, volume: AzVolume, failure: Failure, signal: AbortSignal): Promise<Reconciled> {
  if (failure.kind !== "ObjectNotFound") return { ok: false, failure };
  const looked = await lookForStrays(ports, volume, signal);
  return looked.ok ? ok({}) : looked;
}

async function recordAttachFailure(
  ports: ControllerPorts,
  volume: AzVolume,
  attachment: AzVolumeAttachment,
  failure: Failure,
  signal: AbortSignal,
): Promise<Reconciled> {
  if (failure.kind === "Refused" || failure.kind === "Cancelled") return { ok: false, failure };
  const retries = (attachment.status?.error?.retries ?? 0) + 1;
  const recorded = await setStatus(
    ports,
    attachment,
    (status) => ({ ...status, state: "AttachmentFailed", error: toObjectError(failure, { nowMs: ports.clock.nowMs(), retries }) }),
    signal,
  );
  const isRefused = attachment.spec.role === "Primary" && !isRetryable(failure);
  const reason = isRefused ? "AttachRefused" : attachment.spec.role === "Primary" ? "AttachFailed" : "ReplicaAttachFailed";
  if (!isRefused || !wasToldOf(attachment, failure))
    tellAttachment(ports, attachment, reason, `attach to ${attachment.spec.nodeName} failed: ${describeFailure(failure)}`, failure);
  if (!recorded.ok) return erased(ports, volume, recorded.failure, signal);
  if (failure.kind === "NoFreeShare" || failure.kind === "DiskAttachedElsewhere") {
    // By the objects there was a share: one may be taken of which none of them says so.
    const looked = await lookForStrays(ports, volume, signal);
    if (!looked.ok) return looked;
  }
  if (failure.kind === "NoFreeLun" && attachment.spec.role === "Primary") await evictStandbyFrom(ports, attachment.spec.nodeName, signal);
  if (!isRefused) return { ok: false, failure };
  const againAfterMs = Math.min(REFUSED_MAX_MS, REFUSED_BASE_MS * 2 ** (retries - 1));
  ports.logger.warn("attach refused", { volumeName: attachment.spec.volumeName, nodeName: attachment.spec.nodeName, retries, againAfterMs, failure });
  return ok({ againAfterMs });
}

/** Whether the try before this one failed alike, for the same want. */
function wasToldOf({ spec, status }: AzVolumeAttachment, failure: Failure): boolean {
  if (status?.error === undefined) return false;
  const earlier = fromObjectError(status.error);
  const isSameWant = spec.want === undefined || fromTimestamp(spec.want.since) <= fromTimestamp(status.error.time);
  return earlier !== undefined && isSameWant && failureNews(earlier) === failureNews(failure);
}

/** A standby never blocks a real pod: where a node has no slot left for a primary, one of its standbys goes. */
async function evictStandbyFrom(ports: ControllerPorts, nodeName: string, signal: AbortSignal): Promise<void> {
  const standby = ports.cache
    .byIndex("AzVolumeAttachment", "nodeName", nodeName)
    .find(
      (other) => other.spec.role === "Replica" && other.spec.want === undefined && other.metadata.deletionTimestamp === undefined && !isWriterOf(ports, other),
    );
  if (standby === undefined) return;
  tellAttachment(ports, standby, "ReplicaEvicted", `a primary needs the slot of the replica on ${nodeName}`);
  const deleted = await ports.store.delete(
    "AzVolumeAttachment",
    standby.metadata.name,
    { uid: standby.metadata.uid, resourceVersion: standby.metadata.resourceVersion },
    signal,
  );
  if (!deleted.ok) ports.logger.warn("replica not evicted", { attachmentName: standby.metadata.name, failure: deleted.failure });
}

function isWriterOf(ports: ControllerPorts, attachment: AzVolumeAttachment): boolean {
  return ports.cache.get("AzVolume", attachment.spec.volumeName)?.status?.record?.writer?.nodeName === attachment.spec.nodeName;
}

async function detach(
  ports: ControllerPorts,
  attachment: AzVolumeAttachment,
  node: NodeIdentity,
  lane: "detach" | "collection",
  signal: AbortSignal,
): Promise<Reconciled> {
  const { clock, cloud, logger } = ports;
  const startedMs = clock.elapsedMs();
  // Asked before the mark, too: a detach that is refused leaves the attachment as it was, and the node can still tell where the disk is.
  if (!(await mayDetachNow(ports, attachment, node, signal)))
    return { ok: false, failure: { kind: "Refused", diskUri: attachment.spec.volumeId, nodeName: node.nodeName } };
  const marked = await setStatus(ports, attachment, (status) => ({ ...status, state: "Detaching" }), signal);
  if (!marked.ok) return gone(marked);
  const detached = await ports.steps.run("detach", () =>
    cloud.detachDisk(
      {
        diskUri: attachment.spec.volumeId,
        node,
        lane,
        mayProceed: (asked) => mayDetachNow(ports, attachment, node, asked),
      },
      signal,
    ),
  );
  if (!detached.ok) {
    if (detached.failure.kind === "Refused" || detached.failure.kind === "Cancelled") return detached;
    const { failure } = detached;
    tellAttachment(ports, attachment, "DetachFailed", `detach from ${node.nodeName} failed: ${describeFailure(failure)}`, failure);
    const retries = (attachment.status?.error?.retries ?? 0) + 1;
    const recorded = await setStatus(
      ports,
      attachment,
      (status) => ({ ...status, state: "DetachmentFailed", error: toObjectError(failure, { nowMs: clock.nowMs(), retries }) }),
      signal,
    );
    return recorded.ok ? detached : gone(recorded);
  }
  logger.info("disk detached", { volumeName: attachment.spec.volumeName, nodeName: node.nodeName, durationMs: clock.elapsedMs() - startedMs });
  return remove(ports, attachment, signal);
}

/** A fresh look, asked between the read of the VM and its write. */
async function mayDetachNow(ports: ControllerPorts, attachment: AzVolumeAttachment, node: NodeIdentity, signal: AbortSignal): Promise<boolean> {
  const fresh = await ports.store.get("AzVolume", attachment.spec.volumeName, signal);
  // Without the volume's object nobody knows who may write: it is made anew before anything is detached.
  if (!fresh.ok || isRecordMissing(fresh.value)) return false;
  const record = fresh.value.status?.record;
  return (record === undefined || mayDetach(record, node)) && (await isTrusted(ports, record, signal));
}

/** The node is gone from the cluster. If its VM still exists, the disk is taken off it as off any other. */
async function detachByName(ports: ControllerPorts, attachment: AzVolumeAttachment, signal: AbortSignal): Promise<Reconciled> {
  const instance = await ports.cloud.inspectInstance({ nodeName: attachment.spec.nodeName }, signal);
  if (instance.ok) return detach(ports, attachment, { nodeName: instance.value.nodeName, vmId: instance.value.vmId }, "detach", signal);
  if (instance.failure.kind === "InstanceNotFound") return remove(ports, attachment, signal);
  return instance;
}

/**
 * An attachment whose AzVolume is gone. DeleteVolume never leaves one behind, so the object was deleted by hand, and its node may well write: nothing is
 * detached until the volume is there again with a record that tells. Only where the disk itself is gone there is nothing left to detach, nor to want: a node may have
 * stated its want while the volume was on its way out.
 */
async function releaseOrphan(ports: ControllerPorts, attachment: AzVolumeAttachment, signal: AbortSignal): Promise<Reconciled> {
  const { metadata, spec } = attachment;
  const disk = await ports.cloud.getDisk({ diskUri: spec.volumeId }, signal);
  if (disk.ok) return ok({ againAfterMs: ORPHAN_AGAIN_MS });
  if (disk.failure.kind !== "DiskNotFound") return disk;
  if (metadata.deletionTimestamp !== undefined) return remove(ports, attachment, signal);
  const volume = await ports.store.get("AzVolume", spec.volumeName, signal);
  if (volume.ok) return ok({ againAfterMs: ORPHAN_AGAIN_MS });
  if (volume.failure.kind !== "ObjectNotFound") return volume;
  const deleted = await ports.store.delete("AzVolumeAttachment", metadata.name, { uid: metadata.uid }, signal);
  return deleted.ok ? ok({}) : gone(deleted);
}

/** Lets the object go. */
async function remove(ports: ControllerPorts, attachment: AzVolumeAttachment, signal: AbortSignal): Promise<Reconciled> {
  const removed = await ports.steps.run("remove-attachment", () => removeFinalizer(ports.store, targetOf(attachment), ATTACHMENT_FINALIZER, signal));
  return removed.ok ? ok({}) : gone(removed);
}

async function recordRole(ports: ControllerPorts, attachment: AzVolumeAttachment, role: "Primary" | "Replica", signal: AbortSignal): Promise<Reconciled> {
  const recorded = await ports.steps.run(role === "Primary" ? "promote" : "demote", () =>
    setStatus(ports, attachment, (status) => (status.role === undefined ? { ...status, role } : { ...status, role, previousRole: status.role }), signal),
  );
  if (!recorded.ok) return gone(recorded);
  if (role === "Primary" && attachment.status?.role === "Replica")
    tellAttachment(ports, attachment, "ReplicaPromoted", `the standby on ${attachment.spec.nodeName} is the primary now: nothing had to be attached`);
  if (attachment.status?.role !== undefined)
    ports.logger.info(role === "Primary" ? "replica promoted" : "primary demoted", {
      volumeName: attachment.spec.volumeName,
      nodeName: attachment.spec.nodeName,
    });
  return ok({});
}

function setStatus(
  ports: ControllerPorts,
  attachment: AzVolumeAttachment,
  change: (status: AttachmentStatus) => AttachmentStatus,
  signal: AbortSignal,
): Promise<Result<AzVolumeAttachment, Failure>> {
  return changeStatus(ports.store, targetOf(attachment), (present) => ({ ...present, status: change(present.status ?? { state: "Pending" }) }), signal);
}

/** That very object: one that was made under the same name since has its own life. */
function targetOf(attachment: AzVolumeAttachment): ChangeTarget<"AzVolumeAttachment"> {
  return { kind: "AzVolumeAttachment", name: attachment.metadata.name, uid: attachment.metadata.uid };
}

/** An object that went meanwhile leaves nothing to do. */
function gone(failed: { readonly ok: false; readonly failure: Failure }): Reconciled {
  return failed.failure.kind === "ObjectNotFound" ? ok({}) : failed;
}

/** As the volume's parameters ask, where its SKU, size and shares allow it. */
function cachingModeOf(volume: AzVolume): CachingMode {
  const detail = volume.status?.detail;
  const parsed = parseVolumeParameters(volume.spec.parameters);
  const skuName = diskSkus.find((sku) => sku === detail?.skuName);
  if (detail === undefined || skuName === undefined) return "None";
  return cachingModeAtAttach({ skuName, sizeGiB: detail.sizeGiB, maxShares: detail.maxShares, cachingMode: parsed.ok ? parsed.value.cachingMode : undefined });
}
