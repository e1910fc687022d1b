import type { FaultContext } from "../fault-class.ts";

/** What an operator says of a node; whoever judges what the driver does next learns of it, too. */
export function markOutOfService(
  { world, outside }: Pick<FaultContext, "world" | "outside">,
  nodeName: string,
  isOutOfService: boolean,
): void {
  outside.noteOutOfService(nodeName, isOutOfService);
  world.cluster.setOutOfService(nodeName, isOutOfService);
}
