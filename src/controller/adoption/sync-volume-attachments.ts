import type { AzVolume } from "../../core/api/az-volume.ts";
import { diskUriOf } from "../../core/api/identity/disk-uri-of.ts";
import { attachmentObjectName } from "../../core/api/object-names.ts";
import { isDeleting, isTerminating } from "../../core/attachment/observed-volume.ts";
import { isSameResourceUri, resourceUriKey } from "../../core/azure/ids/disk-uri.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { isSingleWriter } from "../../core/volume/access-modes.ts";
import { explainsPublication } from "../../core/writer/record/rebuilt-record.ts";
import { readAttachment } from "../../objects/named-attachment.ts";
import { withdrawRequest, requestWriter } from "../../objects/writer-request.ts";
import { type ClusterAttachment, isPublished } from "../../ports/cluster/cluster-volumes.ts";
import type { AdoptionPorts } from "../controller-ports.ts";
import { isGeneral, tryEach } from "../try-each.ts";
import { withdrawLeakedRequest } from "../writer/withdraw-leaked-request.ts";
import { rebuildVolume } from "./rebuild-record.ts";

/**
 * Minimum age of an attachment without a counterpart before it counts as left behind, in milliseconds:
 * the VolumeAttachment may be seen later. Its retries are ignored.
 */
const FORGOTTEN_AFTER_MS = 60_000;

/**
 * Synchronizes requests with VolumeAttachments. Makes the requests that they imply and no object states:
 * those of an earlier driver, or whose objects were lost. With `attach: driver` no unpublish follows, so
 * the VolumeAttachments are then released. Withdraws requests without a VolumeAttachment. A record that
 * predates a standing VolumeAttachment is made unverified. Idempotent. A failure delays no other
 * (`tryEach`). Returns how many wait for their volume.
 */
export async function syncVolumeAttachments(
  ports: AdoptionPorts,
  signal: AbortSignal,
): Promise<Result<{ readonly waiting: number }>> {
  await ports.clusterVolumes.untilSynced(signal);
  const attachments = ports.clusterVolumes.attachments();
  const restored = await tryEach(
    attachments,
    {
      attempt: (attachment) => restoreFrom(ports, attachment, signal),
      onFailure: ({ name }, failure) =>
        ports.logger.warn("request not restored from a VolumeAttachment", { attachment: name, failure }),
      logger: ports.logger,
    },
    signal,
  );
  if (restored.failed !== undefined && signal.aborted) return fail(restored.failed);
  const ended = await endForgotten(ports, attachments, signal);
  if (restored.failed !== undefined) return fail(restored.failed);
  if (!ended.ok) return ended;
  const freed = ports.attach === "driver" ? await ports.clusterVolumes.releaseVolumes(signal) : ended;
  return freed.ok ? ok({ waiting: restored.done.filter((one) => one === "waits").length }) : freed;
}

/**
 * Demotes primaries without a VolumeAttachment: after a change of `attach`, or another driver's time, no
 * unpublish would follow, and their disks would keep shares that other nodes need. With `attach: driver`
 * a node withdraws its own request, except one that it has lost: a kubelet whose stage has failed for
 * good never unstages, and a restored backup shows withdrawn requests. Where it is the writer's, the
 * release check then finds the leaked request.
 */
async function endForgotten(
  ports: AdoptionPorts,
  attachments: readonly ClusterAttachment[],
  signal: AbortSignal,
): Promise<Result<void>> {
  const { cache, clusterVolumes, users, logger } = ports;
  if (!clusterVolumes.knowsAttachments) return ok(undefined);
  const known = new Set(
    attachments.map(({ volumeId, nodeName }) => `${resourceUriKey(volumeId)} ${nodeName}`),
  );
  let failed: Result<never> | undefined;
  for (const { metadata, spec } of cache.list("AzVolumeAttachment")) {
    if (spec.role !== "Primary" || metadata.deletionTimestamp !== undefined) continue;
    const volume = cache.get("AzVolume", spec.volumeName);
    const isNodesOwn = spec.writerRequest !== undefined && ports.attach === "driver";
    if (
      volume === undefined ||
      known.has(`${resourceUriKey(spec.volumeId)} ${spec.nodeName}`) ||
      (cache.specUnchangedMs("AzVolumeAttachment", metadata.name) ?? 0) < FORGOTTEN_AFTER_MS
    )
      continue;
    const { volumeId, nodeName, volumeName } = spec;
    const use = await users.on({ nodeName, volumeId }, signal);
    if (use.kind !== "unused") continue;
    const where = { volumeId, nodeName };
    const ended: Result<unknown> = isNodesOwn
      ? await withdrawLeakedRequest(ports, volume, where, signal)
      : await withdrawFrom(ports, volume, nodeName, signal);
    if (ended.ok) logger.info("publication removed: no VolumeAttachment", { volumeName, nodeName });
    else if (isGeneral(ended.failure)) return ended;
    else failed ??= ended;
  }
  return failed ?? ok(undefined);
}

