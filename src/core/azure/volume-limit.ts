import { dataDisksMaxOf } from "./data-disks-max.ts";
import { resourceUriKey } from "./ids/disk-uri.ts";

/** What is known of a VM's slots for data disks. */
export interface SlotFacts {
  /** The operator's setting, which overrides everything else; undefined: none. 0 is a valid setting. */
  readonly given: number | undefined;
  /** Such as `Standard_D4s_v5`; empty: not known. */
  readonly vmSize: string;
  /** What Azure lists for that size; undefined: not known yet, or not listed. */
  readonly listed: number | undefined;
  /** Slots that are reserved for disks of other clients. */
  readonly reserved: number;
  /** Disks that other clients have attached to the VM, which leaves the driver fewer slots. */
  readonly foreignDisks: number;
}

/**
 * How many volumes a node takes: the operator's setting, or what its VM's size takes less reserved slots
 * and other clients' disks. Never below 0.
 */
export function volumeLimitOf({ given, vmSize, listed, reserved, foreignDisks }: SlotFacts): number {
  if (given !== undefined) return given;
  return Math.max(0, (listed ?? dataDisksMaxOf(vmSize)) - reserved - foreignDisks);
}

/** The disks on a VM that are none of the driver's volumes. One without URI can't be a volume. */
export function foreignDisksAmong<Disk extends { readonly diskUri: string | undefined }>(
  attached: readonly Disk[],
  ownDiskUris: readonly string[],
): readonly Disk[] {
  const own = new Set(ownDiskUris.map(resourceUriKey));
  return attached.filter(({ diskUri }) => diskUri === undefined || !own.has(resourceUriKey(diskUri)));
}

/**
 * The limit that NodeGetInfo reports. CSI reads 0 as *no limit*, and kubelet drops a negative one with
 * the same effect, so a node without any slot reports 1. At most one pod is sent there in vain: its
 * ControllerPublishVolume answers RESOURCE_EXHAUSTED, for which the kubelet ends it. AzDriverNode, which
 * placement and the scheduler extender read, has 0.
 */
export function reportedVolumeLimit(limit: number): number {
  return Math.max(1, limit);
}
