import { isSameResourceUri } from "../../../src/core/model/disk-uri.ts";
import type { SimWorld } from "../../world.ts";
import { cordonAllBut, uncordonAll } from "../cordon.ts";
import { erase, eraseEverything } from "../delete-by-hand.ts";
import { diceAgain, type FaultVariant, overAtOnce, pick } from "../fault-class.ts";
import { runningOn } from "./where-pods-are.ts";

const LOOK_MS = 200;
/** When another volume's pod comes to the node, in milliseconds from the loss: before, while and after records are made again. */
const NEIGHBOUR_AFTER_MS = [0, 2_000, 5_000, 10_000] as const;

/** Others mark a disk in use, and every object of the store is erased. */
export const markedAndAllLost = markedAndLost((world) => eraseEverything(world, true));

/** Others mark a disk in use, and its AzVolume alone is lost. */
export const markedAndVolumeLost = markedAndLost((world, { diskUri, dice }) => {
  const ofDisk = world.store.objects("AzVolume").find(({ status }) => isSameResourceUri(status?.detail?.diskUri ?? "", diskUri));
  if (ofDisk !== undefined) erase(world, "AzVolume", ofDisk.metadata.name, diceAgain(dice, 1) < 0.5);
});

/**
 * Another client asks Azure to detach a disk from the node whose pod writes to it, and that fails: the VM's list
 * keeps the entry, marked. Then records are lost, and another volume's pod comes to that node.
 */
function markedAndLost(lose: (world: SimWorld, of: { readonly diskUri: string; readonly dice: number }) => void): FaultVariant {
  return {
    forMs: [60_000, 90_000],
    isDirected: true,
    begin: (context, { volumeName, atMs, dice }) => {
      const { world, later } = context;
      const { cluster, azure } = world;
      const home = runningOn(context, volumeName);
      const workload = cluster.workloads().find((known) => known.volumeName === volumeName);
      const diskUri = cluster.diskUriOf(volumeName);
      if (home === undefined || workload === undefined || diskUri === undefined) return overAtOnce;
      const neighbour = `${volumeName}-neighbour-${atMs}`;
      let isOver = false;
      const sendNeighbour = (): void => {
        if (isOver) return;
        cordonAllBut(context, home);
        cluster.apply({ ...workload, volumeName: neighbour, maxShares: 1, replicas: 0 });
      };
      const loseOnceMarked = (): void => {
        if (isOver) return;
        const entry = azure.vmOf(home)?.dataDisks.find(({ diskId }) => isSameResourceUri(diskId, diskUri));
        if (entry?.phase !== "DetachFailed") return later(LOOK_MS, loseOnceMarked);
        lose(world, { diskUri, dice });
        later(pick(NEIGHBOUR_AFTER_MS, dice), sendNeighbour);
      };
      context.toRestart(volumeName);
      const operation = "VirtualMachines_AttachDetachDataDisks";
      const { id } = azure.model.faults.add({ operation, disk: diskUri, times: 1, effect: { kind: "FailOperation", code: "DetachFailed" } });
      azure.detachOutside(home, diskUri);
      loseOnceMarked();
      return () => {
        isOver = true;
        azure.model.faults.remove(id);
        uncordonAll(context);
        cluster.deleteWorkload(neighbour);
      };
    },
  };
}
