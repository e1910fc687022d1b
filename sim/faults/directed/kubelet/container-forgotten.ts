import { diceAgain, type FaultVariant, overAtOnce } from "../../fault-class.ts";
import { cordonOnly, uncordonAll } from "../../processes/cordon.ts";
import { runningOn } from "../mount/where-pods-are.ts";

const FORCED_SHARE = 0.3;

/**
 * The container runtime of the pod's node loses what it knows of the container, as where its state folder
 * was emptied, and the pod moves. Kubelet takes the container for ended: it unpublishes and unstages the
 * volume under it. The container writes until a person ends it, or its disk is gone.
 */
export const containerForgotten: FaultVariant = {
  forMs: [20_000, 240_000],
  isDirected: true,
  begin: (context, { volumeName, dice }) => {
    const { cluster } = context.world;
    const home = runningOn(context, volumeName);
    const end = home === undefined ? undefined : cluster.forgetContainer(home, volumeName);
    if (home === undefined || end === undefined) return overAtOnce;
    cordonOnly(context, home);
    cluster.deletePod(volumeName, { isForced: diceAgain(dice, 1) < FORCED_SHARE, nodeName: home });
    // No driver keeps apart two containers of one node: the person is faster than the next pod's container.
    context.when(
      () =>
        cluster
          .pods()
          .some((pod) => pod.volumeName === volumeName && pod.nodeName === home && !pod.isDeleted),
      end,
    );
    return () => {
      end();
      uncordonAll(context);
    };
  },
};
