import { BYSTANDER } from "../../../azure/strangers.ts";
import { diceAgain, type FaultVariant, overAtOnce } from "../../fault-class.ts";

/**
 * How often the volume's pod is evicted once the disk is on the bystander: the next request is not
 * granted.
 */
const EVICTED_SHARE = 0.7;
const EVICTED_AFTER_MS = 3_000;

/**
 * A person attaches a volume's disk to a VM that is not a node, to copy its data, and detaches it again.
 * If the disk has no share left, Azure refuses that until a node has released it.
 */
export const attachedToBystander: FaultVariant = {
  forMs: [30_000, 120_000],
  isDirected: true,
  begin: (context, fault) => {
    const { later, toRestart } = context;
    const { azure, cluster } = context.world;
    const diskUri = cluster.diskUriOf(fault.volumeName);
    if (diskUri === undefined) return overAtOnce;
    toRestart(fault.volumeName);
    azure.attachOutside(BYSTANDER, diskUri);
    if (diceAgain(fault.dice, 1) < EVICTED_SHARE)
      later(EVICTED_AFTER_MS, () => cluster.deletePod(fault.volumeName, { isForced: false }));
    return () => azure.detachOutside(BYSTANDER, diskUri);
  },
};
