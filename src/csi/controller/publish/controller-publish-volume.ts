import type { AzVolumeAttachment } from "../../../core/api/az-volume-attachment.ts";
import type { AzVolume, VolumeCapability } from "../../../core/api/az-volume.ts";
import { isAttachmentOf } from "../../../core/api/identity/attachment-identity.ts";
import type { NodeKey } from "../../../core/api/identity/node-identity.ts";
import { attachmentObjectName } from "../../../core/api/object-names.ts";
import { isRequestedPrimary } from "../../../core/attachment/attachment-state.ts";
import { isDeleting, isTerminating, maxSharesOf } from "../../../core/attachment/observed-volume.ts";
import { takesDisk } from "../../../core/attachment/takes-disk.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import {
  deletionInProgress,
  invalidArgument,
  stillWaiting,
} from "../../../core/failure/frequent-failures.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import { isInZoneOf } from "../../../core/schedule/why-unreachable.ts";
import { checkCapabilities, isSingleWriter } from "../../../core/volume/access-modes.ts";
import { whyNoFirstAttach } from "../../../core/volume/copies/copy-progress.ts";
import { isUnfinishedCopy } from "../../../core/volume/copies/unfinished-copy.ts";
import { hasFailedForGood } from "../../../core/volume/has-failed-for-good.ts";
import { unservedAttribute } from "../../../core/volume/parameters/volume-attributes.ts";
import { explainsPublication } from "../../../core/writer/record/rebuilt-record.ts";
import { isNamed, nodesIn } from "../../../core/writer/record/record-nodes.ts";
import { isInQuarantine, barrierWaitText } from "../../../core/writer/record/writer-steps.ts";
import { readAttachment } from "../../../objects/named-attachment.ts";
import { fromObjectError } from "../../../objects/object-error.ts";
import { createRequest, requestOnReplica, requestWriter } from "../../../objects/writer-request.ts";
import { isPublished } from "../../../ports/cluster/cluster-volumes.ts";
import type {
  ControllerPublishVolumeRequest,
  ControllerPublishVolumeResponse,
} from "../../gen/csi/v1/csi.ts";
import { publicationKey } from "../../messages/publication-key.ts";
import { publishedNodes } from "../../messages/published-nodes.ts";
import { missingField } from "../../messages/required.ts";
import { readVolumeCapability } from "../../messages/volume-capability.ts";
import type { CallContext } from "../../server/unary-handler.ts";
import type { ControllerContext } from "../controller-context.ts";
import { findOrAdopt } from "../find-or-adopt.ts";
import { waitForDiskRead } from "../wait-for-volume.ts";

/**
 * ControllerPublishVolume: records the node's writer request and answers once the grant is recorded;
 * the attach continues, and NodeStageVolume waits for it. While another node is the writer:
 * FAILED_PRECONDITION naming that node; the request stays, and is served once that node releases the
 * volume. A node without a slot for the disk is RESOURCE_EXHAUSTED, and no request is stated.
 */
export async function controllerPublishVolume(
  context: ControllerContext,
  request: ControllerPublishVolumeRequest,
  call: CallContext,
): Promise<Result<ControllerPublishVolumeResponse>> {
  const missing = missingField({ volume_id: request.volumeId, node_id: request.nodeId });
  if (missing !== undefined) return fail(missing);
  const capability = readVolumeCapability(request.volumeCapability, "volume_capability");
  if (!capability.ok) return capability;
  const unserved = unservedAttribute(request.volumeContext, capability.value);
  if (unserved !== undefined) return fail(unserved);
  return context.locks.run(publicationKey(request), "ControllerPublishVolume", () =>
    publish(context, request, capability.value, call.signal),
  );
}

async function publish(
  context: ControllerContext,
  request: ControllerPublishVolumeRequest,
  capability: VolumeCapability,
  signal: AbortSignal,
): Promise<Result<ControllerPublishVolumeResponse>> {
  const { volumeId, nodeId } = request;
  const stated = { capabilities: [capability], volumeContext: request.volumeContext };
  const [found, read] = await Promise.all([
    findOrAdopt(context, volumeId, stated, signal),
    context.store.get("AzDriverNode", nodeId, signal),
  ]);
  if (!found.ok) return found;
  const volume = await untilDiskRead(context, found.value, signal);
  const unfinished = unfinishedCopyIn(volume) ?? whyNoFirstAttach(volume);
  if (unfinished !== undefined) return fail(unfinished);
  if (volume.status?.detail === undefined)
    return stillWaiting(volumeId, "its disk to be looked at", volume.status?.error);
  if (!read.ok)
    return read.failure.kind === "ObjectNotFound" ? fail({ kind: "NodeNotFound", nodeName: nodeId }) : read;
  // The object is created before the node's VM is known: until then no check can refuse it.
  const { status } = read.value;
  if (status === undefined)
    return stillWaiting(volumeId, `the node plug-in on ${nodeId} to say which VM it runs on`);
  const node = { nodeName: nodeId, vmId: status.vmId, zone: status.zone };
  const obstacle =
    obstacleTo(volume, node, capability) ??
    sharesTaken(context, volume, request, node) ??
    (await slotsTaken(context, request, status.maxVolumes, signal));
  if (obstacle !== undefined) return fail(obstacle);
  const requested = await stateRequest(context, volume, request, signal);
  if (!requested.ok) return requested;
  // By its access modes: a record that is missing may have been lost.
  if (!isSingleWriter(volume.spec.capabilities)) return ok({ publishContext: {} });
  const granted = await context.cache.waitFor(
    "AzVolume",
    volume.metadata.name,
    (present) => isNamed(present?.status?.record, node, "requested"),
    context.limits.grantWaitMs,
    signal,
  );
  const epoch = granted?.status?.record?.writer?.epoch;
  return epoch === undefined
    ? fail(reasonForNoGrant(context, volume, volumeId, node))
    : ok({ publishContext: { epoch: String(epoch) } });
}

