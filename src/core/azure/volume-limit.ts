import { dataDisksMaxOf } from "./data-disks-max.ts";
import { resourceUriKey } from "./disk-uri.ts";

/** What is known of a VM's slots for data disks. */
export interface SlotFacts {
  /** What the operator says, whatever else is known; undefined: nothing. 0 is an answer like any other. */
  readonly given: number | undefined;
  /** Such as `Standard_D4s_v5`; empty: not known. */
  readonly vmSize: string;
  /** Slots that are kept free for disks that are not the driver's. */
  readonly reserved: number;
  /** Disks that somebody else has attached to the VM, and for which the driver therefore has no slot. */
  readonly foreignDisks: number;
}

/**
 * How many volumes a node takes: what it is told, or what its VM's size takes less what is reserved and
 * what others have attached. Never below 0.
 */
export function volumeLimitOf({ given, vmSize, reserved, foreignDisks }: SlotFacts): number {
  if (given !== undefined) return given;
  return Math.max(0, dataDisksMaxOf(vmSize) - reserved - foreignDisks);
}

/** Those disks on a VM that are none of the driver's volumes. One without URI can be nobody's volume. */
export function foreignDisksAmong<Disk extends { readonly diskUri: string | undefined }>(
  attached: readonly Disk[],
  ownDiskUris: readonly string[],
): readonly Disk[] {
  const own = new Set(ownDiskUris.map(resourceUriKey));
  return attached.filter(({ diskUri }) => diskUri === undefined || !own.has(resourceUriKey(diskUri)));
}

/**
 * The limit as NodeGetInfo reports it. CSI reads 0 as *no limit*, and kubelet drops a negative one with the
 * same effect: a node without any slot says 1. One pod at most is sent there in vain, and is told
 * RESOURCE_EXHAUSTED; AzDriverNode, which placement and the scheduler extender read, says 0.
 */
export function reportedVolumeLimit(limit: number): number {
  return Math.max(1, limit);
}
