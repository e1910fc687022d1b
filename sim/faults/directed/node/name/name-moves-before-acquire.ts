import { type FaultVariant, overAtOnce } from "../../../fault-class.ts";
import { cordonAllBut, cordonOnly, uncordonAll } from "../../../processes/cordon.ts";
import { nodeWithoutPods, runningOn } from "../../mount/where-pods-are.ts";

const SEEN_MS = 500;
/**
 * From the name's move until the earlier Node is deleted, in milliseconds: the other VM's plug-in runs by
 * then.
 */
const NODE_GOES_AFTER_MS = 15_000;
/**
 * From then until the pod moves, in milliseconds. The other VM's Node exists long before: Kubernetes does
 * not evict the pod, and that VM could have got the disk.
 */
const POD_LEAVES_AFTER_MS = 30_000;
/**
 * From the name's move until a person switches the earlier VM off, in milliseconds. Until then Azure
 * reports it as running.
 */
const SWITCHED_OFF_AFTER_MS = 70_000;

/**
 * A pod moves, to a node without pods if there is one. That node is granted the volume, and loses its
 * power right before it acquires it. Another VM takes its name, the pod moves, and a person switches off
 * the earlier VM, which keeps the disk.
 */
export const nameMovesBeforeAcquire: FaultVariant = {
  forMs: [100_000, 110_000],
  isDirected: true,
  begin: (context, { volumeName }) => {
    const { world, nodeNames, later } = context;
    const { azure, cluster } = world;
    const home = runningOn(context, volumeName);
    const target = nodeWithoutPods(context, home) ?? nodeNames.find((name) => name !== home);
    const plugin = target === undefined ? undefined : world.nodePlugin(target);
    if (home === undefined || target === undefined || plugin === undefined) return overAtOnce;
    const takeBack = plugin.strikeAt({ step: "acquire", nth: 1, moment: "before" }, () => {
      const earlier = azure.instanceUriOf(target);
      azure.losePower(target, { isSilent: true });
      azure.moveName(target);
      later(NODE_GOES_AFTER_MS, () => cluster.deleteNode(target));
      later(NODE_GOES_AFTER_MS + POD_LEAVES_AFTER_MS, () => {
        cordonOnly(context, target);
        cluster.deletePod(volumeName, { isForced: true });
      });
      later(SWITCHED_OFF_AFTER_MS, () => azure.switchOffAt(earlier));
    });
    cordonAllBut(context, target);
    later(SEEN_MS, () => cluster.deletePod(volumeName, { isForced: false }));
    return () => {
      takeBack();
      uncordonAll(context);
    };
  },
};
