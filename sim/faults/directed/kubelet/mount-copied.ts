import { isSameResourceUri } from "../../../../src/core/azure/ids/disk-uri.ts";
import { type FaultVariant, overAtOnce } from "../../fault-class.ts";
import { cordonOnly, uncordonAll } from "../../processes/cordon.ts";
import { runningOn } from "../mount/where-pods-are.ts";

const MOVED_AFTER_MS = 500;

/**
 * An agent whose container has the host's folders starts on the pod's node: its mount namespace gets a copy
 * of the volume's mount, which no unmount outside ends. The pod moves, and the agent ends later.
 */
export const mountCopied: FaultVariant = {
  forMs: [20_000, 240_000],
  isDirected: true,
  begin: (context, { volumeName }) => {
    const { cluster, azure } = context.world;
    const home = runningOn(context, volumeName);
    const diskUri = cluster.diskUriOf(volumeName);
    if (home === undefined || diskUri === undefined) return overAtOnce;
    const kernel = azure.machineOf(home)?.kernel;
    const mount = kernel?.mounts().find((other) => isSameResourceUri(other.diskUri, diskUri));
    const copy = mount === undefined ? undefined : kernel?.openVolume(mount.path);
    if (copy === undefined) return overAtOnce;
    cordonOnly(context, home);
    context.later(MOVED_AFTER_MS, () => cluster.deletePod(volumeName, { isForced: false, nodeName: home }));
    return () => {
      copy.close();
      uncordonAll(context);
    };
  },
};
