import type { AzVolume } from "../../../../src/core/api/az-volume.ts";
import { isSameResourceUri } from "../../../../src/core/azure/ids/disk-uri.ts";
import type { SimWorld } from "../../../world.ts";
import { diceAgain, type FaultContext, type FaultVariant, overAtOnce, pick } from "../../fault-class.ts";
import { erase, eraseEverything } from "../../objects/delete-by-hand.ts";
import { cordonAllBut, uncordonAll } from "../../processes/cordon.ts";
import { runningOn } from "../mount/where-pods-are.ts";
import { failToDetachOutside } from "./detach-left-behind.ts";

/**
 * When another volume's pod comes to the node, in milliseconds from the loss: before, while and after
 * records are rebuilt.
 */
const NEIGHBOUR_AFTER_MS = [0, 2_000, 5_000, 10_000] as const;

/** When Azure names the disk's VMs again, in milliseconds from the moment at which there is a record. */
const NAMED_AFTER_MS = [0, 1_000, 5_000] as const;
/** How long the plug-in of the disk's node is cut off from the store, in milliseconds. */
const CUT_OFF_MS = [0, 10_000, 20_000] as const;

/** Another client marks a disk in use, and every object of the store is erased. */
export const markedAndAllLost = markedAndLost(({ world }) => {
  eraseEverything(world, true);
  return overAtOnce;
});

/** Another client marks a disk in use, and only its AzVolume is lost. */
export const markedAndVolumeLost = markedAndLost(({ world }, { diskUri, dice }) => {
  const ofDisk = volumeOf(world, diskUri);
  if (ofDisk !== undefined) erase(world, "AzVolume", ofDisk.metadata.name, diceAgain(dice, 1) < 0.5);
  return overAtOnce;
});

/**
 * Another client marks a disk in use, and every object of the store is erased while Azure does not show
 * yet which VMs have that disk. Their node's plug-in may be cut off from the store, so that it does not
 * report its checkpoints.
 */
export const markedAndUnnamed = markedAndLost(({ world, later, when }, { diskUri, home, dice }) => {
  const nameAgain = world.azure.disownDisk(diskUri);
  const plugin = world.nodePlugin(home);
  const reach = (): void => plugin?.store.setReachable(true);
  const cutOffMs = pick(CUT_OFF_MS, diceAgain(dice, 1));
  if (cutOffMs > 0) {
    plugin?.store.setReachable(false);
    later(cutOffMs, reach);
  }
  eraseEverything(world, true);
  when(
    () => volumeOf(world, diskUri)?.status?.record,
    () => later(pick(NAMED_AFTER_MS, diceAgain(dice, 2)), nameAgain),
  );
  return () => {
    nameAgain();
    reach();
  };
});

/** The location of a disk, and the variable parts. */
interface MarkedDisk {
  readonly diskUri: string;
  /** The node whose pod writes to it. */
  readonly home: string;
  readonly dice: number;
}

function volumeOf({ store }: SimWorld, diskUri: string): AzVolume | undefined {
  return store
    .objects("AzVolume")
    .find(({ status }) => isSameResourceUri(status?.detail?.diskUri ?? "", diskUri));
}

/**
 * Another client asks Azure to detach a disk from the node whose pod writes to it, and that fails: the
 * VM's list keeps the entry, marked. Then records are lost, and another volume's pod comes to that node.
 * `lose` returns what ends the loss.
 */
function markedAndLost(lose: (context: FaultContext, marked: MarkedDisk) => () => void): FaultVariant {
  return {
    forMs: [60_000, 90_000],
    isDirected: true,
    begin: (context, { volumeName, atMs, dice }) => {
      const { world, later, when } = context;
      const { cluster, azure } = world;
      const home = runningOn(context, volumeName);
      const workload = cluster.workloads().find((known) => known.volumeName === volumeName);
      const diskUri = cluster.diskUriOf(volumeName);
      if (home === undefined || workload === undefined || diskUri === undefined) return overAtOnce;
      const neighbour = `${volumeName}-neighbour-${atMs}`;
      let isOver = false;
      let endLoss: () => void = overAtOnce;
      const sendNeighbour = (): void => {
        if (isOver) return;
        cordonAllBut(context, home);
        cluster.apply({ ...workload, volumeName: neighbour, maxShares: 1, replicas: 0 });
      };
      const isMarked = (): boolean => {
        const entry = azure.vmOf(home)?.dataDisks.find(({ diskId }) => isSameResourceUri(diskId, diskUri));
        return entry?.phase === "DetachFailed";
      };
      context.toRestart(volumeName);
      const detachAgain = failToDetachOutside(azure, home, diskUri);
      when(isMarked, () => {
        endLoss = lose(context, { diskUri, home, dice });
        later(pick(NEIGHBOUR_AFTER_MS, dice), sendNeighbour);
      });
      return () => {
        isOver = true;
        endLoss();
        detachAgain();
        uncordonAll(context);
        cluster.deleteWorkload(neighbour);
      };
    },
  };
}