/** The failures that say that the attachment is not as the cache shows it. */
const NOT_AS_CACHED: readonly Failure["kind"][] = ["ObjectAlreadyExists", "ObjectConflict", "ObjectNotFound"];

/**
 * States the node's request in its attachment. Where the cache shows none, it is created without a read, and
 * a replica is promoted without one: an attachment that is another by now refuses that, and is read.
 */
async function stateRequest(
  context: ControllerContext,
  volume: AzVolume,
  request: ControllerPublishVolumeRequest,
  signal: AbortSignal,
): Promise<Result<AzVolumeAttachment>> {
  const { volumeId, nodeId, readonly: readOnly, volumeContext } = request;
  const stated = { volume, nodeName: nodeId, readOnly, volumeContext, published: true } as const;
  const identity = { diskUri: volumeId, nodeName: nodeId };
  const cached = context.cache.get("AzVolumeAttachment", attachmentObjectName(identity));
  const own = { ...identity, volumeName: volume.metadata.name };
  const isReplica = cached?.spec.role === "Replica" && isAttachmentOf(cached, own) && !isTerminating(cached);
  if (
    (cached === undefined || isReplica) &&
    !isPublished(context.clusterVolumes.attachmentOn(volumeId, nodeId))
  ) {
    const requested = isReplica
      ? await requestOnReplica(context, cached, stated, signal)
      : await createRequest(context, stated, signal);
    if (requested.ok || !NOT_AS_CACHED.includes(requested.failure.kind)) return requested;
  }
  const attachmentRead = await readAttachment(context.store, identity, signal);
  const different = attachmentRead.ok ? differentPublish(request, attachmentRead.value) : undefined;
  if (different !== undefined) return fail(different);
  if (isPublishedByAnother(context, volume, request, attachmentRead))
    return stillWaiting(
      volumeId,
      `the leading controller to find out who writes it: another driver has published it to ${nodeId}`,
    );
  return requestWriter(context, { ...stated, attachmentRead }, signal);
}

/** An adoption that is under way ends within moments: this call grants the disk then, not the next one. */
async function untilDiskRead(
  context: ControllerContext,
  volume: AzVolume,
  signal: AbortSignal,
): Promise<AzVolume> {
  const isDiskRead = (present: AzVolume): boolean =>
    present.status?.detail !== undefined ||
    unfinishedCopyIn(present) !== undefined ||
    hasFailedForGood(present, "CreationFailed");
  if (isDiskRead(volume)) return volume;
  return (await waitForDiskRead(context, volume, isDiskRead, signal)) ?? volume;
}

/** Why the volume's disk can't be given to a node yet, or ever; undefined: no copy is waited for. */
function unfinishedCopyIn({ status }: AzVolume): Failure | undefined {
  const error = status?.detail === undefined ? status?.error : undefined;
  return error !== undefined && isUnfinishedCopy(error.kind) ? fromObjectError(error) : undefined;
}

function obstacleTo(
  volume: AzVolume,
  { nodeName, zone }: { readonly nodeName: string; readonly zone: string },
  capability: VolumeCapability,
): Failure | undefined {
  const detail = volume.status?.detail;
  const volumeId = detail?.diskUri ?? volume.metadata.name;
  if (isDeleting(volume)) return deletionInProgress(volumeId);
  const supported = checkCapabilities([capability], maxSharesOf(volume));
  if (!supported.ok) return supported.failure;
  if (isSingleWriter([capability]) !== isSingleWriter(volume.spec.capabilities))
    return invalidArgument(
      "volume_capability.access_mode",
      capability.accessMode,
      `volume ${volumeId} was made for ` +
        `${volume.spec.capabilities.map((other) => other.accessMode).join(", ")}`,
    );
  if (detail !== undefined && !isInZoneOf(detail, zone))
    return invalidArgument(
      "node_id",
      nodeName,
      `its VM is in zone ${zone || "none"}, disk ${volumeId} only attaches ` +
        (detail.zones.length === 0 ? "to VMs without a zone" : `in zone ${detail.zones.join(", ")}`),
    );
  return undefined;
}

/**
 * Where several nodes write at once, replicas make room for one more, and other primaries do not. Two names
 * that the node of a VM has had take one share together.
 */
