import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import { isRequestedPrimary } from "../../core/attachment/attachment-state.ts";
import { LUNS_MAX } from "../../core/azure/choose-luns.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { type KnownMount, planMountProblems } from "../../core/node/plan-mount-problems.ts";
import { ignoreNotFound } from "../../objects/ignore-not-found.ts";
import { changeStatus } from "../../objects/update-object.ts";
import type { VolumeCheckpoint } from "../../ports/host/node-checkpoints.ts";
import type { Reconciled, Reconciler } from "../../runtime/queue/control-loop.ts";
import { lookAtMount } from "../look-at-mount.ts";
import type { NodePorts } from "../node-ports.ts";
import { checkpointOf, ownAttachment } from "../own-state.ts";

/**
 * How often the mounts are compared with what is stated of them, in milliseconds. Reads memory and a cache.
 */
const COMPARE_EVERY_MS = 60_000;
/**
 * The age of the last look from which on this loop looks itself, in milliseconds. The kubelet asks for the
 * usage of each volume every one to two minutes (volumeStatsAggPeriod with its jitter): where it does, a
 * look of this loop would only repeat the commands that each look costs. It does not where that period is 0
 * or longer, and other orchestrators may never ask.
 */
const LOOK_AFTER_MS = 150_000;

/**
 * States in the attachments of this node what is wrong with its mounts, for the leader to show it on claims
 * and pods, and takes back what is no longer so. Looks at each mount that no call has looked at for a
 * while. By volume: a look at a disk that hangs takes its whole time.
 */
export function mountProblemsReconciler(ports: NodePorts): Reconciler {
  return {
    name: "mount-problems",
    workers: LUNS_MAX,
    backoff: { baseMs: 1_000, maxMs: COMPARE_EVERY_MS },
    reconcile: async (volumeName, signal): Promise<Reconciled> => {
      const checkpoint = checkpointOf(ports, volumeName);
      if (checkpoint === undefined) ports.looks.forget(volumeName);
      const attachment = ownAttachment(ports, volumeName);
      if (attachment === undefined) return ok({});
      const stated = await stateProblems(ports, attachment, signal);
      if (!stated.ok) return stated;
      // An unstage withdraws the request before it unmounts, and a look may keep the mount busy.
      if (checkpoint !== undefined && isRequestedPrimary(attachment))
        await lookWhereDue(ports, checkpoint, signal);
      return ok({ requeueAfterMs: COMPARE_EVERY_MS });
    },
  };
}

/**
 * What it shows is recorded with the look, and is news to this loop; a failure of the look itself says
 * nothing of the mount.
 */
async function lookWhereDue(
  ports: NodePorts,
  checkpoint: VolumeCheckpoint,
  signal: AbortSignal,
): Promise<void> {
  const { volumeName, volumeId } = checkpoint;
  const paths = ports.looks.due(checkpoint, LOOK_AFTER_MS, ports.clock.elapsedMs());
  await Promise.all(
    paths.map(async (path) => {
      const looked = await lookAtMount(ports, { volumeId, path, checkpoint }, signal);
      if (!looked.ok && !signal.aborted)
        ports.logger.debug("look at a mount failed", { volumeName, failure: looked.failure });
    }),
  );
}

async function stateProblems(
  ports: NodePorts,
  attachment: AzVolumeAttachment,
  signal: AbortSignal,
): Promise<Result<unknown>> {
  const plan = ({ status }: AzVolumeAttachment): ReturnType<typeof planMountProblems> =>
    planMountProblems(status?.mountProblems, knownMount(ports, attachment), ports.clock.nowMs());
  if (plan(attachment) === undefined) return ok(undefined);
  const { name, uid } = attachment.metadata;
  const stated = await changeStatus(
    ports.store,
    { kind: "AzVolumeAttachment", name, uid },
    (present) => {
      const mountProblems = plan(present);
      // An empty list ends them: the node's token may add a field to this status, and remove none.
      return present.status === undefined || mountProblems === undefined
        ? undefined
        : { ...present, status: { ...present.status, mountProblems } };
    },
    signal,
  );
  return ignoreNotFound(stated);
}

function knownMount(ports: NodePorts, { spec: { volumeName } }: AzVolumeAttachment): KnownMount | undefined {
  const checkpoint = checkpointOf(ports, volumeName);
  return checkpoint === undefined ? undefined : ports.looks.of(checkpoint);
}
