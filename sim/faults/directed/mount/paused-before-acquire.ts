import { isSameResourceUri } from "../../../../src/core/azure/ids/disk-uri.ts";
import { type FaultContext, type FaultVariant, overAtOnce } from "../../fault-class.ts";
import { eraseReplicasOn } from "../../objects/delete-by-hand.ts";
import { cordonAllBut, cordonOnly, uncordonAll } from "../../processes/cordon.ts";
import { nodeWithoutPods, runningOn } from "./where-pods-are.ts";

const SEEN_MS = 500;
const LOOK_MS = 300;
/**
 * From the disk's return until the plug-in resumes, in milliseconds: replicas of other volumes have
 * returned by then, too.
 */
const OTHERS_BACK_MS = 9_000;

/**
 * A pod moves to a node whose plug-in is paused right before it acquires the volume. In this time the pod
 * is deleted by force, its attachment and the node's replicas by hand; the pod returns, its disk is
 * attached at another LUN, and a replica gets its old one.
 */
export const pausedBeforeAcquire: FaultVariant = {
  forMs: [110_000, 120_000],
  isDirected: true,
  begin: (context, { volumeName }) => {
    const { world, nodeNames, later } = context;
    const { cluster } = world;
    const home = runningOn(context, volumeName);
    const diskUri = cluster.diskUriOf(volumeName);
    const target = nodeWithoutPods(context, home) ?? nodeNames.find((name) => name !== home);
    const plugin = target === undefined ? undefined : world.nodePlugin(target);
    if (home === undefined || diskUri === undefined || target === undefined || plugin === undefined)
      return overAtOnce;
    const whenBack = (act: () => void): void => {
      if (isOn(context, target, diskUri)) act();
      else later(LOOK_MS, () => whenBack(act));
    };
    const whenOff = (act: () => void): void => {
      if (isOn(context, target, diskUri)) later(LOOK_MS, () => whenOff(act));
      else act();
    };
    const takeBack = plugin.strikeAt({ step: "acquire", nth: 1, moment: "before" }, () => {
      plugin.pause();
      later(SEEN_MS, () => cluster.deletePod(volumeName, { isForced: true }));
      later(SEEN_MS * 2, () => {
        cordonOnly(context, target);
        cluster.deleteVolumeAttachment(volumeName, target);
        eraseReplicasOn(world, target);
        whenOff(() =>
          whenBack(() => {
            uncordonAll(context);
            later(OTHERS_BACK_MS, () => plugin.resume());
          }),
        );
      });
    });
    cordonAllBut(context, target);
    later(SEEN_MS, () => cluster.deletePod(volumeName, { isForced: false }));
    return () => {
      takeBack();
      plugin.resume();
      uncordonAll(context);
    };
  },
};

/** Whether Azure has the disk on the VM. */
function isOn({ world }: Pick<FaultContext, "world">, nodeName: string, diskUri: string): boolean {
  return (
    world.azure
      .vmOf(nodeName)
      ?.dataDisks.some(({ diskId, phase }) => phase === "Attached" && isSameResourceUri(diskId, diskUri)) ??
    false
  );
}
