import { ok } from "../../core/failure/result.ts";
import { otherDriverOnNode } from "../../core/writer/judge-other-drivers.ts";
import type { Events } from "../../ports/cluster/events.ts";
import type { OwnNode } from "../../ports/cluster/own-node.ts";
import type { Logger } from "../../ports/logger.ts";
import type { Reconciler } from "../../runtime/queue/control-loop.ts";

/**
 * Interval of the reads of this node's CSINode, in milliseconds: it changes when the kubelet registers a
 * plug-in.
 */
const LOOK_EVERY_MS = 300_000;
/** The same while another driver is present. */
const LOOK_AGAIN_MS = 10_000;

/** The other Azure disk drivers that this node plug-in has found on its node. */
export interface OtherDriverWatch {
  /** Why another Azure disk driver serves this node; undefined if none is seen. */
  readonly why: () => string | undefined;
  /**
   * Called when another process has replaced this plug-in in the kubelet's registry, and with undefined
   * when it is back.
   */
  readonly onSocketTaken: (taken: string | undefined) => void;
  /**
   * Reads the CSINode. To be queued at the start and at each registration; requeues itself. Absent where
   * there is no Kubernetes.
   */
  readonly reconciler: Reconciler | undefined;
}

/**
 * Looks for other Azure disk drivers on this node: one read of its CSINode at each registration and every
 * five minutes, and the registration socket itself.
 */
export function watchOtherDrivers(ports: {
  readonly ownNode: OwnNode | undefined;
  readonly nodeName: string;
  readonly driverName: string;
  readonly events: Events;
  readonly logger: Logger;
}): OtherDriverWatch {
  const { ownNode, nodeName, driverName, events, logger } = ports;
  let registered: string | undefined;
  let place: string | undefined;

  function report(before: string | undefined, now: string | undefined): void {
    if (now !== undefined)
      events.emit({
        about: { kind: "Node", name: nodeName },
        reason: "OtherDriver",
        message: `no volume is staged on ${nodeName}: ${now}`,
      });
    else if (before !== undefined)
      logger.info("the other Azure disk driver is gone", { nodeName, driverName });
  }

  const reconciler = (own: OwnNode): Reconciler => ({
    name: "other-driver",
    workers: 1,
    backoff: { baseMs: 1_000, maxMs: LOOK_EVERY_MS },
    reconcile: async (_key, signal) => {
      const drivers = await own.drivers(signal);
      if (!drivers.ok) return drivers;
      const before = registered;
      registered = otherDriverOnNode({ driverName, nodeName }, drivers.value);
      report(before, registered);
      return ok({ requeueAfterMs: registered === undefined ? LOOK_EVERY_MS : LOOK_AGAIN_MS });
    },
  });

  return {
    why: () => place ?? registered,
    onSocketTaken: (taken) => {
      const before = place;
      place = taken;
      report(before, taken);
    },
    reconciler: ownNode === undefined ? undefined : reconciler(ownNode),
  };
}
