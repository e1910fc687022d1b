import type { TimedFault } from "../../scenario/scenario.ts";
import { madeAgain } from "../directed/copy/made-again.ts";
import { snapshotByHand } from "../directed/copy/restored.ts";
import { attachedBeforeRecorded } from "../directed/detach/attached-before-recorded.ts";
import { attachedToBystander } from "../directed/detach/attached-to-bystander.ts";
import { detachLeftBehind } from "../directed/detach/detach-left-behind.ts";
import { deletedByHand, detachedByHand } from "../directed/detach/detached-by-hand.ts";
import {
  markedAndAllLost,
  markedAndUnnamed,
  markedAndVolumeLost,
} from "../directed/detach/marked-and-lost.ts";
import { markedDuringUpdate } from "../directed/detach/marked-during-update.ts";
import { replicaLeftDetaching } from "../directed/detach/replica-left-detaching.ts";
import { staleList } from "../directed/detach/stale-list.ts";
import { mountCopied } from "../directed/kubelet/mount-copied.ts";
import { copied, copiedInBackground } from "../directed/mount/copied.ts";
import { diskPulledInMount } from "../directed/mount/disk-pulled-in-mount.ts";
import { formatCutOffAndLunFreed } from "../directed/mount/format-cut-off-and-lun-freed.ts";
import { grownOutside } from "../directed/mount/grown-outside.ts";
import { rawLeftOpen } from "../directed/mount/raw-left-open.ts";
import { lunFreedUnnoticed, scansLate } from "../directed/mount/scans-late.ts";
import { tagsReplaced } from "../directed/mount/tags-replaced.ts";
import { lunFreedAndLinksLag } from "../directed/node/lun-freed-and-links-lag.ts";
import { lunFreed } from "../directed/node/lun-freed.ts";
import type { BeginFault, FaultClass, FaultContext } from "../fault-class.ts";
import { nodeOfPod, overAtOnce } from "../fault-class.ts";
import { listsDisk } from "./lists-disk.ts";
import { reservationForgotten, reservationsLate, withoutAbort } from "./reservations.ts";

/** How often links are missing entirely instead of lagging. */
const LINKS_LOST = 0.3;
const GIVEN_BACK_MS = 15_000;
/** How soon after its creation a disk is found, in milliseconds: long before it is attached. */
const LOOK_MS = 200;

/** With the volume's disk, if it has one yet. */
function withDisk(
  begin: (context: FaultContext, fault: TimedFault, diskUri: string) => () => void,
): BeginFault {
  return (context, fault) => {
    const diskUri = context.world.cluster.diskUriOf(fault.volumeName);
    return diskUri === undefined ? overAtOnce : begin(context, fault, diskUri);
  };
}

/** A node whose VM does not have the disk. */
function nodeWithoutDisk(context: FaultContext, diskUri: string): string | undefined {
  return context.nodeNames.find((name) => !listsDisk(context, name, diskUri));
}

/** A node that does not use the volume. */
function anotherNode(context: FaultContext, fault: TimedFault): string {
  const pods = context.world.cluster.pods().filter(({ volumeName }) => volumeName === fault.volumeName);
  const busy = [nodeOfPod(context.world, fault), ...pods.map(({ nodeName }) => nodeName)];
  return context.nodeNames.find((name) => !busy.includes(name)) ?? nodeOfPod(context.world, fault);
}

