import { type FaultVariant, overAtOnce, pick } from "../../fault-class.ts";
import { runningOn } from "../mount/where-pods-are.ts";

/** How old the list is that such a driver sends, in milliseconds: it caches VMs. */
const OLD_MS = [2_000, 20_000, 60_000] as const;

/**
 * Another disk driver, or a person with a template, reads a VM, and some time later puts the whole list of
 * data disks without a condition: disks that came since are taken off, under whatever mounts them, and
 * disks that went since come back, also of a node that was fenced.
 */
export const staleList: FaultVariant = {
  forMs: [60_000, 90_000],
  isDirected: true,
  begin: (context, { volumeName, nodeName, dice }) => {
    const { azure, cluster } = context.world;
    const node = runningOn(context, volumeName) ?? nodeName;
    const read = azure.vmOf(node);
    if (read === undefined) return overAtOnce;
    context.later(pick(OLD_MS, dice), () => {
      for (const { volumeName: each } of cluster.pods()) context.toRestart(each);
      if (azure.vmOf(node)?.vmGuid === read.vmGuid) azure.putListOutside(node, read.dataDisks);
    });
    return overAtOnce;
  },
};
