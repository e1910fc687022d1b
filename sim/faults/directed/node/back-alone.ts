import type { FaultContext } from "../../fault-class.ts";
import { cordonAllBut } from "../../processes/cordon.ts";
import { markOutOfService } from "../../processes/mark-out-of-service.ts";
import type { IdleNode } from "../mount/where-pods-are.ts";

/**
 * A marked node returns with its plug-in, as the only schedulable one: the pods of all volumes except
 * `volumeName` move there.
 */
export function backAlone(context: FaultContext, { target, plugin }: IdleNode, volumeName: string): void {
  const { cluster } = context.world;
  markOutOfService(context, target, false);
  plugin.start();
  cordonAllBut(context, target);
  for (const pod of cluster.pods())
    if (pod.volumeName !== volumeName) cluster.deletePod(pod.volumeName, { isForced: false });
}
