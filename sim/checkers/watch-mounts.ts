import { isSameResourceUri } from "../../src/core/azure/ids/disk-uri.ts";
import type { SimAzure } from "../azure/sim-azure.ts";
import type { OutsideEvents } from "../history/outside-events.ts";
import type { Violation } from "../history/violation.ts";
import type { SimCluster } from "../kubernetes/sim-cluster.ts";
import { diskName } from "./watch-writers.ts";

/**
 * No node plug-in removes the mount of a pod that uses it: the staging mount of the volume, or the pod's
 * own target. It is in use while writes through it reach the disk, the API server knows the pod, and its
 * container runs or is about to start. A node that is, or just was, out of service may do so, and removing
 * a mount whose disk has gone interrupts nothing.
 */
export function watchMounts(world: {
  readonly azure: Pick<SimAzure, "onDiskEvent">;
  readonly cluster: Pick<SimCluster, "usersOn" | "diskUriOf">;
  readonly outside: Pick<OutsideEvents, "wasOutOfService">;
  readonly report: (violation: Omit<Violation, "atMs">) => void;
}): void {
  const { cluster, outside } = world;
  world.azure.onDiskEvent((event) => {
    if (event.kind !== "unmounted" || !event.couldWrite) return;
    const { diskUri, path } = event;
    const { nodeName } = event.machine;
    if (event.machine.state() === "off" || outside.wasOutOfService(nodeName)) return;
    const users = cluster
      .usersOn(nodeName)
      .filter(
        ({ volumeName, isInApi }) =>
          isInApi && isSameResourceUri(cluster.diskUriOf(volumeName) ?? "", diskUri),
      )
      // The target of another pod of the same volume, which has ended, is correctly removed.
      .filter(({ podUid }) => isStaging(path) || path.includes(podUid));
    if (users.length === 0) return;
    world.report({
      invariant: "healthy-writer-cut-off",
      detail:
        `${nodeName} unmounted ${diskName(diskUri)} from ${path} while pod ` +
        `${users.map(({ podUid }) => podUid).join(", ")} has it there`,
    });
  });
}

/** Kubelet's folders: a staging mount is for all pods of the node, every other one for a single pod. */
function isStaging(path: string): boolean {
  return path.endsWith("/globalmount") || path.includes("/volumeDevices/staging/");
}
