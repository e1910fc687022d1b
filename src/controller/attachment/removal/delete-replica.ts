import type { AzVolumeAttachment } from "../../../core/api/az-volume-attachment.ts";
import { mayWrite } from "../../../core/attachment/is-replica.ts";
import { isTerminating, type ObservedVolume } from "../../../core/attachment/observed-volume.ts";
import type { ReplicaAction } from "../../../core/attachment/replicas/replica-action.ts";
import { ok, type Result } from "../../../core/failure/result.ts";
import { isSingleWriter } from "../../../core/volume/access-modes.ts";
import { ignoreNotFound } from "../../../objects/ignore-not-found.ts";
import { isTrusted } from "../../../objects/store-incarnation.ts";
import type { Reconciled } from "../../../runtime/queue/control-loop.ts";
import type { ControllerPorts } from "../../controller-ports.ts";
import { checkPremise } from "./check-premise.ts";

type ReplicaPorts = Pick<
  ControllerPorts,
  "store" | "cache" | "clusterVolumes" | "users" | "steps" | "logger" | "leaseHighWaterMark"
>;

/** When a deletion is planned again whose condition fails, in milliseconds: the cache shows why by then. */
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
  // Without a record only marks show who may have it staged, and a rebuild has not made them yet.
  const isShared = !isSingleWriter(observed.volume.spec.capabilities);
  if (isShared && !(await isTrusted(ports, undefined, signal))) return ok({ requeueAfterMs: PLAN_AGAIN_MS });
  const readVolume = readingOnce(() => store.get("AzVolume", volumeName, signal));
  const premise = await checkPremise(ports, action.onlyWhile, readVolume, signal);
  if (!premise.ok) return premise;
  if (premise.value === "overtaken") return ok({});
  if (premise.value === "planAgain") return ok({ requeueAfterMs: PLAN_AGAIN_MS });
  const volume = await readVolume();
  if (!volume.ok) return volume;
  // The planned record may have been rebuilt since: a node that has to show what it does with the disk
  // needs its attachment for that.
  const record = volume.value?.status?.record;
  if (mayWrite(record, attachment.spec.nodeName)) return ok({});
  const isPrimaryAlone = record === undefined && cached.spec.role === "Primary";
  if (isPrimaryAlone && !(await isLeftBehind(ports, cached, signal)))
    return ok({ requeueAfterMs: PLAN_AGAIN_MS });
  const { uid, resourceVersion } = attachment.metadata;
  // The version as well: a request made in between makes it a primary, which is never deleted here.
  const deleted = await steps.run("delete-replica", () =>
    store.delete("AzVolumeAttachment", action.attachmentName, { uid, resourceVersion }, signal),
  );
  if (!deleted.ok) return ignoreNotFound(deleted);
  logger.info("replica deleted", { volumeName, nodeName: attachment.spec.nodeName, because: action.because });
  return ok({});
}

/** Whether no pod uses an attachment's volume on its node, or the node is out of service, past the cache. */
async function isLeftBehind(
  { users }: Pick<ReplicaPorts, "users">,
  { spec: { nodeName, volumeId } }: AzVolumeAttachment,
  signal: AbortSignal,
): Promise<boolean> {
  if (await users.isOutOfService(nodeName, signal)) return true;
  const use = await users.on({ nodeName, volumeId }, signal);
  return use.kind === "unused";
}

/** Reads when it is first asked, and answers the same from then on. Undefined: the object is gone. */
function readingOnce<T>(read: () => Promise<Result<T>>): () => Promise<Result<T | undefined>> {
  let reading: Promise<Result<T | undefined>> | undefined;
  const readIfPresent = async (): Promise<Result<T | undefined>> => {
    const found = await read();
    return !found.ok && found.failure.kind === "ObjectNotFound" ? ok(undefined) : found;
  };
  return () => (reading ??= readIfPresent());
}
