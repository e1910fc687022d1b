import { fail, ok } from "../../core/failure/result.ts";
import { startUpTaintKey, withoutStartUpTaint } from "../../core/node/node-taints.ts";
import type { Events } from "../../ports/cluster/events.ts";
import type { OwnNode } from "../../ports/cluster/own-node.ts";
import type { Logger } from "../../ports/logger.ts";
import type { Reconciler } from "../../runtime/queue/control-loop.ts";

/**
 * Removes the start-up taint from this node, once the driver is registered and CSINode shows its volume
 * limit: earlier pods could be scheduled here without any limit. Retries for ever; queued again at each
 * registration, since an administrator may taint a node again.
 */
export function startUpTaintReconciler(ports: {
  readonly ownNode: OwnNode;
  readonly nodeName: string;
  readonly driverName: string;
  readonly events: Events;
  readonly logger: Logger;
}): Reconciler {
  const { ownNode, nodeName, driverName, events, logger } = ports;
  return {
    name: "start-up-taint",
    workers: 1,
    backoff: { baseMs: 200, maxMs: 30_000 },
    reconcile: async (_key, signal) => {
      const node = await ownNode.read(signal);
      if (!node.ok) return node;
      const kept = node.value === undefined ? undefined : withoutStartUpTaint(node.value.taints, driverName);
      if (node.value === undefined || kept === undefined) return ok({});
      const drivers = await ownNode.drivers(signal);
      if (!drivers.ok) return drivers;
      if (!drivers.value.some(({ name, volumesMax }) => name === driverName && volumesMax !== undefined))
        return fail({
          kind: "HostNotReady",
          detail: `CSINode ${nodeName} does not show yet how many volumes ${driverName} takes`,
        });
      const replaced = await ownNode.replaceTaints({ from: node.value.taints, to: kept }, signal);
      if (!replaced.ok) return replaced;
      logger.info("start-up taint removed", { nodeName, taint: startUpTaintKey(driverName) });
      events.emit({
        about: { kind: "Node", name: nodeName },
        reason: "NodeReady",
        message: `${driverName} is registered: the taint ${startUpTaintKey(driverName)} was removed`,
      });
      return ok({});
    },
  };
}
