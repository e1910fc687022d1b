import { ok } from "../core/failure/result.ts";
import { ControlLoop, type Reconciler } from "../runtime/queue/control-loop.ts";
import { pruneVolumes } from "./adoption/prune-volumes.ts";
import { type DiskLists, recoverVolumes } from "./adoption/recover-volumes.ts";
import {
  RECOVERY_INTERVAL_MIN_MS,
  type RECOVERY_LOOP,
  recoveryIntervalMs,
} from "./adoption/recovery-interval.ts";
import { syncVolumeAttachments } from "./adoption/sync-volume-attachments.ts";
import { attachmentReconciler } from "./attachment/attachment-reconciler.ts";
import { mountEventsReconciler } from "./attachment/show-mount-problems.ts";
import { type ChangeRoutes, createChangeRoutes } from "./changes/change-routes.ts";
import { ONLY_KEY } from "./changes/wakers.ts";
import type { ControllerPorts } from "./controller-ports.ts";
import { diskReconciler } from "./disk/disk-reconciler.ts";
import { keepStateReconciler } from "./disk/keep-state.ts";
import { createUntaggedTime, type UntaggedTime } from "./disk/untagged-time.ts";
import { askAzureReconciler } from "./fencing/ask-azure-reconciler.ts";
import { barrierReconciler } from "./fencing/barrier-reconciler.ts";
import { orphansReconciler } from "./fencing/delete-orphans.ts";
import { fenceReconciler } from "./fencing/fence-reconciler.ts";
import { driverNodeReconciler } from "./fencing/prune-nodes.ts";
import { returnedNodesReconciler, stoppedNodesReconciler } from "./nodes/mark-stopped-nodes.ts";
import { diskLimitReconciler } from "./nodes/publish-disk-limit.ts";
import { reportIgnoredNodes } from "./nodes/report-ignored-nodes.ts";
import { readVmsReconciler } from "./rollback/read-vms.ts";
import { rebuildReconciler } from "./rollback/rebuild-all-records.ts";
import { isGeneral } from "./try-each.ts";
import { silenceReconciler } from "./writer/mark-silent.ts";
import { placementReconciler } from "./writer/placement-reconciler.ts";
import { volumeReconciler } from "./writer/volume-reconciler.ts";

/** Every object is reconciled again after this time, in milliseconds, whether or not a change was seen. */
const RESYNC_MS = 60_000;
/**
 * How often the controller checks whether the volume of a VolumeAttachment exists by now, in
 * milliseconds. Reads caches alone.
 */
const REQUESTS_AGAIN_MS = 5_000;

/**
 * Creates the reconcilers of the controller role, to be run until a signal is aborted, and again each time
 * that this process leads. They recover first, and at intervals: disks whose AzVolumes were lost are adopted,
 * and objects whose disks are gone are pruned. Every cache change queues the keys that it concerns.
 * `recordUnclaimed` receives the number of this cluster's disks that no PersistentVolume names, after each
 * recovery. To be called once.
 */
export function createControllers(
  ports: ControllerPorts,
  recordUnclaimed: (count: number) => void,
): (signal: AbortSignal) => Promise<void> {
  /** Receives what changes in the orchestrator while the reconcilers run. */
  let routes: Pick<ChangeRoutes, "onNode" | "onAttachment"> | undefined;
  ports.users.onChange((nodeName, changed) => routes?.onNode(nodeName, changed));
  ports.clusterVolumes.onChange((nodeName, volumeId) => routes?.onAttachment(nodeName, volumeId));
  // Also while another process leads: the age of what it left undone counts here.
  const untagged = createUntaggedTime(ports);
  return async (signal) => {
    ports.cloud.forgetWrites();
    const term = createLoops(ports, untagged, recordUnclaimed);
    const stopListening = ports.cache.onChange(term.onChange);
    routes = term;
    try {
      await Promise.all([term.rebuild.run(signal), runOnceTrusted(ports, term, signal)]);
    } finally {
      routes = undefined;
      stopListening();
    }
  };
}

/** Until it is known whether the store was rolled back, only a rebuild may act on the nodes' reports. */
async function runOnceTrusted(
  ports: ControllerPorts,
  { loops, rebuildNow }: ReturnType<typeof createLoops>,
  signal: AbortSignal,
): Promise<void> {
  if (await ports.gracePeriod.untilTrusted(ports, rebuildNow, signal))
    await Promise.all(loops.map((loop) => loop.run(signal)));
}

