import { type FaultVariant, overAtOnce, pick } from "../../fault-class.ts";
import { runningOn } from "../mount/where-pods-are.ts";

/** The age of the list that such a driver sends, in milliseconds: it caches VMs. */
const OLD_MS = [2_000, 20_000, 60_000] as const;

/**
 * Another disk driver, or a person with a template, reads a VM, and later puts the whole list of data
 * disks without a condition. Disks that were attached since are detached under their mounts, and disks
 * that were detached since return, also to a node that was fenced, unless that has not noticed yet that they
 * had left.
 */
export const staleList: FaultVariant = {
  forMs: [60_000, 90_000],
  isDirected: true,
  begin: (context, { volumeName, nodeName, dice }) => {
    const { azure, cluster } = context.world;
    const node = runningOn(context, volumeName) ?? nodeName;
    const read = azure.vmOf(node);
    if (read === undefined) return overAtOnce;
    // Also of a pod that has come while the list was refused.
    const restartAll = (): void => {
      for (const { volumeName: each } of cluster.pods()) context.toRestart(each);
    };
    context.later(pick(OLD_MS, dice), () => {
      restartAll();
      if (azure.vmOf(node)?.vmGuid === read.vmGuid) azure.putListOutside(node, read.dataDisks, restartAll);
    });
    return overAtOnce;
  },
};
