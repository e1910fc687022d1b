import { type FaultVariant, overAtOnce } from "../../fault-class.ts";
import { cordonAllBut, cordonOnly, uncordonAll } from "../../processes/cordon.ts";
import { nodeWithoutPods, runningOn } from "../mount/where-pods-are.ts";

const SEEN_MS = 500;
/**
 * From the name's move until the earlier Node is deleted, in milliseconds: the other VM's plug-in runs by
 * then.
 */
const NODE_GOES_AFTER_MS = 15_000;
/**
 * From then until the pod goes elsewhere, in milliseconds. The other VM's Node is there long before:
 * Kubernetes does not take the pod away, and that VM could have been given the disk.
 */
const POD_LEAVES_AFTER_MS = 30_000;
/**
 * From the name's move until a person switches the earlier VM off, in milliseconds. Azure says before that
 * it runs.
 */
const SWITCHED_OFF_AFTER_MS = 70_000;

/**
 * A pod moves, to a node without pods where there is one. That node is granted the volume, and loses its
 * power right before it takes it. Another VM takes its name, the pod goes elsewhere, and a person switches
 * the earlier VM off, which keeps the disk.
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
