import { isSameResourceUri } from "../../../../src/core/azure/ids/disk-uri.ts";
import { diceAgain, type FaultContext, type FaultVariant, overAtOnce, pick } from "../../fault-class.ts";
import { erase, eraseEverything, eraseLease, eraseReplicasOn } from "../../objects/delete-by-hand.ts";
import { cordonAllBut, uncordonAll } from "../../processes/cordon.ts";
import { markOutOfService } from "../../processes/mark-out-of-service.ts";
import { runningOn } from "../mount/where-pods-are.ts";

/**
 * How long replicas on the node have to leave it, in milliseconds: each update of its VM would refuse the
 * late one.
 */
const REPLICAS_GO_MS = 25_000;
const SEEN_MS = 1_000;
/** How long the forced detach is under way, in milliseconds: the mark is no longer considered by then. */
const UNDER_WAY_MS = 150_000;
/** From then on until the fence is lost from every record, in milliseconds. */
const LOST_AFTER_MS = [2_000, 30_000, 90_000] as const;

/**
 * Loses the records while the detach is under way to Azure. Called before a node is fenced; the returned
 * function is called with the name of the AzVolume when the detach is sent.
 */
type During = (context: FaultContext, dice: number) => (azVolumeName: string) => void;

/**
 * A node is marked out of service while only its kubelet is dead, so that it is fenced. The forced detach
 * is under way for long; in this time the mark is removed, the kubelet returns, the node releases the
 * volume, and its pod returns there.
 */
export const detachLate = detachUnderWay(() => overAtOnce);

/**
 * In addition the fence is lost: its record is erased, or all objects; or no record counts any more
 * because the Lease is gone, or an earlier backup is restored.
 */
export const detachLateAndLost = detachUnderWay(({ world, later }, dice) => {
  const backup = world.store.snapshot();
  return (azVolumeName) => {
    const lose = pick(
      [
        () => erase(world, "AzVolume", azVolumeName, diceAgain(dice, 2) < 0.5),
        () => eraseEverything(world, true),
        () => eraseLease(world),
        () => world.store.restore(backup),
      ],
      dice,
    );
    later(pick(LOST_AFTER_MS, diceAgain(dice, 1)), lose);
  };
});

/** The same, with every object erased. */
export const detachLateAndAllLost = detachUnderWay(({ world, later }, dice) => () => {
  later(pick(LOST_AFTER_MS, diceAgain(dice, 1)), () => eraseEverything(world, true));
});

function detachUnderWay(during: During): FaultVariant {
  return {
    forMs: [220_000, 240_000],
    isDirected: true,
    begin: (context, { volumeName, dice }) => {
      const { world, later } = context;
      const { cluster, azure } = world;
      const home = runningOn(context, volumeName);
      if (home === undefined) return overAtOnce;
      let isSent = false;
      let sent: (azVolumeName: string) => void = overAtOnce;
      const stop = azure.delayUpdates(({ nodeName }) => {
        const fencing =
          isSent || nodeName !== home ? undefined : volumeBeingFenced(context, home, volumeName);
        if (fencing === undefined) return 0;
        isSent = true;
        later(0, () => {
          markOutOfService(context, home, false);
          cluster.setKubeletRunning(home, true);
        });
        sent(fencing);
        return UNDER_WAY_MS;
      });
      cluster.setUnschedulable(home, true);
      eraseReplicasOn(world, home);
      later(REPLICAS_GO_MS - SEEN_MS, () => cordonAllBut(context, home));
      later(REPLICAS_GO_MS, () => {
        sent = during(context, dice);
        cluster.setKubeletRunning(home, false);
        markOutOfService(context, home, true);
        cluster.deletePod(volumeName, { isForced: true });
      });
      return () => {
        stop();
        markOutOfService(context, home, false);
        cluster.setKubeletRunning(home, true);
        uncordonAll(context);
      };
    },
  };
}

/** The name of the volume's AzVolume, while its record has the node being fenced. */
function volumeBeingFenced(
  { world }: FaultContext,
  nodeName: string,
  volumeName: string,
): string | undefined {
  const diskUri = world.cluster.diskUriOf(volumeName) ?? "none";
  return world.store
    .objects("AzVolume")
    .find(
      ({ status }) =>
        status?.record?.fencing?.nodeName === nodeName &&
        isSameResourceUri(status.detail?.diskUri ?? "", diskUri),
    )?.metadata.name;
}
