import type { Failure } from "../core/failure.ts";
import type { AzVolume } from "../core/model/az-volume.ts";
import { isSameResourceUri, resourceUriKey } from "../core/model/disk-uri.ts";
import { attachmentObjectName } from "../core/model/object-names.ts";
import { isDeleting } from "../core/plan/observed-volume.ts";
import { ok, type Result } from "../core/result.ts";
import type { ClusterAttachment } from "../ports/cluster-volumes.ts";
import type { ControllerPorts } from "./controller-ports.ts";
import { endWant, stateWant } from "./want.ts";

/** How long an attachment of ours has to be as it is before it counts as forgotten, in milliseconds: the cluster's may only be seen later. */
const FORGOTTEN_AFTER_MS = 60_000;
/** Attachments of the cluster's that are looked at side by side. */
const RESTORED_AT_ONCE = 64;

/**
 * Brings wants and the cluster's attachments together. States the wants that they imply and no object of ours states: those of a driver before this one, or whose
 * objects were lost. Where nobody publishes any more (`attach: driver`), the attachments are let go of then. And ends what no attachment stands for any more.
 * Running it again changes nothing. Answers how many have to wait for their volume.
 */
export async function restoreWants(ports: ControllerPorts, signal: AbortSignal): Promise<Result<{ readonly waiting: number }, Failure>> {
  await ports.clusterVolumes.untilSynced(signal);
  const attachments = ports.clusterVolumes.attachments();
  let waiting = 0;
  for (let first = 0; first < attachments.length; first += RESTORED_AT_ONCE) {
    const restored = await Promise.all(attachments.slice(first, first + RESTORED_AT_ONCE).map((attachment) => restoreFrom(ports, attachment, signal)));
    for (const one of restored) {
      if (!one.ok) return one;
      if (one.value === "waits") waiting += 1;
    }
  }
  const ended = await endForgotten(ports, attachments, signal);
  if (!ended.ok) return ended;
  const freed = ports.attach === "driver" ? await ports.clusterVolumes.releaseVolumes(signal) : ended;
  return freed.ok ? ok({ waiting }) : freed;
}

/**
 * Primaries that no want follows any more and that no attachment of the cluster's stands for: after a change of the way in nobody would ever unpublish them, and their
 * disks would stay where they are, also where another node needs the share.
 */
async function endForgotten(ports: ControllerPorts, attachments: readonly ClusterAttachment[], signal: AbortSignal): Promise<Result<void, Failure>> {
  const { cache, clusterVolumes, users, logger } = ports;
  if (!clusterVolumes.knowsAttachments) return ok(undefined);
  const known = new Set(attachments.map(({ volumeId, nodeName }) => `${resourceUriKey(volumeId)} ${nodeName}`));
  for (const { metadata, spec } of cache.list("AzVolumeAttachment")) {
    if (spec.role !== "Primary" || spec.want !== undefined || metadata.deletionTimestamp !== undefined) continue;
    if (known.has(`${resourceUriKey(spec.volumeId)} ${spec.nodeName}`) || (cache.unchangedMs("AzVolumeAttachment", metadata.name) ?? 0) < FORGOTTEN_AFTER_MS)
      continue;
    const { volumeId, nodeName, volumeName } = spec;
    const use = await users.on({ nodeName, volumeId }, signal);
    if (use.kind !== "unused") continue;
    const ended = await endWant(ports, { volumeId, nodeName, keepsPrimary: false }, signal);
    if (!ended.ok) return ended;
    logger.info("published volume let go: the cluster has no attachment that anybody would end", { volumeName, nodeName });
  }
  return ok(undefined);
}

/** The same for one volume, before its disk is recorded: a node that finds itself clean meanwhile must not have it detached under a pod that is about to start. */
export async function restoreWantsOf(ports: ControllerPorts, volume: AzVolume, signal: AbortSignal): Promise<Result<void, Failure>> {
  const diskUri = volume.status?.detail?.diskUri;
  for (const attachment of ports.clusterVolumes.attachments()) {
    if (diskUri === undefined || !isSameResourceUri(attachment.volumeId, diskUri) || !isStanding(attachment)) continue;
    const restored = await restoreWant(ports, volume, attachment, signal);
    if (!restored.ok) return restored;
  }
  return ok(undefined);
}

