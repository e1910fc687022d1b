import type { NodePluginSlot } from "../../../driver/process-slot.ts";
import type { FaultContext } from "../../fault-class.ts";

/** Where the volume's pod runs. */
export function runningOn({ world }: Pick<FaultContext, "world">, volumeName: string): string | undefined {
  return world.cluster
    .pods()
    .find((pod) => pod.volumeName === volumeName && pod.phase === "Running" && !pod.isDeleted)?.nodeName;
}

/** The first node, other than the given one, to which no pod is bound: no other volume interferes there. */
export function nodeWithoutPods(
  { world, nodeNames }: Pick<FaultContext, "world" | "nodeNames">,
  besides: string | undefined,
): string | undefined {
  return nodeNames.find(
    (name) => name !== besides && world.cluster.pods().every((pod) => pod.nodeName !== name),
  );
}

/** A node, and its plug-in. */
export interface IdleNode {
  readonly target: string;
  readonly plugin: NodePluginSlot;
}

/**
 * The first node to which no pod is bound, and its plug-in, while the volume's pod runs on another node;
 * undefined if it runs nowhere, or there is no such node.
 */
export function idleNodeFor(context: FaultContext, volumeName: string): IdleNode | undefined {
  const home = runningOn(context, volumeName);
  const target = home === undefined ? undefined : nodeWithoutPods(context, home);
  const plugin = target === undefined ? undefined : context.world.nodePlugin(target);
  return target === undefined || plugin === undefined ? undefined : { target, plugin };
}
