import { isSameResourceUri } from "../../../../src/core/azure/ids/disk-uri.ts";
import { diceAgain, type FaultVariant, overAtOnce, pick } from "../../fault-class.ts";
import { erase } from "../../objects/delete-by-hand.ts";
import { cordonAllBut, uncordonAll } from "../../processes/cordon.ts";
import { listsDisk } from "../../surroundings/lists-disk.ts";
import { slowCallAt } from "../../surroundings/slow-call.ts";
import { runningOn } from "../mount/where-pods-are.ts";

/** How long the write of the grant is under way, in milliseconds. */
const GRANT_MS = [2_000, 3_000, 4_000] as const;
/** How long each call of the store takes in the detach, in milliseconds, and for how long they do. */
const CALL_MS = 1_500;
const CALLS_MS = 6_000;
/** How long the update that detaches is under way, in milliseconds: the next leader works by then. */
const UNDER_WAY_MS = [0, 60_000, 80_000] as const;
/** From that update until its leader is killed, in milliseconds: its grant has been written by then. */
const KILLED_AFTER_MS = 4_000;
const RESTART_MS = 2_000;

/**
 * A pod moves to a node with a replica, whose attachment a person deletes while the grant is under way: the
 * record shows no writer yet, so the disk is to be detached there, and the node acquires the volume while the
 * controller asks. In some runs the update of the VM is under way for long, and its leader dies.
 */
export const grantedLate: FaultVariant = {
  forMs: [100_000, 120_000],
  isDirected: true,
  delaysNews: true,
  begin: (context, { volumeName, dice }) => {
    const { world, nodeNames, later } = context;
    const { azure, cluster, controllers, store } = world;
    const home = runningOn(context, volumeName);
    const diskUri = cluster.diskUriOf(volumeName);
    const target = nodeNames.find(
      (name) => name !== home && diskUri !== undefined && listsDisk(context, name, diskUri),
    );
    if (home === undefined || diskUri === undefined || target === undefined) return overAtOnce;
    const underWayMs = pick(UNDER_WAY_MS, diceAgain(dice, 1));
    const takenBack: (() => void)[] = [];
    let isErased = false;
    let isSent = false;
    const slowDetaches = (): void => {
      for (const controller of controllers)
        takenBack.push(
          controller.strikeAt({ step: "detach", nth: 1, moment: "before" }, () => {
            controller.store.setWeather({ callDelayMs: [CALL_MS, CALL_MS] });
            later(CALLS_MS, () => controller.store.clearWeather());
          }),
        );
    };
    const endSlow = slowCallAt(context, controllers, { step: "grant", ms: pick(GRANT_MS, dice) }, () => {
      if (isErased) return;
      isErased = true;
      for (const { metadata, spec } of store.objects("AzVolumeAttachment"))
        if (spec.nodeName === target && isSameResourceUri(spec.volumeId, diskUri))
          erase(world, "AzVolumeAttachment", metadata.name, false);
      slowDetaches();
    });
    const stop = azure.delayUpdates(({ caller, nodeName }) => {
      const sender = controllers.find(({ name }) => name === caller);
      if (!isErased || isSent || sender === undefined || nodeName !== target) return 0;
      isSent = true;
      if (underWayMs === 0) return 0;
      later(KILLED_AFTER_MS, () => sender.kill());
      later(KILLED_AFTER_MS + RESTART_MS, () => sender.start());
      return underWayMs;
    });
    cordonAllBut(context, target);
    cluster.deletePod(volumeName, { isForced: false });
    return () => {
      stop();
      endSlow();
      for (const takeBack of takenBack) takeBack();
      for (const controller of controllers) {
        controller.store.clearWeather();
        controller.start();
      }
      uncordonAll(context);
    };
  },
};
