import type { AzVolume } from "../../core/api/az-volume.ts";
import { attachmentObjectName } from "../../core/api/object-names.ts";
import { isDeleting } from "../../core/attachment/observed-volume.ts";
import { isSameResourceUri, resourceUriKey } from "../../core/azure/disk-uri.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { foundAgain, isNamedIn } from "../../core/writer/writer-steps.ts";
import { readAttachment } from "../../objects/named-attachment.ts";
import { withdrawRequest, requestWriter } from "../../objects/writer-request.ts";
import type { ClusterAttachment } from "../../ports/cluster/cluster-volumes.ts";
import type { ControllerPorts } from "../controller-ports.ts";
import { isGeneral, tryEach } from "../try-each.ts";
import { withdrawLeakedRequest } from "../writer/withdraw-leaked-request.ts";
import { rebuildRecord, withHolders } from "./rebuild-record.ts";

/**
 * How long an attachment of ours has to ask for what it asks for before it counts as forgotten, in
 * milliseconds: the cluster's may only be seen later. What its tries come to is no matter.
 */
const FORGOTTEN_AFTER_MS = 60_000;

/**
 * Brings wants and the cluster's attachments together. States the wants that they imply and no object of
 * ours states: those of a driver before this one, or whose objects were lost. Where nobody publishes any
 * more (`attach: driver`), the attachments are let go of then. And ends what no attachment stands for any
 * more. A record that does not know of an attachment which stands was not there when it was made: it trusts
 * nobody then. Running it again changes nothing. What fails keeps nothing else waiting (`tryEach`). Answers
 * how many have to wait for their volume.
 */
export async function syncVolumeAttachments(
  ports: ControllerPorts,
  signal: AbortSignal,
): Promise<Result<{ readonly waiting: number }, Failure>> {
  await ports.clusterVolumes.untilSynced(signal);
  const attachments = ports.clusterVolumes.attachments();
  const restored = await tryEach(
    attachments,
    (attachment) => restoreFrom(ports, attachment, signal),
    ({ name }, failure) =>
      ports.logger.warn("no want restored from an attachment of the cluster", { attachment: name, failure }),
  );
  if (!restored.ok && signal.aborted) return restored;
  const ended = await endForgotten(ports, attachments, signal);
  if (!restored.ok) return restored;
  if (!ended.ok) return ended;
  const freed = ports.attach === "driver" ? await ports.clusterVolumes.releaseVolumes(signal) : ended;
  return freed.ok ? ok({ waiting: restored.value.filter((one) => one === "waits").length }) : freed;
}

/**
 * Primaries that no attachment of the cluster's stands for: after a change of the way in, or another
 * driver's time, nobody would ever unpublish them, and their disks would stay where they are, also where
 * another node needs the share. Where nodes attach by themselves, a want is the node's own to end; but one
 * that it has forgotten nobody would: a kubelet whose stage has failed for good never unstages, and a store
 * put back from a backup shows wants that had ended. Where it is the writer's, the release check then sees
 * that it has leaked.
 */
async function endForgotten(
  ports: ControllerPorts,
  attachments: readonly ClusterAttachment[],
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  const { cache, clusterVolumes, users, logger } = ports;
  if (!clusterVolumes.knowsAttachments) return ok(undefined);
  const known = new Set(
    attachments.map(({ volumeId, nodeName }) => `${resourceUriKey(volumeId)} ${nodeName}`),
  );
  let failed: Result<never, Failure> | undefined;
  for (const { metadata, spec } of cache.list("AzVolumeAttachment")) {
    if (spec.role !== "Primary" || metadata.deletionTimestamp !== undefined) continue;
    const volume = cache.get("AzVolume", spec.volumeName);
    const isNodesOwn = spec.writerRequest !== undefined && ports.attach === "driver";
    if (isNodesOwn && volume === undefined) continue;
    if (
      known.has(`${resourceUriKey(spec.volumeId)} ${spec.nodeName}`) ||
      (cache.askedMs("AzVolumeAttachment", metadata.name) ?? 0) < FORGOTTEN_AFTER_MS
    )
      continue;
    const { volumeId, nodeName, volumeName } = spec;
    const use = await users.on({ nodeName, volumeId }, signal);
    if (use.kind !== "unused") continue;
    const where = { volumeId, nodeName };
    const ended: Result<unknown, Failure> =
      isNodesOwn && volume !== undefined
        ? await withdrawLeakedRequest(ports, volume, where, signal)
        : await withdrawRequest(ports, { ...where, keepsPrimary: false }, signal);
    if (ended.ok)
      logger.info("published volume let go: the cluster has no attachment that anybody would end", {
        volumeName,
        nodeName,
      });
    else if (isGeneral(ended.failure)) return ended;
    else failed ??= ended;
  }
  return failed ?? ok(undefined);
}

