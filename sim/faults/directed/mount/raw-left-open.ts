import { isSameResourceUri } from "../../../../src/core/azure/ids/disk-uri.ts";
import { type FaultVariant, overAtOnce } from "../../fault-class.ts";
import { cordonOnly, uncordonAll } from "../../processes/cordon.ts";
import { runningOn } from "./where-pods-are.ts";

const MOVED_AFTER_MS = 500;

/**
 * A privileged process on a node has a volume's raw device open, as a manual copy does, while the pod
 * moves to another node. It closes the device later.
 */
export const rawLeftOpen: FaultVariant = {
  forMs: [40_000, 90_000],
  isDirected: true,
  begin: (context, { volumeName }) => {
    const { cluster, azure } = context.world;
    const home = runningOn(context, volumeName);
    const diskUri = cluster.diskUriOf(volumeName);
    if (home === undefined || diskUri === undefined) return overAtOnce;
    const entry = azure
      .vmOf(home)
      ?.dataDisks.find(({ diskId, phase }) => phase === "Attached" && isSameResourceUri(diskId, diskUri));
    const machine = azure.machineOf(home);
    if (entry === undefined || machine?.state() !== "running") return overAtOnce;
    const close = machine.kernel.openRaw(entry.lun);
    cordonOnly(context, home);
    context.later(MOVED_AFTER_MS, () => cluster.deletePod(volumeName, { isForced: false }));
    return () => {
      close();
      uncordonAll(context);
    };
  },
};
