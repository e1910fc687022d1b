import { type FaultVariant, overAtOnce } from "../../fault-class.ts";
import { runningOn } from "./where-pods-are.ts";

const MOVED_AFTER_MS = 20_000;

/**
 * A caller other than a correct provisioner, such as a script, calls DeleteVolume for a volume that a pod
 * uses. The pod is deleted later, and returns.
 */
export const deletedInUse: FaultVariant = {
  forMs: [30_000, 60_000],
  isDirected: true,
  begin: (context, { volumeName }) => {
    const { cluster } = context.world;
    if (runningOn(context, volumeName) === undefined) return overAtOnce;
    cluster.callDeleteVolume(volumeName);
    context.later(MOVED_AFTER_MS, () => cluster.deletePod(volumeName, { isForced: false }));
    return overAtOnce;
  },
};