function sharesTaken(
  context: ControllerContext,
  volume: AzVolume,
  { volumeId: diskUri }: ControllerPublishVolumeRequest,
  node: NodeKey,
): Failure | undefined {
  if (isSingleWriter(volume.spec.capabilities)) return undefined;
  const maxShares = maxSharesOf(volume);
  const holders = publishedNodes(context, volume)
    .filter((nodeName) => nodeName !== node.nodeName)
    .map((nodeName) => {
      const name = attachmentObjectName({ diskUri, nodeName });
      return context.cache.get("AzVolumeAttachment", name)?.status?.vmId?.toLowerCase() ?? nodeName;
    });
  const others = new Set(holders);
  others.delete(node.vmId.toLowerCase());
  return others.size < maxShares ? undefined : { kind: "NoFreeShare", diskUri, maxShares };
}

/**
 * Refuses a node without a slot before its request is stated: Kubernetes moves the pod then. After the grant
 * it would wait there until another pod leaves. With `attach: driver` Kubernetes attaches nothing, and no
 * answer moves the pod. The kubelet ends a pod for this refusal, so the disks that the cache shows there are
 * read past it: one may have left since. One that the cache does not show yet lets the pod wait there.
 */
async function slotsTaken(
  { cache, clusterVolumes, store }: ControllerContext,
  { volumeId, nodeId }: ControllerPublishVolumeRequest,
  volumesMax: number,
  signal: AbortSignal,
): Promise<Failure | undefined> {
  // The disk is there, as after V1's time.
  if (isPublished(clusterVolumes.attachmentOn(volumeId, nodeId))) return undefined;
  const cached = cache.byIndex("AzVolumeAttachment", "nodeName", nodeId);
  if (takesDisk(volumeId, { attachments: cached, volumesMax })) return undefined;
  const own = attachmentObjectName({ diskUri: volumeId, nodeName: nodeId });
  const names = new Set([own, ...cached.filter(isRequestedPrimary).map(({ metadata }) => metadata.name)]);
  const attachments: AzVolumeAttachment[] = [];
  for (const name of names) {
    const read = await store.get("AzVolumeAttachment", name, signal);
    if (read.ok) attachments.push(read.value);
    else if (read.failure.kind !== "ObjectNotFound") return read.failure;
  }
  return takesDisk(volumeId, { attachments, volumesMax })
    ? undefined
    : { kind: "NoFreeLun", nodeName: nodeId, lunsMax: volumesMax };
}

/** CSI asks for ALREADY_EXISTS if the volume is published to the node with another `readonly`. */
function differentPublish(
  request: ControllerPublishVolumeRequest,
  { spec }: AzVolumeAttachment,
): Failure | undefined {
  if (spec.role !== "Primary" || spec.readOnly === request.readonly) return undefined;
  return {
    kind: "VolumeExistsWithOtherRequest",
    volumeName: request.volumeId,
    difference: `it is published to ${request.nodeId} with readonly ${spec.readOnly}`,
  };
}

/**
 * Whether the orchestrator has published the volume to the node without this driver, as after V1's
 * time: external-attacher calls once more then. A request stated now would be granted to a node that
 * writes already, and that node would pass for one without a mount.
 */
function isPublishedByAnother(
  { clusterVolumes }: ControllerContext,
  { spec, status }: AzVolume,
  { volumeId, nodeId }: ControllerPublishVolumeRequest,
  own: Result<AzVolumeAttachment>,
): boolean {
  if (!isPublished(clusterVolumes.attachmentOn(volumeId, nodeId)) || !isSingleWriter(spec.capabilities))
    return false;
  // Before its first record nothing is known of the volume.
  if (status?.record !== undefined && explainsPublication(status.record, nodeId)) return false;
  return own.ok ? own.value.spec.role !== "Primary" : own.failure.kind === "ObjectNotFound";
}

function reasonForNoGrant(
  context: ControllerContext,
  volume: AzVolume,
  volumeId: string,
  node: NodeKey,
): Failure {
  const record = context.cache.get("AzVolume", volume.metadata.name)?.status?.record;
  if (record?.writer !== undefined && record.writer.nodeName !== node.nodeName) {
    const use = context.users.cachedOn({ nodeName: record.writer.nodeName, volumeId });
    return {
      kind: "OtherWriter",
      volumeId,
      writer: record.writer.nodeName,
      users: use.kind === "used" ? use.users : [],
    };
  }
  const unverified = nodesIn(record, "unverified").map(({ nodeName }) => nodeName);
  if (unverified.length > 0) return { kind: "WriterRecordUnverified", volumeId, nodes: unverified };
  if (record !== undefined && isInQuarantine(record, node))
    return { kind: "InQuarantine", volumeId, nodeName: node.nodeName };
  if (isNamed(record, node, "barrierPending"))
    return { kind: "StillWaiting", volumeId, what: barrierWaitText(node.nodeName) };
  return { kind: "StillWaiting", volumeId, what: "the leading controller to grant it" };
}
