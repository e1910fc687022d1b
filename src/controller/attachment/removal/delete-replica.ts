import type { AzVolumeAttachment } from "../../../core/api/az-volume-attachment.ts";
import { isTerminating, type ObservedVolume } from "../../../core/attachment/observed-volume.ts";
import {
  isGrantStanding,
  isReplica,
  mayWrite,
  type ReplicaAction,
  type ReplicaCondition,
} from "../../../core/attachment/plan-replicas.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import { ok, type Result } from "../../../core/failure/result.ts";
import { hasNoContainer } from "../../../core/schedule/volume-use.ts";
import { isSingleWriter } from "../../../core/volume/access-modes.ts";
import { isNamed } from "../../../core/writer/record/record-nodes.ts";
import { ignoreNotFound } from "../../../objects/ignore-not-found.ts";
import type { Reconciled } from "../../../runtime/queue/control-loop.ts";
import type { ControllerPorts } from "../../controller-ports.ts";

type ReplicaPorts = Pick<
  ControllerPorts,
  "store" | "cache" | "clusterVolumes" | "users" | "steps" | "logger"
>;

/**
 * When a deletion whose uncached condition fails is planned again, in milliseconds: by then the cache
 * shows why.
 */
const PLAN_AGAIN_MS = 1_000;

/**
 * Deletes a replica if the plan's premises still hold past every cache: its node may not write, and the
 * plan's own condition. A replica kept by mistake costs a share for a moment; one deleted by mistake
 * costs the next failover an attach.
 */
export async function deleteReplica(
  ports: ReplicaPorts,
  observed: ObservedVolume,
  action: Extract<ReplicaAction, { kind: "DeleteAttachment" }>,
  signal: AbortSignal,
): Promise<Reconciled> {
  const { cache, logger, steps, store } = ports;
  const volumeName = observed.volume.metadata.name;
  const attachment = observed.attachments.find(
    (other) => other.attachment.metadata.name === action.attachmentName,
  )?.attachment;
  const cached = cache.get("AzVolumeAttachment", action.attachmentName);
  // ControllerUnpublishVolume may have deleted it while earlier actions of the same plan were carried out.
  if (attachment === undefined || cached === undefined || isTerminating(cached)) return ok({});
  const { onlyWhile } = action;
  // First, since it takes the longest: what else must still hold is asked right before the deletion.
  const isShared = !isSingleWriter(observed.volume.spec.capabilities);
  if (isShared && !(await isLeftBehind(ports, cached, signal))) return ok({ requeueAfterMs: PLAN_AGAIN_MS });
  const nonReplicas = await nonReplicasPastCache(ports, onlyWhile, signal);
  if (!nonReplicas.ok) return nonReplicas;
  if (nonReplicas.value === undefined) return ok({ requeueAfterMs: PLAN_AGAIN_MS });
  const present = await store.get("AzVolume", volumeName, signal);
  if (!present.ok && present.failure.kind !== "ObjectNotFound") return present;
  // The planned record may have been rebuilt since: a node that has to show what it does with the disk
  // needs its attachment for that.
  const record = present.ok ? present.value.status?.record : undefined;
  if (mayWrite(record, attachment.spec.nodeName)) return ok({});
  const isPrimaryAlone = !isShared && record === undefined && cached.spec.role === "Primary";
  if (isPrimaryAlone && !(await isLeftBehind(ports, cached, signal)))
    return ok({ requeueAfterMs: PLAN_AGAIN_MS });
  const isFreed = onlyWhile?.kind === "Quarantined" && !isNamed(record, onlyWhile.node, "quarantined");
  const isGrantGone =
    onlyWhile?.kind === "OthersStay" &&
    onlyWhile.grant !== undefined &&
    !isGrantStanding(record, onlyWhile.grant);
  if (isFreed || isGrantGone || nonReplicas.value.some((other) => isReplica(record, other)))
    return ok({ requeueAfterMs: PLAN_AGAIN_MS });
  if (
    onlyWhile?.kind === "Unrequested" &&
    present.ok &&
    present.value.status?.unrequestedSince !== onlyWhile.since
  )
    return ok({});
  const { uid, resourceVersion } = attachment.metadata;
  // The version as well: a request made in between makes it a primary, which is never deleted here.
  const deleted = await steps.run("delete-replica", () =>
    store.delete("AzVolumeAttachment", action.attachmentName, { uid, resourceVersion }, signal),
  );
  if (!deleted.ok) return ignoreNotFound(deleted);
  logger.info("replica deleted", { volumeName, nodeName: attachment.spec.nodeName, because: action.because });
  return ok({});
}

/**
 * Whether no pod uses an attachment's volume on its node, or the node is lost with all its pods. Without a
 * record only pods show that, and their cache may lag behind. A replica that nothing else shows in use gives
 * way to pods that only wait there, too: `isUsedReplica`.
 */
async function isLeftBehind(
  { users }: Pick<ReplicaPorts, "users">,
  { spec: { nodeName, role, volumeId } }: AzVolumeAttachment,
  signal: AbortSignal,
): Promise<boolean> {
  if (await users.isOutOfService(nodeName, signal)) return true;
  const use = await users.on({ nodeName, volumeId }, signal);
  return role === "Primary" ? use.kind === "unused" : use.kind !== "used" || hasNoContainer(use);
}

/**
 * The attachments that the plan did not count as replicas, as they are past the cache. Undefined: the
 * condition does not hold, as far as it concerns objects other than the volume. Fails where the store
 * does not respond.
 */
async function nonReplicasPastCache(
  { clusterVolumes, store, users }: ReplicaPorts,
  onlyWhile: ReplicaCondition | undefined,
  signal: AbortSignal,
): Promise<Result<readonly AzVolumeAttachment[] | undefined, Failure>> {
  if (onlyWhile?.kind === "NodeGone")
    return ok((await clusterVolumes.nodePresence(onlyWhile.nodeName, signal)) === "gone" ? [] : undefined);
  if (onlyWhile?.kind === "Unschedulable")
    return ok((await users.isUnschedulable(onlyWhile.nodeName, signal)) ? [] : undefined);
  if (onlyWhile?.kind === "OutOfService")
    return ok((await users.isOutOfService(onlyWhile.nodeName, signal)) ? [] : undefined);
  if (onlyWhile?.kind === "Unregistered") {
    const driverNode = await store.get("AzDriverNode", onlyWhile.nodeName, signal);
    return driverNode.ok ? ok(undefined) : driverNode.failure.kind === "ObjectNotFound" ? ok([]) : driverNode;
  }
  if (onlyWhile?.kind !== "OthersStay") return ok([]);
  const nonReplicas = await stayingPastCache(store, onlyWhile.nonReplicaNames, signal);
  if (!nonReplicas.ok || nonReplicas.value === undefined) return nonReplicas;
  const replicas = await stayingPastCache(store, onlyWhile.replicaNames, signal);
  return replicas.ok && replicas.value !== undefined ? nonReplicas : replicas;
}

/** Attachments by their names; undefined: one of them is gone or terminating. */
async function stayingPastCache(
  store: ControllerPorts["store"],
  names: readonly string[],
  signal: AbortSignal,
): Promise<Result<readonly AzVolumeAttachment[] | undefined, Failure>> {
  const staying: AzVolumeAttachment[] = [];
  for (const name of names) {
    const read = await store.get("AzVolumeAttachment", name, signal);
    if (!read.ok && read.failure.kind !== "ObjectNotFound") return read;
    if (!read.ok || isTerminating(read.value)) return ok(undefined);
    staying.push(read.value);
  }
  return ok(staying);
}
