import { type FaultVariant, overAtOnce } from "../../fault-class.ts";
import { listsDisk } from "../../surroundings/lists-disk.ts";
import { killInNextFormat } from "./killed-in-format.ts";

/** The share of the format's time after which it is interrupted: there is data, and no signature yet. */
const DONE_SHARE = 0.5;

/**
 * A new volume's first format is interrupted with its plug-in and kubelet. While they are down an outsider
 * detaches its disk, and attaches the raw disk of another volume of the same size there, which gets the
 * LUN. Then the kubelet returns.
 */
export const formatCutOffAndLunFreed: FaultVariant = {
  forMs: [100_000, 110_000],
  isDirected: true,
  begin: (context, { volumeName, atMs }) => {
    const { world, when } = context;
    const { cluster, azure } = world;
    const others = cluster.workloads().find((known) => known.volumeName === volumeName);
    const othersUri = cluster.diskUriOf(volumeName);
    if (others === undefined || othersUri === undefined) return overAtOnce;
    const unfinished = `${volumeName}-unfinished-${atMs}`;
    let nodeName: string | undefined;
    const takeBack = killInNextFormat(context, DONE_SHARE, (_context, killedOn) => {
      const diskUri = cluster.diskUriOf(unfinished);
      if (diskUri === undefined) return;
      nodeName = killedOn;
      cluster.setKubeletRunning(killedOn, false);
      context.toRestart(volumeName);
      context.toRestart(unfinished);
      azure.detachOutside(killedOn, diskUri);
      when(
        () => !listsDisk(context, killedOn, diskUri),
        () => {
          if (!listsDisk(context, killedOn, othersUri)) azure.attachOutside(killedOn, othersUri);
          when(
            () => listsDisk(context, killedOn, othersUri),
            () => {
              cluster.setKubeletRunning(killedOn, true);
              world.nodePlugin(killedOn)?.start();
            },
          );
        },
      );
    });
    context.create({ ...others, volumeName: unfinished, maxShares: 1, replicas: 0, access: "mount" });
    return () => {
      takeBack();
      if (nodeName === undefined) return;
      cluster.setKubeletRunning(nodeName, true);
      world.nodePlugin(nodeName)?.start();
      azure.detachOutside(nodeName, othersUri);
    };
  },
};
