import { findDisk } from "../../../../src/emulator/model/world.ts";
import type { SimWorkload } from "../../../kubernetes/sim-cluster.ts";
import type { TimedFault } from "../../../scenario/scenario.ts";
import {
  type BeginFault,
  diceAgain,
  type FaultContext,
  type FaultVariant,
  nodeOfPod,
  overAtOnce,
} from "../../fault-class.ts";

/** How often the copy's file system gets another UUID: two with one UUID cannot be mounted side by side. */
const OTHER_UUID_SHARE = 0.5;
const LOOK_MS = 200;

/**
 * A person copies the volume's disk, with its tags, and names the copy in a PersistentVolume, which a pod
 * uses from then on.
 */
export const copied: FaultVariant = {
  forMs: [10_000, 60_000],
  isDirected: true,
  begin: copyByHand(() => ({})),
};

/** The same with a copy to another SKU: Azure copies it in the background while its pod waits to have it. */
export const copiedInBackground: FaultVariant = {
  forMs: [10_000, 60_000],
  isDirected: true,
  begin: copyByHand((context, fault) => ({
    skuName: "PremiumV2_LRS",
    zones: context.world.azure.vmOf(nodeOfPod(context.world, fault))?.zones ?? [],
  })),
};

function copyByHand(
  changesOf: (
    context: FaultContext,
    fault: TimedFault,
  ) => { readonly skuName?: SimWorkload["skuName"]; readonly zones?: readonly string[] },
): BeginFault {
  return (context, fault) => {
    const { world, later, create } = context;
    const { volumeName, atMs, dice } = fault;
    const changes = changesOf(context, fault);
    const { azure, cluster } = world;
    const workload = cluster.workloads().find((other) => other.volumeName === volumeName);
    const source = findDisk(azure.model.world, cluster.diskUriOf(volumeName) ?? "");
    if (workload === undefined || source === undefined) return overAtOnce;
    const copyName = `${volumeName}-copy-${atMs}`;
    const diskUri = `${source.id.slice(0, source.id.lastIndexOf("/"))}/${copyName}`;
    azure.copyDiskOutside(source, diskUri, changes);
    const use = (): void => {
      const disk = azure.diskOf(diskUri);
      if (disk === undefined) return later(LOOK_MS, use);
      if (disk.content.kind === "fileSystem" && diceAgain(dice, 1) < OTHER_UUID_SHARE)
        disk.content = { ...disk.content, uuid: `of ${copyName}` };
      const { sizeGiB } = source.spec;
      create({
        ...workload,
        volumeName: copyName,
        sizeGiB,
        maxShares: 1,
        replicas: 0,
        ...(changes.skuName === undefined ? {} : { skuName: changes.skuName }),
        staticDisk: { diskUri, zones: changes.zones ?? source.zones },
      });
    };
    later(LOOK_MS, use);
    return overAtOnce;
  };
}
