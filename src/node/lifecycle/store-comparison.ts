import { stackOf } from "../../core/failure/message-of.ts";
import { renewLostRequests, sharedVolumesHere } from "../care/renew-lost-requests.ts";
import type { NodePorts } from "../node-ports.ts";
import { waitAtMost } from "./wait-at-most.ts";

/** How long a heartbeat waits for a comparison, in milliseconds: one of disks that answer takes less. */
const WAIT_MS = 1_000;

/** The comparison of this node's volumes with a store that was rolled back. */
export interface StoreComparison {
  /**
   * The incarnation that the next heartbeat states, where the last one has stated `stated` (undefined: none)
   * and the store shows `incarnation`. Starts a comparison that is due, and waits a moment for its end.
   */
  readonly toState: (stated: number | undefined, incarnation: number, signal: AbortSignal) => Promise<number>;
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
  /** Of a comparison that no heartbeat has stated. Only the first one may: another backup may come next. */
  let comparedIn: number | undefined;
  const compare = async (incarnation: number, signal: AbortSignal): Promise<void> => {
    try {
      const renewed = await renewLostRequests(ports, signal);
      if (renewed.ok) comparedIn = incarnation;
      else if (!signal.aborted) ports.logger.warn("a request was not renewed", { failure: renewed.failure });
    } catch (error) {
      ports.logger.error("the comparison with the store threw", { error: stackOf(error) });
    } finally {
      underWay = undefined;
    }
  };
  return {
    toState: async (stated, incarnation, signal) => {
      // Nothing was rolled back before the first one.
      const isDue = stated !== incarnation && incarnation > 0;
      if (isDue && comparedIn !== incarnation && sharedVolumesHere(ports).length > 0) {
        comparedIn = undefined;
        underWay ??= compare(incarnation, signal);
        await waitAtMost(ports.clock, WAIT_MS, underWay);
        if (comparedIn !== incarnation) return stated ?? 0;
      }
      comparedIn = undefined;
      return incarnation;
    },
    underWay: () => underWay,
    isUnstated: () => comparedIn !== undefined,
  };
}
