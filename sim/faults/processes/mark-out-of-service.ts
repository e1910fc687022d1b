import type { FaultContext } from "../fault-class.ts";

/** An operator marks a node; the checkers are notified as well. */
export function markOutOfService(
  { world, outside }: Pick<FaultContext, "world" | "outside">,
  nodeName: string,
  isOutOfService: boolean,
): void {
  outside.noteOutOfService(nodeName, isOutOfService);
  world.cluster.setOutOfService(nodeName, isOutOfService);
}
