import { renewLostRequests, sharedVolumesHere } from "../care/renew-lost-requests.ts";
import type { NodePorts } from "../node-ports.ts";

/** The comparison of this node's volumes with a store that was rolled back. */
export interface StoreComparison {
  /**
   * The incarnation that the next heartbeat states, where the last one has stated `stated` (undefined: none)
   * and the store shows `incarnation`. Starts a comparison that is due.
   */
  readonly toState: (stated: number | undefined, incarnation: number, signal: AbortSignal) => number;
  /** The comparison that is under way; undefined: none. */
  readonly underWay: () => Promise<void> | undefined;
  /** Whether one has ended since `toState` was last asked. */
  readonly isUnstated: () => boolean;
}

/**
 * Runs beside the heartbeats: disks that do not answer hold up a comparison, and a node without heartbeats
 * counts as silent, for which nothing waits.
 */
export function createStoreComparison(ports: NodePorts): StoreComparison {
  let underWay: Promise<void> | undefined;
  let comparedIn: number | undefined;
  let isUnstated = false;
  const compare = async (incarnation: number, signal: AbortSignal): Promise<void> => {
    try {
      const renewed = await renewLostRequests(ports, signal);
      if (renewed.ok) {
        comparedIn = incarnation;
        isUnstated = true;
      } else if (!signal.aborted)
        ports.logger.warn("a request was not renewed", { failure: renewed.failure });
    } finally {
      underWay = undefined;
    }
  };
  return {
    toState: (stated, incarnation, signal) => {
      isUnstated = false;
      // Another backup may lead to this incarnation again.
      if (stated === incarnation) comparedIn = undefined;
      // Nothing was rolled back before the first one.
      const isDue = stated !== incarnation && incarnation > 0 && comparedIn !== incarnation;
      if (!isDue || sharedVolumesHere(ports).length === 0) return incarnation;
      underWay ??= compare(incarnation, signal);
      return stated ?? 0;
    },
    underWay: () => underWay,
    isUnstated: () => isUnstated,
  };
}
