import type { AzVolume } from "../../core/api/az-volume.ts";
import { isTerminating, keepsReplicas } from "../../core/attachment/observed-volume.ts";
import { missingReplicas } from "../../core/attachment/replicas/plan-creations.ts";
import { ok } from "../../core/failure/result.ts";
import { couldTakeReplica, couldTakeReplicas } from "../../core/schedule/choose-replica-nodes.ts";
import type { Reconciler } from "../../runtime/queue/control-loop.ts";
import type { ControllerPorts } from "../controller-ports.ts";
import { observeNode, observeVolume } from "../observe-volume.ts";

/**
 * Delay between a change of a node and the search for volumes that it could take, in milliseconds: all
 * changes within it are one search, so there are at most five a second.
 */
export const PLACE_AFTER_MS = 200;
/**
 * How long a pass works before all other work gets its turn, in milliseconds. The process renews its Lease
 * in between, whatever the number of volumes.
 */
const TURN_MS = 20;
/** In milliseconds: the shortest timer. The event loop does what is due before it runs the timer. */
const YIELD_MS = 1;

/**
 * Passes each volume that lacks a replica, and could have one on one of the changed nodes, to `onFit`: a
 * node that becomes usable has no attachment of such a volume, so no other change triggers its plan.
 * Removes what it searches for from `changedNodes`. Many nodes change together, such as those of a
 * failed network: all of them are one pass over the volumes, and none where no node is usable. What changes
 * during a pass queues a pass or a plan of its own.
 */
export function placementReconciler(
  ports: ControllerPorts,
  changedNodes: Set<string>,
  onFit: (volumeName: string) => void,
): Reconciler {
  const { clock } = ports;
  return {
    name: "placement",
    workers: 1,
    backoff: { baseMs: 500, maxMs: 30_000 },
    reconcile: async (_key, signal) => {
      const names = [...changedNodes];
      changedNodes.clear();
      try {
        const usable = names
          .flatMap((nodeName) => observeNode(ports, nodeName) ?? [])
          .filter((node) => couldTakeReplicas(ports, node));
        let turnBeganMs = clock.elapsedMs();
        for (const volume of usable.length === 0 ? [] : ports.cache.list("AzVolume")) {
          if (clock.elapsedMs() - turnBeganMs >= TURN_MS) {
            await clock.sleep(YIELD_MS, signal);
            turnBeganMs = clock.elapsedMs();
          }
          if (!lacksReplicas(ports, volume)) continue;
          const observed = observeVolume(ports, volume.metadata.name);
          if (observed !== undefined && couldTakeReplica(observed, usable)) onFit(volume.metadata.name);
        }
      } catch (error) {
        for (const nodeName of names) changedNodes.add(nodeName);
        throw error;
      }
      return ok({});
    },
  };
}

/** Looks at the volume's attachments alone: most volumes have all of their replicas. */
function lacksReplicas({ cache, settings }: ControllerPorts, volume: AzVolume): boolean {
  if (!keepsReplicas(volume)) return false;
  const attachments = cache.byIndex("AzVolumeAttachment", "volumeName", volume.metadata.name);
  const kept = attachments.filter((attachment) => !isTerminating(attachment));
  return missingReplicas({ volume, settings }, kept) > 0;
}
