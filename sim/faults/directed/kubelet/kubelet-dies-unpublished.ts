import { isSameResourceUri } from "../../../../src/core/azure/ids/disk-uri.ts";
import { diceAgain, type FaultVariant, overAtOnce } from "../../fault-class.ts";
import { cordonOnly, uncordonAll } from "../../processes/cordon.ts";
import { runningOn } from "../mount/where-pods-are.ts";

/** From the unmount of the pod's folder: the kubelet has the answer, and has not unstaged yet. */
const ANSWERED_AFTER_MS = 2;
const STAYS_SHARE = 0.3;

/**
 * The pod moves, and the kubelet of its node dies between NodeUnpublishVolume and NodeUnstageVolume. The
 * next kubelet finds no folder of that pod, and never unstages the volume. It starts at once, or when the
 * fault is over.
 */
export const kubeletDiesUnpublished: FaultVariant = {
  forMs: [20_000, 120_000],
  isDirected: true,
  begin: (context, { volumeName, dice }) => {
    const { azure, cluster } = context.world;
    const home = runningOn(context, volumeName);
    const diskUri = cluster.diskUriOf(volumeName);
    if (home === undefined || diskUri === undefined) return overAtOnce;
    let isStruck = false;
    let isOver = false;
    azure.onDiskEvent((event) => {
      if (isStruck || event.kind !== "unmounted" || event.machine.nodeName !== home) return;
      if (!isSameResourceUri(event.diskUri, diskUri)) return;
      isStruck = true;
      context.later(ANSWERED_AFTER_MS, () => {
        if (isOver) return;
        cluster.setKubeletRunning(home, false);
        if (diceAgain(dice, 1) >= STAYS_SHARE) cluster.setKubeletRunning(home, true);
      });
    });
    cordonOnly(context, home);
    cluster.deletePod(volumeName, { isForced: diceAgain(dice, 2) < 0.3, nodeName: home });
    return () => {
      isStruck = true;
      isOver = true;
      cluster.setKubeletRunning(home, true);
      uncordonAll(context);
    };
  },
};