type Restored = "done" | "waits";

async function restoreFrom(ports: ControllerPorts, attachment: ClusterAttachment, signal: AbortSignal): Promise<Result<Restored, Failure>> {
  const volume = ports.cache.byIndex("AzVolume", "diskUri", resourceUriKey(attachment.volumeId))[0];
  if (volume?.status?.detail === undefined) return ok("waits");
  if (isDeleting(volume)) return ok("done");
  if (ports.attach === "driver") return takeOver(ports, volume, attachment, signal);
  return isStanding(attachment) ? restoreWant(ports, volume, attachment, signal) : ok("done");
}

/** Published there, and nobody has begun to end that. Where ControllerPublishVolume has not succeeded yet, it will be called again. */
function isStanding(attachment: ClusterAttachment | undefined): boolean {
  return attachment !== undefined && attachment.isAttached && !attachment.isLeaving;
}

/**
 * States the want of one attachment of the cluster's, unless it stands. The attachment is read afresh before, and once more afterwards: an unpublish in between has ended
 * no want, since there was none, and nobody would end this one.
 */
async function restoreWant(ports: ControllerPorts, volume: AzVolume, attachment: ClusterAttachment, signal: AbortSignal): Promise<Result<Restored, Failure>> {
  const { clusterVolumes, users, logger } = ports;
  const { name, nodeName, volumeId } = attachment;
  if (isPrimary(ports, volume, nodeName)) return ok("done");
  const present = await clusterVolumes.readAttachment(name, signal);
  if (!present.ok) return present;
  // The want of a node out of service has been ended on purpose.
  if (!isStanding(present.value) || (await users.isOutOfService(nodeName, signal))) return ok("done");
  const { readOnly, volumeContext } = clusterVolumes.volumeOf(volumeId) ?? { readOnly: false, volumeContext: {} };
  const wanted = await stateWant(ports, { volume, nodeName, readOnly, volumeContext }, signal);
  if (!wanted.ok) return wanted.failure.kind === "OperationInProgress" ? ok("waits") : wanted;
  const still = await clusterVolumes.readAttachment(name, signal);
  if (!still.ok) return still;
  if (!isStanding(still.value)) {
    const ended = await endWant(ports, { volumeId: diskOf(volume), nodeName, keepsPrimary: false }, signal);
    return ended.ok ? ok("done") : ended;
  }
  logger.info("want restored from what the cluster has attached", { volumeName: volume.metadata.name, nodeName, attachment: name });
  return ok("done");
}

/** Nobody will unpublish any more: what ControllerUnpublishVolume would have ended is ended here, where no workload is left, and then the attachment goes. */
async function takeOver(ports: ControllerPorts, volume: AzVolume, attachment: ClusterAttachment, signal: AbortSignal): Promise<Result<Restored, Failure>> {
  const { clusterVolumes, users, logger } = ports;
  const { name, nodeName, volumeId } = attachment;
  const use = await users.on({ nodeName, volumeId }, signal);
  const settled: Result<unknown, Failure> =
    use.kind === "unused"
      ? await endWant(ports, { volumeId: diskOf(volume), nodeName, keepsPrimary: false }, signal)
      : isStanding(attachment)
        ? await restoreWant(ports, volume, attachment, signal)
        : ok("done");
  if (!settled.ok) return settled;
  if (settled.value === "waits") return ok("waits");
  const released = await clusterVolumes.releaseAttachment(name, signal);
  if (!released.ok) return released;
  logger.info("attachment of the cluster's taken over: nodes attach by themselves now", { volumeName: volume.metadata.name, nodeName, attachment: name });
  return ok("done");
}

function isPrimary(ports: ControllerPorts, volume: AzVolume, nodeName: string): boolean {
  const own = ports.cache.get("AzVolumeAttachment", attachmentObjectName({ diskUri: diskOf(volume), nodeName }));
  return own?.spec.role === "Primary" && own.metadata.deletionTimestamp === undefined;
}

function diskOf(volume: AzVolume): string {
  return volume.status?.detail?.diskUri ?? volume.spec.diskUri ?? volume.metadata.name;
}
