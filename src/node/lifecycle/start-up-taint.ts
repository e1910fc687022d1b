import { describeFailure } from "../../core/failure/describe-failure.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { type NodeTaint, startUpTaintKey, withoutStartUpTaint } from "../../core/node/node-taints.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Events } from "../../ports/cluster/events.ts";
import type { OwnNode } from "../../ports/cluster/own-node.ts";
import type { Logger } from "../../ports/logger.ts";
import type { Reconciler } from "../../runtime/queue/control-loop.ts";

/** How long after the plug-in's start others are expected to taint the node, in milliseconds. */
const NEW_FOR_MS = 300_000;
/** How often the Node is read until then, and afterwards, in milliseconds. */
const LOOK_EVERY_MS = { new: 10_000, later: 300_000 } as const;
/** How long the taint may stay before an event of the Node says why, in milliseconds. */
const KEPT_QUIETLY_MS = 60_000;

interface StartUpTaintPorts {
  readonly ownNode: OwnNode;
  readonly nodeName: string;
  readonly driverName: string;
  readonly clock: Clock;
  readonly events: Events;
  readonly logger: Logger;
}

/**
 * Removes the start-up taint from this node, once the driver is registered and CSINode shows its volume
 * limit: earlier pods could be scheduled here without any limit. Retries for ever, and continues to look:
 * Karpenter adds the taints of a new node after the kubelet has registered it, which may be after the
 * plug-in is ready, and a Node that is deleted comes back with its taints under the same plug-in.
 */
export function startUpTaintReconciler(ports: StartUpTaintPorts): Reconciler {
  const { ownNode, nodeName, driverName, clock, events, logger } = ports;
  const startedMs = clock.elapsedMs();
  let keptSinceMs: number | undefined;

  async function remove(
    taints: readonly NodeTaint[],
    kept: readonly NodeTaint[],
    signal: AbortSignal,
  ): Promise<Result<void>> {
    const drivers = await ownNode.drivers(signal);
    if (!drivers.ok) return drivers;
    if (!drivers.value.some(({ name, volumesMax }) => name === driverName && volumesMax !== undefined))
      return fail({
        kind: "HostNotReady",
        detail: `CSINode ${nodeName} does not show yet how many volumes ${driverName} takes`,
      });
    return ownNode.replaceTaints({ from: taints, to: kept }, signal);
  }

  function explain(failure: Failure): void {
    keptSinceMs ??= clock.elapsedMs();
    if (clock.elapsedMs() - keptSinceMs < KEPT_QUIETLY_MS) return;
    events.emit({
      about: { kind: "Node", name: nodeName },
      reason: "StartUpTaintKept",
      message:
        `the taint ${startUpTaintKey(driverName)} keeps pods off this node, and can't be removed: ` +
        describeFailure(failure),
    });
  }

  return {
    name: "start-up-taint",
    workers: 1,
    backoff: { baseMs: 200, maxMs: 30_000 },
    reconcile: async (_key, signal) => {
      const node = await ownNode.read(signal);
      if (!node.ok) return node;
      const kept = node.value === undefined ? undefined : withoutStartUpTaint(node.value.taints, driverName);
      if (node.value !== undefined && kept !== undefined) {
        const removed = await remove(node.value.taints, kept, signal);
        if (!removed.ok) {
          if (!signal.aborted) explain(removed.failure);
          return removed;
        }
        logger.info("start-up taint removed", { nodeName, taint: startUpTaintKey(driverName) });
        events.emit({
          about: { kind: "Node", name: nodeName },
          reason: "NodeReady",
          message: `${driverName} is registered: the taint ${startUpTaintKey(driverName)} was removed`,
        });
      }
      keptSinceMs = undefined;
      const isNew = clock.elapsedMs() - startedMs < NEW_FOR_MS;
      return ok({ requeueAfterMs: isNew ? LOOK_EVERY_MS.new : LOOK_EVERY_MS.later });
    },
  };
}
