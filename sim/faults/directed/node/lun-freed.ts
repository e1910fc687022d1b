import { type BeginFault, type FaultContext, type FaultVariant, overAtOnce } from "../../fault-class.ts";
import { cordonAllBut, uncordonAll } from "../../processes/cordon.ts";
import { listsDisk } from "../../surroundings/lists-disk.ts";
import { runningOn } from "../mount/where-pods-are.ts";

/**
 * When the pod of the volume whose LUN was freed follows: once the other volume's pod runs, or already
 * once its disk is at the node.
 */
type FollowsOnce = "runs" | "isAttached";

/**
 * An outsider detaches a replica's disk, and at once another volume's pod comes to that node, whose raw
 * disk has the same size and gets the lowest free LUN. Then the pod of the first volume comes, too;
 * `arrived` is called as soon as it runs there.
 */
export function freeLun(followsOnce: FollowsOnce, arrived: (context: FaultContext) => void): BeginFault {
  return (context, { volumeName, atMs }) => {
    const { world, nodeNames, when } = context;
    const { cluster, azure } = world;
    const home = runningOn(context, volumeName);
    const workload = cluster.workloads().find((known) => known.volumeName === volumeName);
    const diskUri = cluster.diskUriOf(volumeName);
    const hasDisk = (nodeName: string): boolean =>
      diskUri !== undefined && listsDisk(context, nodeName, diskUri);
    const replica = nodeNames.find((name) => name !== home && hasDisk(name));
    if (home === undefined || workload === undefined || diskUri === undefined || replica === undefined)
      return overAtOnce;
    const neighbour = `${volumeName}-neighbour-${atMs}`;
    const sendNeighbour = (): void => {
      cordonAllBut(context, replica);
      cluster.apply({ ...workload, volumeName: neighbour, maxShares: 1, replicas: 0 });
      when(isNeighbourThere, moveHere);
    };
    const isNeighbourThere = (): boolean => {
      const neighboursUri = cluster.diskUriOf(neighbour);
      if (followsOnce === "runs") return runningOn(context, neighbour) !== undefined;
      return neighboursUri !== undefined && listsDisk(context, replica, neighboursUri);
    };
    const moveHere = (): void => {
      cluster.deletePod(volumeName, { isForced: false });
      when(
        () => runningOn(context, volumeName) === replica,
        () => arrived(context),
      );
    };
    context.toRestart(volumeName);
    azure.detachOutside(replica, diskUri);
    // Azure may take longer than the fault lasts; a neighbour that came later would not be deleted.
    when(() => !hasDisk(replica), sendNeighbour);
    return () => {
      uncordonAll(context);
      cluster.deleteWorkload(neighbour);
    };
  };
}

/** As soon as the other volume's pod runs, the pod of the first volume comes. */
export const lunFreed: FaultVariant = {
  forMs: [50_000, 60_000],
  isDirected: true,
  begin: freeLun("runs", () => undefined),
};
