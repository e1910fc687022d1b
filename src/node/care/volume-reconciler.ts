import { LUNS_MAX } from "../../core/azure/choose-luns.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { isLeftToPods, planNodeVolume } from "../../core/node/plan-node-volume.ts";
import { disownsMount } from "../../core/rollback/disowned-mount.ts";
import type { Reconciled, Reconciler } from "../../runtime/queue/control-loop.ts";
import type { NodePorts } from "../node-ports.ts";
import { checkpointOf, ownAttachment } from "../own-state.ts";
import { olderThanCheckpoint, readTrustedIncarnation } from "../writer/rollback-detector.ts";
import { renewAnswer } from "./answer-recall.ts";
import { executeVolumeAction } from "./execute-volume-action.ts";
import { observeOwnVolume, type OwnVolume, readOwnVolume } from "./own-volume.ts";

const BUSY_AGAIN_MS = 200;
/**
 * How often a recalled volume with workloads is checked, in milliseconds: no change of an object shows
 * that the last one has gone.
 */
const RECALLED_AGAIN_MS = 500;
/**
 * How often a volume is checked that another node has reclaimed while a pod uses it here, in
 * milliseconds.
 */
const DISPUTED_AGAIN_MS = 2_000;
/**
 * How often a volume is checked that is not requested here any more and that a pod still has, in
 * milliseconds: no change of an object shows that it is unpublished, and the next pod may wait for that.
 */
const LEFT_AGAIN_MS = 1_000;

/**
 * The work of a node on its own volumes: it reclaims what it uses, answers recalls, removes what the
 * record does not allow, and leaves quarantine.
 */
export function ownVolumesReconciler(ports: NodePorts): Reconciler {
  return {
    name: "own-volumes",
    // A disk that does not answer keeps a worker: those of the others have theirs.
    workers: LUNS_MAX,
    backoff: { baseMs: 200, maxMs: 5_000 },
    reconcile: async (volumeName, signal) => {
      const volume = ports.cache.get("AzVolume", volumeName);
      const checkpoint = checkpointOf(ports, volumeName);
      const volumeId =
        volume?.status?.detail?.diskUri ??
        checkpoint?.volumeId ??
        ownAttachment(ports, volumeName)?.spec.volumeId;
      if (volumeId === undefined) return ok({});
      // First a check without the lock: a call must not be answered with a retry because of a pass with
      // nothing to do. Uses the cache where it follows the volume: nothing is executed by it, and a later
      // cache change triggers this again.
      const seen =
        volume === undefined
          ? await readOwnVolume(ports, volumeName, volumeId, signal)
          : await observeOwnVolume(ports, { volumeName, volumeId, volume }, signal);
      if (!seen.ok) {
        const renewed = await renewAnswer(ports, volumeName, signal);
        if (!renewed.ok && !signal.aborted)
          ports.logger.warn("recall not answered", { volumeName, failure: renewed.failure });
        return seen;
      }
      const planned = planNodeVolume(seen.value.observed);
      if (!planned.some(({ kind }) => kind === "ReportDispute")) ports.disputes.delete(volumeName);
      if (planned.length === 0)
        return ok(isLeftToPods(seen.value.observed) ? { requeueAfterMs: LEFT_AGAIN_MS } : {});
      const done = await ports.locks.runConcurrently(volumeId, "clean-up", () =>
        reconcileOwnVolume(ports, volumeName, volumeId, signal),
      );
      // A call holds the lock; it may leave something to do.
      return !done.ok && done.failure.kind === "OperationInProgress"
        ? ok({ requeueAfterMs: BUSY_AGAIN_MS })
        : done;
    },
  };
}

async function reconcileOwnVolume(
  ports: NodePorts,
  volumeName: string,
  volumeId: string,
  signal: AbortSignal,
): Promise<Reconciled> {
  const seen = await readOwnVolume(ports, volumeName, volumeId, signal);
  if (!seen.ok) return seen;
  const actions = planNodeVolume(seen.value.observed);
  if (actions.length === 0) return ok({});
  const trusted = await trustRecord(ports, seen.value, signal);
  if (!trusted.ok) return trusted;
  for (const action of actions) {
    const done = await executeVolumeAction(ports, seen.value, action, signal);
    // Refused by the record: another pass or a controller was faster, and the rest of the plan still
    // applies.
    if (!done.ok && done.failure.kind !== "NotWriter") return done;
  }
  if (actions.some(({ kind }) => kind === "ReportDispute")) return ok({ requeueAfterMs: DISPUTED_AGAIN_MS });
  return ok(actions.some(({ kind }) => kind === "AnswerRecall") ? { requeueAfterMs: RECALLED_AGAIN_MS } : {});
}

/**
 * A restored backup may lack a mount that a workload writes to: nothing is unmounted, reclaimed or
 * reported clean by such a record.
 */
async function trustRecord(
  ports: NodePorts,
  { volume, checkpoint, observed }: OwnVolume,
  signal: AbortSignal,
): Promise<Result<void>> {
  const incarnation = await readTrustedIncarnation(ports, signal);
  if (!incarnation.ok) return incarnation;
  const record = volume?.status?.record;
  if (volume === undefined || record === undefined) return ok(undefined);
  const { name, uid } = volume.metadata;
  if (record.storeIncarnation !== incarnation.value)
    return fail({
      kind: "StoreRolledBack",
      detail: `${name} is of store incarnation ${record.storeIncarnation}, the store of ${incarnation.value}`,
    });
  const older = olderThanCheckpoint(ports, volume);
  if (older !== undefined) return fail({ kind: "StoreRolledBack", detail: older });
  const mount = {
    checkpointedUid: checkpoint?.uid ?? uid,
    isLive: observed.mount === "live",
    isPublished: observed.targets.length > 0,
  };
  if (!disownsMount({ uid, record }, ports.node, mount)) return ok(undefined);
  // Only the mount shows it: the next heartbeat reports what this node has recorded.
  const recorded = await ports.checkpoints.putRollback(incarnation.value, signal);
  return recorded.ok
    ? fail({
        kind: "StoreRolledBack",
        detail: `${name} (uid ${uid}) is not the object by which a pod's mount here was made`,
      })
    : recorded;
}
