import { ok } from "../../core/failure/result.ts";
import type { OwnNode } from "../../ports/cluster/own-node.ts";
import type { Logger } from "../../ports/logger.ts";
import { ControlLoop, type ControlLoopPorts, type Reconciler } from "../../runtime/queue/control-loop.ts";

/** How often the CSINode is read, in milliseconds. */
const LOOK_EVERY_MS = 300_000;
/** The same while it lacks the driver: a kubelet that is just registering it adds it within moments. */
const LOOK_AGAIN_MS = 10_000;
const ONLY_KEY = "node";

/** This plug-in's place in the kubelet's registry. */
export interface OwnRegistration {
  /** Why the kubelet does not use the plug-in; undefined if it has registered it. */
  readonly whyNotRegistered: () => string | undefined;
  /** Has the kubelet register the plug-in once more. */
  readonly registerAgain: () => void;
}

interface LostRegistrationPorts {
  readonly ownNode: OwnNode;
  readonly registration: OwnRegistration;
  readonly nodeName: string;
  readonly driverName: string;
  readonly logger: Logger;
}

/**
 * Registers the plug-in once more where its node's CSINode does not name the driver, although the kubelet
 * has registered it: without the entry Kubernetes attaches no volume to the node. A CSINode is deleted with
 * the Node that owns it, also after the kubelet has registered the plug-in for the next Node of that name.
 * From 1.35 on the kubelet writes the entry again by itself (`nodeAllocatableUpdatePeriodSeconds`). Does
 * nothing while there is no Node: the kubelet would fail, and then reach the driver no more to unmount.
 * Runs until `signal` is aborted.
 */
export async function restoreLostRegistration(
  ports: LostRegistrationPorts & ControlLoopPorts,
  signal: AbortSignal,
): Promise<void> {
  const loop = new ControlLoop(lostRegistrationReconciler(ports), ports);
  loop.queue.add(ONLY_KEY);
  await loop.run(signal);
}

function lostRegistrationReconciler(ports: LostRegistrationPorts): Reconciler {
  const { ownNode, registration, nodeName, driverName, logger } = ports;
  let wasMissing = false;
  return {
    name: "lost-registration",
    workers: 1,
    backoff: { baseMs: 1_000, maxMs: LOOK_EVERY_MS },
    reconcile: async (_key, signal) => {
      // Before the read: the kubelet writes the entry before it says that the plug-in is registered.
      const isRegistered = registration.whyNotRegistered() === undefined;
      const drivers = await ownNode.drivers(signal);
      if (!drivers.ok) return drivers;
      const isMissing = isRegistered && !drivers.value.some(({ name }) => name === driverName);
      const isLost = isMissing && wasMissing;
      if (isLost) {
        const node = await ownNode.read(signal);
        if (!node.ok) return node;
        if (node.value !== undefined) {
          logger.warn("CSINode no longer names the driver: it is registered again", { nodeName, driverName });
          registration.registerAgain();
        }
      }
      wasMissing = isMissing && !isLost;
      return ok({ requeueAfterMs: wasMissing ? LOOK_AGAIN_MS : LOOK_EVERY_MS });
    },
  };
}