/**
 * The same for one volume, before its disk is recorded: a node that finds itself clean meanwhile must not
 * have it detached under a pod that is about to start.
 */
export async function syncVolumeAttachmentsOf(
  ports: ControllerPorts,
  volume: AzVolume,
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  const diskUri = volume.status?.detail?.diskUri;
  for (const attachment of ports.clusterVolumes.attachments()) {
    if (diskUri === undefined || !isSameResourceUri(attachment.volumeId, diskUri) || !isStanding(attachment))
      continue;
    const restored = await syncVolumeAttachment(ports, volume, attachment, signal);
    if (!restored.ok) return restored;
  }
  return ok(undefined);
}

type Restored = "done" | "waits";

async function restoreFrom(
  ports: ControllerPorts,
  attachment: ClusterAttachment,
  signal: AbortSignal,
): Promise<Result<Restored, Failure>> {
  const volume = ports.cache.byIndex("AzVolume", "diskUri", resourceUriKey(attachment.volumeId))[0];
  if (volume?.status?.detail === undefined) return ok("waits");
  if (isDeleting(volume)) return ok("done");
  if (ports.attach === "driver") return takeOver(ports, volume, attachment, signal);
  return isStanding(attachment) ? syncVolumeAttachment(ports, volume, attachment, signal) : ok("done");
}

/**
 * Published there, and nobody has begun to end that. Where ControllerPublishVolume has not succeeded yet,
 * it will be called again.
 */
export function isStanding(attachment: ClusterAttachment | undefined): boolean {
  return attachment !== undefined && attachment.isAttached && !attachment.isLeaving;
}

/**
 * States the want of one attachment of the cluster's, unless it stands. The attachment is read afresh
 * before, and once more afterwards: an unpublish in between has ended no want, since there was none, and
 * nobody would end this one.
 */
async function syncVolumeAttachment(
  ports: ControllerPorts,
  volume: AzVolume,
  attachment: ClusterAttachment,
  signal: AbortSignal,
): Promise<Result<Restored, Failure>> {
  const { clusterVolumes, users, logger } = ports;
  const { name, nodeName, volumeId } = attachment;
  if (isPrimary(ports, volume, nodeName)) return ok("done");
  const present = await clusterVolumes.readAttachment(name, signal);
  if (!present.ok) return present;
  // The want of a node out of service has been ended on purpose, and on one that is gone nobody wants
  // anything: its mark has gone with it.
  if (
    !isStanding(present.value) ||
    users.cachedNode(nodeName).isGone ||
    (await users.isOutOfService(nodeName, signal))
  )
    return ok("done");
  const trusted = await trustRecord(ports, volume, nodeName, signal);
  if (!trusted.ok) return trusted;
  const { readOnly, volumeContext } = clusterVolumes.volumeOf(volumeId) ?? {
    readOnly: false,
    volumeContext: {},
  };
  const requested = await requestWriter(ports, { volume, nodeName, readOnly, volumeContext }, signal);
  if (!requested.ok) return requested.failure.kind === "OperationInProgress" ? ok("waits") : requested;
  const still = await clusterVolumes.readAttachment(name, signal);
  if (!still.ok) return still;
  if (!isStanding(still.value)) {
    const ended = await withdrawRequest(
      ports,
      { volumeId: diskOf(volume), nodeName, keepsPrimary: false },
      signal,
    );
    return ended.ok ? ok("done") : ended;
  }
  logger.info("want restored from what the cluster has attached", {
    volumeName: volume.metadata.name,
    nodeName,
    attachment: name,
  });
  return ok("done");
}