/**
 * The same for one volume, before its disk is recorded: a node that shows itself clean concurrently must
 * not lose the disk under a pod that is about to start.
 */
export async function syncVolumeAttachmentsOf(
  ports: AdoptionPorts,
  volume: AzVolume,
  signal: AbortSignal,
): Promise<Result<void>> {
  const diskUri = volume.status?.detail?.diskUri;
  for (const attachment of ports.clusterVolumes.attachments()) {
    if (diskUri === undefined || !isSameResourceUri(attachment.volumeId, diskUri) || !isPublished(attachment))
      continue;
    const restored = await syncVolumeAttachment(ports, volume, attachment, signal);
    if (!restored.ok) return restored;
  }
  return ok(undefined);
}

type Outcome = "done" | "waits";

async function restoreFrom(
  ports: AdoptionPorts,
  attachment: ClusterAttachment,
  signal: AbortSignal,
): Promise<Result<Outcome>> {
  const volume = ports.cache.byIndex("AzVolume", "diskUri", resourceUriKey(attachment.volumeId))[0];
  if (volume?.status?.detail === undefined) return ok("waits");
  if (isDeleting(volume)) return ok("done");
  if (ports.attach === "driver") return takeOver(ports, volume, attachment, signal);
  return isPublished(attachment) ? syncVolumeAttachment(ports, volume, attachment, signal) : ok("done");
}

/**
 * Requests the volume for one VolumeAttachment, unless it is requested already. The VolumeAttachment is
 * read uncached before and after: an unpublish in between has found no request to withdraw, and no other
 * call would withdraw this one.
 */
async function syncVolumeAttachment(
  ports: AdoptionPorts,
  volume: AzVolume,
  attachment: ClusterAttachment,
  signal: AbortSignal,
): Promise<Result<Outcome>> {
  const { clusterVolumes, users, logger } = ports;
  const { name, nodeName, volumeId } = attachment;
  if (isPrimary(ports, volume, nodeName)) return ok("done");
  const present = await clusterVolumes.readAttachment(name, signal);
  if (!present.ok) return present;
  // The request of a node out of service was withdrawn on purpose. A node that is gone requests nothing:
  // its mark went with it.
  if (
    !isPublished(present.value) ||
    users.cachedNode(nodeName).isGone ||
    (await users.isOutOfService(nodeName, signal))
  )
    return ok("done");
  // The cache may lag behind this driver's own publish.
  const where = { volumeName: volume.metadata.name, diskUri: diskOf(volume), nodeName };
  const own = await readAttachment(ports.store, where, signal);
  if (!own.ok && own.failure.kind !== "ObjectNotFound") return own;
  const terminating = own.ok && isTerminating(own.value) ? own.value.metadata.uid : undefined;
  // Each repetition while it can't be requested yet would make every node show again what it does.
  const isRepeated = terminating !== undefined && ports.distrustedFor.has(terminating);
  if (!isRepeated && (!own.ok || own.value.spec.role !== "Primary")) {
    const trusted = await distrustOutdatedRecord(ports, volume, attachment, signal);
    if (!trusted.ok) return trusted;
  }
  if (terminating !== undefined) {
    ports.distrustedFor.add(terminating);
    return ok("waits");
  }
  const { readOnly, volumeContext } = clusterVolumes.volumeOf(volumeId) ?? {
    readOnly: false,
    volumeContext: {},
  };
  const requested = await requestWriter(ports, { volume, nodeName, readOnly, volumeContext }, signal);
  if (!requested.ok) return requested.failure.kind === "OperationInProgress" ? ok("waits") : requested;
  const still = await clusterVolumes.readAttachment(name, signal);
  if (!still.ok) return still;
  if (!isPublished(still.value)) {
    const ended = await withdrawFrom(ports, volume, nodeName, signal);
    return ended.ok ? ok("done") : ended;
  }
  logger.info("request restored from a VolumeAttachment", {
    volumeName: volume.metadata.name,
    nodeName,
    attachment: name,
  });
  return ok("done");
}