/** What other clients do to disks. */
export const disks: FaultClass = {
  name: "disks",
  about:
    "others attach a disk, detach it, move it to another LUN, grow it, replace its tags, put data on a " +
    "new one, copy one with its tags, keep it open or mounted, or delete it, also to make another one " +
    "under its name; udev makes the links of disks late, or none; a kernel notices late that a disk has " +
    "come or gone",
  variants: {
    "attached-outside": {
      forMs: [10_000, 90_000],
      begin: withDisk((context, fault, diskUri) => {
        const nodeName = nodeWithoutDisk(context, diskUri);
        if (nodeName === undefined) return overAtOnce;
        context.toRestart(fault.volumeName);
        context.world.azure.attachOutside(nodeName, diskUri);
        return () => context.world.azure.detachOutside(nodeName, diskUri);
      }),
    },
    "reservation-forgotten": reservationForgotten,
    "reservations-late": reservationsLate,
    "without-abort": withoutAbort,
    "attached-before-recorded": attachedBeforeRecorded,
    "attached-to-bystander": attachedToBystander,
    "detached-outside": {
      forMs: [10_000, 60_000],
      begin: withDisk((context, fault, diskUri) => {
        context.toRestart(fault.volumeName);
        context.world.azure.detachOutside(nodeOfPod(context.world, fault), diskUri);
        return overAtOnce;
      }),
    },
    "replica-detached-outside": {
      forMs: [10_000, 60_000],
      begin: withDisk((context, fault, diskUri) => {
        context.toRestart(fault.volumeName);
        context.world.azure.detachOutside(anotherNode(context, fault), diskUri);
        return overAtOnce;
      }),
    },
    "detached-by-hand": detachedByHand,
    "deleted-by-hand": deletedByHand,
    "detach-left-behind": detachLeftBehind,
    "replica-left-detaching": replicaLeftDetaching,
    "marked-and-all-lost": markedAndAllLost,
    "marked-and-volume-lost": markedAndVolumeLost,
    "marked-and-unnamed": markedAndUnnamed,
    "stale-list": staleList,
    "marked-during-update": markedDuringUpdate,
    "pulled-in-mount": diskPulledInMount,
    "raw-left-open": rawLeftOpen,
    "mount-copied": mountCopied,
    "lun-freed": lunFreed,
    "lun-freed-and-links-lag": lunFreedAndLinksLag,
    "format-cut-off-and-lun-freed": formatCutOffAndLunFreed,
    "links-lag": {
      forMs: [10_000, 90_000],
      begin: ({ world }, fault) => {
        const kernel = world.azure.machineOf(nodeOfPod(world, fault))?.kernel;
        kernel?.setUdev(fault.dice < LINKS_LOST ? "lost" : "lags");
        return () => kernel?.setUdev("runs");
      },
    },
    "scans-late": scansLate,
    "lun-freed-unnoticed": lunFreedUnnoticed,
    "grown-outside": grownOutside,
    "tags-replaced": tagsReplaced,
    "made-again": madeAgain,
    copied,
    "copied-in-background": copiedInBackground,
    "snapshot-by-hand": snapshotByHand,
    "lun-moved": {
      forMs: [10_000, 90_000],
      begin: withDisk((context, fault, diskUri) => {
        const nodeName = anotherNode(context, fault);
        context.toRestart(fault.volumeName);
        context.world.azure.detachOutside(nodeName, diskUri);
        context.later(GIVEN_BACK_MS, () => context.world.azure.attachOutside(nodeName, diskUri));
        return () => context.world.azure.detachOutside(nodeName, diskUri);
      }),
    },
    "foreign-content": {
      forMs: [20_000, 90_000],
      begin: ({ world, outside, later }, { volumeName, atMs, dice }) => {
        const victim = `${volumeName}-foreign-${atMs}`;
        world.cluster.apply({
          volumeName: victim,
          sizeGiB: 4,
          skuName: "Premium_LRS",
          maxShares: 1,
          replicas: 0,
          access: "mount",
        });
        const spoil = (): void => {
          const diskUri = world.cluster.diskUriOf(victim);
          const disk = diskUri === undefined ? undefined : world.azure.diskOf(diskUri);
          if (diskUri === undefined || disk === undefined) return later(LOOK_MS, spoil);
          if (disk.content.kind !== "blank") return;
          outside.noteForeignData(diskUri);
          disk.content =
            dice < 0.5
              ? { kind: "fileSystem", fsType: "xfs", uuid: "foreign" }
              : { kind: "otherData", detail: "a partition table" };
          disk.files.set("/foreign", "foreign data");
        };
        later(LOOK_MS, spoil);
        return () => world.cluster.deleteWorkload(victim);
      },
    },
    "deleted-outside": {
      forMs: [10_000, 60_000],
      begin: withDisk((context, fault, diskUri) => {
        context.destroyed(fault.volumeName);
        context.world.azure.deleteDiskOutside(diskUri);
        return overAtOnce;
      }),
    },
  },
};
