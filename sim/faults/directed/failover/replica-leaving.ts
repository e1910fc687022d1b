import { isSameResourceUri } from "../../../../src/core/azure/ids/disk-uri.ts";
import { diceAgain, type FaultContext, type FaultVariant, overAtOnce, pick } from "../../fault-class.ts";
import { erase, eraseEverything } from "../../objects/delete-by-hand.ts";
import { cordonAllBut, uncordonAll } from "../../processes/cordon.ts";
import { runningOn } from "../mount/where-pods-are.ts";

/** How long the detach is under way, in milliseconds: the pod has started on that node by then. */
const UNDER_WAY_MS = [60_000, 90_000] as const;
const RESTART_MS = 500;
/** From the detach until its objects are lost, in milliseconds: no controller has written them since. */
const LOST_AFTER_MS = [100, 3_000] as const;
/** From then until the pod moves, in milliseconds. */
const MOVES_AFTER_MS = [500, 8_000] as const;

/**
 * Loses the objects that show the detach. Called before it begins; the returned function is called while it
 * is under way.
 */
type Loss = (context: FaultContext) => () => void;

/**
 * A replica is deleted, and the leader dies once it has sent the detach, which is under way for long. A
 * backup from before is restored, and a pod of the volume moves to that replica.
 */
export const replicaLeavingAndRestored: FaultVariant = replicaLeaving(({ world }) => {
  const backup = world.store.snapshot();
  return () => world.store.restore(backup);
});

/** The same, and instead all objects are erased. */
export const replicaLeavingAndErased: FaultVariant = replicaLeaving(
  ({ world }) =>
    () =>
      eraseEverything(world, true),
);

function replicaLeaving(losing: Loss): FaultVariant {
  return {
    forMs: [110_000, 130_000],
    isDirected: true,
    begin: (context, { volumeName, dice }) => {
      const { world, later, when } = context;
      const { azure, cluster, controllers, store } = world;
      const diskUri = cluster.diskUriOf(volumeName) ?? "";
      const replica = store
        .objects("AzVolumeAttachment")
        .find(
          ({ spec, status }) =>
            spec.role === "Replica" &&
            status?.state === "Attached" &&
            isSameResourceUri(spec.volumeId, diskUri),
        );
      if (replica === undefined || runningOn(context, volumeName) === undefined) return overAtOnce;
      const { nodeName } = replica.spec;
      const lose = losing(context);
      let isSent = false;
      const stop = azure.delayUpdates((update) => {
        const sender = controllers.find(({ name }) => name === update.caller);
        if (isSent || sender === undefined || update.nodeName !== nodeName) return 0;
        isSent = true;
        later(1, () => sender.kill());
        later(RESTART_MS, () => sender.start());
        later(pick(LOST_AFTER_MS, diceAgain(dice, 1)), () => {
          lose();
          later(pick(MOVES_AFTER_MS, diceAgain(dice, 2)), () => {
            cordonAllBut(context, nodeName);
            cluster.deletePod(volumeName, { isForced: false });
          });
        });
        return pick(UNDER_WAY_MS, dice);
      });
      const leaseVersion = (): string | undefined => store.objects("Lease")[0]?.metadata.resourceVersion;
      const versionAtBackup = leaseVersion();
      // A backup as recent as the leader's last renewal shows in no counter: docs/assurance/promises.md.
      when(
        () => leaseVersion() !== versionAtBackup,
        () => erase(world, "AzVolumeAttachment", replica.metadata.name, false),
      );
      return () => {
        stop();
        uncordonAll(context);
        for (const controller of controllers) controller.start();
      };
    },
  };
}