/**
 * Another driver has published the volume there and granted the write: V1, while this driver was away and
 * its objects stayed. The record is outdated, so every node has to show what it does with the disk. The
 * recorded holder is among them, whatever Azure reports: an attach to it may be under way. Not where the
 * record says why the node may not have the disk: then this driver has withdrawn its request.
 */
async function distrustOutdatedRecord(
  ports: AdoptionPorts,
  volume: AzVolume,
  { name, nodeName }: ClusterAttachment,
  signal: AbortSignal,
): Promise<Result<unknown>> {
  const { clusterVolumes, store, logger } = ports;
  const read = await store.get("AzVolume", volume.metadata.name, signal);
  if (!read.ok) return read;
  if (read.value.status?.record === undefined || explainsPublication(read.value.status.record, nodeName))
    return ok(undefined);
  // Or an unpublish has ended since: the cache may not show this driver's own publish before it yet.
  const still = await clusterVolumes.readAttachment(name, signal);
  if (!still.ok || !isPublished(still.value)) return still;
  logger.warn("volume published by another driver: its record is unverified", {
    volumeName: volume.metadata.name,
    nodeName,
  });
  const found = await rebuildVolume(ports, read.value, { kind: "rediscovered", nodeName }, signal);
  return found.ok ? withdrawOlderRequests(ports, volume, nodeName, signal) : found;
}

/**
 * Withdraws requests from before the other driver's time, whose workloads have ended: otherwise the
 * volume would be granted to a node that no longer requests it.
 */
async function withdrawOlderRequests(
  ports: AdoptionPorts,
  volume: AzVolume,
  publishedTo: string,
  signal: AbortSignal,
): Promise<Result<void>> {
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
    const ended = await withdrawFrom(ports, volume, nodeName, signal);
    if (!ended.ok) return ended;
    logger.info("stale request withdrawn: left by another driver", { volumeName, nodeName });
  }
  return ok(undefined);
}

/**
 * No unpublish follows: this withdraws what ControllerUnpublishVolume would have, where no workload is
 * left, and then deletes the VolumeAttachment.
 */
async function takeOver(
  ports: AdoptionPorts,
  volume: AzVolume,
  attachment: ClusterAttachment,
  signal: AbortSignal,
): Promise<Result<Outcome>> {
  const { clusterVolumes, users, logger } = ports;
  const { name, nodeName, volumeId } = attachment;
  const use = await users.on({ nodeName, volumeId }, signal);
  const synced: Result<unknown> =
    use.kind === "unused"
      ? await withdrawFrom(ports, volume, nodeName, signal)
      : isPublished(attachment)
        ? await syncVolumeAttachment(ports, volume, attachment, signal)
        : ok("done");
  if (!synced.ok) return synced;
  if (synced.value === "waits") return ok("waits");
  const released = await clusterVolumes.releaseAttachment(name, signal);
  if (!released.ok) return released;
  logger.info("VolumeAttachment taken over: nodes attach by themselves", {
    volumeName: volume.metadata.name,
    nodeName,
    attachment: name,
  });
  return ok("done");
}

/** Withdraws a node's request, and makes its attachment a replica. */
function withdrawFrom(
  ports: AdoptionPorts,
  volume: AzVolume,
  nodeName: string,
  signal: AbortSignal,
): Promise<Result<unknown>> {
  const isShared = !isSingleWriter(volume.spec.capabilities);
  const where = { volumeId: diskOf(volume), nodeName };
  return withdrawRequest(ports, { ...where, keepsPrimary: false, isShared }, signal);
}

function isPrimary(ports: AdoptionPorts, volume: AzVolume, nodeName: string): boolean {
  const own = ports.cache.get(
    "AzVolumeAttachment",
    attachmentObjectName({ diskUri: diskOf(volume), nodeName }),
  );
  return own?.spec.role === "Primary" && own.metadata.deletionTimestamp === undefined;
}

function diskOf(volume: AzVolume): string {
  return diskUriOf(volume) ?? volume.metadata.name;
}