/** Loops with empty queues, except for the initial keys. `loops`: all but `rebuild`. */
function createLoops(
  ports: ControllerPorts,
  untagged: UntaggedTime,
  recordUnclaimed: (count: number) => void,
) {
  const changedNodes = new Set<string>();
  const loop = (reconciler: Reconciler): ControlLoop => new ControlLoop(reconciler, ports);
  const loops = {
    volume: loop(volumeReconciler(ports, (volumeName) => loops.askAzure.queue.addWhenDue(volumeName))),
    placement: loop(
      placementReconciler(ports, changedNodes, (volumeName) => loops.volume.queue.add(volumeName)),
    ),
    askAzure: loop(askAzureReconciler(ports)),
    disk: loop(diskReconciler(ports)),
    tags: loop(keepStateReconciler(ports, untagged)),
    attachment: loop(attachmentReconciler(ports)),
    mountEvents: loop(mountEventsReconciler(ports)),
    fence: loop(fenceReconciler(ports)),
    barrier: loop(barrierReconciler(ports)),
    rebuild: loop(rebuildReconciler(ports)),
    readVms: loop(readVmsReconciler(ports)),
    driverNode: loop(driverNodeReconciler(ports)),
    orphans: loop(orphansReconciler(ports)),
    diskLimit: loop(diskLimitReconciler(ports)),
    stoppedNodes: loop(stoppedNodesReconciler(ports)),
    returnedNodes: loop(returnedNodesReconciler(ports)),
    silence: loop(silenceReconciler(ports)),
    recovery: loop(recoveryReconciler(ports, recordUnclaimed, () => loops.requests.queue.add(ONLY_KEY))),
    requests: loop(requestsReconciler(ports)),
    resync: loop(
      resyncReconciler(() => {
        reportIgnoredNodes(ports);
        routes.addEverything();
      }),
    ),
  };

  const routes = createChangeRoutes(ports, loops, changedNodes);
  loops.recovery.queue.add(ONLY_KEY);
  loops.rebuild.queue.add(ONLY_KEY);
  loops.readVms.queue.add(ONLY_KEY);
  loops.resync.queue.add(ONLY_KEY);
  loops.silence.queue.add(ONLY_KEY);
  const { rebuild, ...others } = loops;
  return { loops: Object.values(others), rebuild, rebuildNow: () => rebuild.queue.add(ONLY_KEY), ...routes };
}

/** Calls `onRecovered` each time that all disks have been compared, or tried. */
function recoveryReconciler(
  ports: ControllerPorts,
  recordUnclaimed: (count: number) => void,
  onRecovered: () => void,
): Reconciler {
  return {
    name: "recovery" satisfies typeof RECOVERY_LOOP,
    workers: 1,
    // Each repetition lists all disks again, and what keeps one from success may last.
    backoff: { baseMs: 500, maxMs: RECOVERY_INTERVAL_MIN_MS },
    reconcile: async (_key, signal) => {
      const lists: DiskLists = new Map();
      const recovered = await recoverVolumes({ ...ports, lists }, signal);
      if (!recovered.ok && isGeneral(recovered.failure)) return recovered;
      onRecovered();
      const pruned = await pruneVolumes({ ...ports, lists }, signal);
      if (!pruned.ok) return pruned;
      recordUnclaimed(pruned.value.unclaimed);
      if (!recovered.ok) return recovered;
      ports.logger.info("recovery done", { adopted: recovered.value, ...pruned.value });
      return ok({ requeueAfterMs: recoveryIntervalMs([...lists.values()].map(({ length }) => length)) });
    },
  };
}

function requestsReconciler(ports: ControllerPorts): Reconciler {
  return {
    name: "requests",
    workers: 1,
    backoff: { baseMs: 500, maxMs: 30_000 },
    reconcile: async (_key, signal) => {
      const synced = await syncVolumeAttachments(ports, signal);
      if (!synced.ok) return synced;
      return ok(synced.value.waiting > 0 ? { requeueAfterMs: REQUESTS_AGAIN_MS } : {});
    },
  };
}

function resyncReconciler(addEverything: () => void): Reconciler {
  return {
    name: "resync",
    workers: 1,
    backoff: { baseMs: RESYNC_MS, maxMs: RESYNC_MS },
    reconcile: () => {
      addEverything();
      return Promise.resolve(ok({ requeueAfterMs: RESYNC_MS }));
    },
  };
}
