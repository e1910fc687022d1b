import { isSameResourceUri } from "../../../../src/core/azure/ids/disk-uri.ts";
import { releaseStuckOperations } from "../../../../src/emulator/model/pace/operations.ts";
import { vmOperations } from "../../../azure/vm-names.ts";
import { type FaultVariant, overAtOnce } from "../../fault-class.ts";
import { cordonAllBut, uncordonAll } from "../../processes/cordon.ts";
import { listsDisk } from "../../surroundings/lists-disk.ts";
import { runningOn } from "../mount/where-pods-are.ts";

/**
 * How long the update takes that carries the detach out, in milliseconds: enough for a pod to move and to
 * write.
 */
const UPDATE_MS = 30_000;

/**
 * Another client asks Azure to detach a replica's disk, and that fails: the VM's list keeps the entry,
 * marked. Another volume's pod comes to that node. The update that attaches its disk carries the detach
 * out when it ends. While Azure works on that update, the first volume's pod moves there as well, and the
 * replica is promoted.
 */
export const replicaLeftDetaching: FaultVariant = {
  forMs: [80_000, 90_000],
  isDirected: true,
  begin: (context, { volumeName, atMs }) => {
    const { world, nodeNames, later, when } = context;
    const { cluster, azure } = world;
    const { faults, world: azureWorld } = azure.model;
    const home = runningOn(context, volumeName);
    const workload = cluster.workloads().find((known) => known.volumeName === volumeName);
    const diskUri = cluster.diskUriOf(volumeName);
    if (home === undefined || workload === undefined || diskUri === undefined) return overAtOnce;
    const replica = nodeNames.find((name) => name !== home && listsDisk(context, name, diskUri));
    if (replica === undefined) return overAtOnce;
    const neighbour = `${volumeName}-neighbour-${atMs}`;
    const rules: string[] = [];
    const entryIs = (phase: "DetachFailed" | "Detaching"): boolean => {
      const entry = azure.vmOf(replica)?.dataDisks.find(({ diskId }) => isSameResourceUri(diskId, diskUri));
      return entry?.phase === phase;
    };
    const promote = (): void => {
      cluster.deletePod(volumeName, { isForced: false });
      later(UPDATE_MS, () => releaseStuckOperations(azureWorld));
    };
    const sendNeighbour = (): void => {
      const resource = azure.instanceUriOf(replica);
      rules.push(
        faults.add({
          operation: vmOperations.update,
          resource,
          times: 1,
          effect: { kind: "StuckOperation" },
        }).id,
      );
      cordonAllBut(context, replica);
      cluster.apply({ ...workload, volumeName: neighbour, maxShares: 1, replicas: 0 });
      when(() => entryIs("Detaching"), promote);
    };
    context.toRestart(volumeName);
    const operation = vmOperations.attachDetach;
    rules.push(
      faults.add({
        operation,
        disk: diskUri,
        times: 1,
        effect: { kind: "FailOperation", code: "DetachFailed" },
      }).id,
    );
    azure.detachOutside(replica, diskUri);
    when(() => entryIs("DetachFailed"), sendNeighbour);
    return () => {
      for (const id of rules) faults.remove(id);
      releaseStuckOperations(azureWorld);
      uncordonAll(context);
      cluster.deleteWorkload(neighbour);
    };
  },
};