/**
 * Another driver has published the volume there, and was the one to say who writes: V1, while this driver
 * was away and its objects stayed. What the record says is from before, so everybody has to show anew what
 * they do with the disk. A node that holds the volume by that record is among them, whatever Azure says: an
 * attach to it may be under way. Not where the record tells why the node may not have the disk: then this
 * driver itself has ended its want.
 */
async function trustRecord(
  ports: ControllerPorts,
  volume: AzVolume,
  nodeName: string,
  signal: AbortSignal,
): Promise<Result<unknown, Failure>> {
  const { store, logger } = ports;
  const read = await store.get("AzVolume", volume.metadata.name, signal);
  if (!read.ok) return read;
  if (read.value.status?.record === undefined || isNamedIn(read.value.status.record, nodeName))
    return ok(undefined);
  // The cache may be behind with what this driver's own publish has made.
  const own = await readAttachment(
    store,
    { volumeName: volume.metadata.name, diskUri: diskOf(volume), nodeName },
    signal,
  );
  if (own.ok ? own.value.spec.role === "Primary" : own.failure.kind !== "ObjectNotFound") return own;
  logger.warn("volume published by another driver: its record trusts nobody any more", {
    volumeName: volume.metadata.name,
    nodeName,
  });
  const found = await rebuildRecord(
    ports,
    read.value,
    (present, { cutOff, epoch, ...seen }) => {
      if (present === undefined || isNamedIn(present, nodeName)) return undefined;
      return foundAgain(present, { ...withHolders(seen, present), cutOff, epoch });
    },
    signal,
  );
  return found.ok ? withdrawOlderRequests(ports, volume, nodeName, signal) : found;
}

/**
 * Wants from before the other driver's time, which has ended what they stood for: else the volume would be
 * granted once more to where nobody wants it.
 */
async function withdrawOlderRequests(
  ports: ControllerPorts,
  volume: AzVolume,
  publishedTo: string,
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  const { cache, clusterVolumes, users, logger } = ports;
  const volumeName = volume.metadata.name;
  for (const { spec } of cache.byIndex("AzVolumeAttachment", "volumeName", volumeName)) {
    const { volumeId, nodeName, role } = spec;
    if (
      role !== "Primary" ||
      nodeName === publishedTo ||
      clusterVolumes.attachmentOn(volumeId, nodeName) !== undefined
    )
      continue;
    const use = await users.on({ nodeName, volumeId }, signal);
    if (use.kind !== "unused") continue;
    const ended = await withdrawRequest(ports, { volumeId, nodeName, keepsPrimary: false }, signal);
    if (!ended.ok) return ended;
    logger.info("want ended that another driver's time has left", { volumeName, nodeName });
  }
  return ok(undefined);
}

/**
 * Nobody will unpublish any more: what ControllerUnpublishVolume would have ended is ended here, where no
 * workload is left, and then the attachment goes.
 */
async function takeOver(
  ports: ControllerPorts,
  volume: AzVolume,
  attachment: ClusterAttachment,
  signal: AbortSignal,
): Promise<Result<Restored, Failure>> {
  const { clusterVolumes, users, logger } = ports;
  const { name, nodeName, volumeId } = attachment;
  const use = await users.on({ nodeName, volumeId }, signal);
  const settled: Result<unknown, Failure> =
    use.kind === "unused"
      ? await withdrawRequest(ports, { volumeId: diskOf(volume), nodeName, keepsPrimary: false }, signal)
      : isStanding(attachment)
        ? await syncVolumeAttachment(ports, volume, attachment, signal)
        : ok("done");
  if (!settled.ok) return settled;
  if (settled.value === "waits") return ok("waits");
  const released = await clusterVolumes.releaseAttachment(name, signal);
  if (!released.ok) return released;
  logger.info("attachment of the cluster's taken over: nodes attach by themselves now", {
    volumeName: volume.metadata.name,
    nodeName,
    attachment: name,
  });
  return ok("done");
}

function isPrimary(ports: ControllerPorts, volume: AzVolume, nodeName: string): boolean {
  const own = ports.cache.get(
    "AzVolumeAttachment",
    attachmentObjectName({ diskUri: diskOf(volume), nodeName }),
  );
  return own?.spec.role === "Primary" && own.metadata.deletionTimestamp === undefined;
}

function diskOf(volume: AzVolume): string {
  return volume.status?.detail?.diskUri ?? volume.spec.diskUri ?? volume.metadata.name;
}
