import type { CleanRequest } from "../../../ports/host/host-provisioner.ts";
import { diskOf, nodeOfDevice, partitionsOf, sizeOfDevice } from "../device/block-device.ts";
import { linkedDevices, numbersAtLuns } from "../device/find-device.ts";
import type { DeviceAtLun } from "../device/find-device.ts";
import type { HostContext } from "../host-context.ts";
import { mountPathsOf, numbersOn } from "../mount/read-mounts.ts";

/**
 * A device number that may stand for the volume; `path` is its node, if it has one on which an
 * exclusive holder can be checked.
 */
export type Place = DeviceAtLun & {
  /** Its own number, and those of the partitions whose mounts and openings are uses of it. */
  readonly numbers: ReadonlySet<string>;
};

/**
 * The device that the volume's LUN has now, and the last one that was seen. The kernel reuses a number
 * only when nothing holds the old device, so a number that another volume's LUN has now is no longer
 * this volume's. A LUN that no volume of ours has may still be this one's, if its removal was not
 * noticed yet.
 */
export async function placesToSearch(
  host: HostContext,
  { lastMajorMinor, lunsOfOthers }: CleanRequest,
  atLun: readonly DeviceAtLun[],
): Promise<readonly Place[]> {
  const present = await Promise.all(
    atLun.map(async (device) => ({ ...device, numbers: await numbersOn(host, device.majorMinor) })),
  );
  if (lastMajorMinor === undefined) return present;
  // A partition's number is reassigned with its disk's.
  const lastDisk = await diskOf(host.sysRoot, lastMajorMinor);
  if (present.some(({ majorMinor }) => majorMinor === lastMajorMinor)) return present;
  if (
    (await numbersAtLuns(host, lunsOfOthers)).includes(lastDisk) ||
    (await isAnotherNodes(host, lastDisk, lastMajorMinor))
  )
    return present;
  const path = await nodeOfWholeDisk(host, lastMajorMinor);
  // Not its partitions: it may be the node's own disk, and a partition that was used has a number of its own.
  return [...present, { majorMinor: lastMajorMinor, path, numbers: new Set([lastMajorMinor]) }];
}

/**
 * Not for a partitioned disk, which its partitions' mounts hold: numbers change with a reboot, and this
 * one may be that of the node's own disk.
 */
async function nodeOfWholeDisk(host: HostContext, majorMinor: string): Promise<string | undefined> {
  return (await partitionsOf(host.sysRoot, majorMinor)).length > 0
    ? undefined
    : await nodeOfDevice(host.sysRoot, majorMinor);
}

/**
 * Whether a device number now belongs to another node on this kernel: nodes that share a kernel also
 * share its numbers. A live device without a link of ours and without a mount in our namespace is
 * another node's. On a node with a kernel of its own this is never assumed.
 */
async function isAnotherNodes(host: HostContext, disk: string, majorMinor: string): Promise<boolean> {
  if (!host.sharesKernel) return false;
  if (!(await takesWrites(host, disk))) return false;
  if ((await linkedDevices(host)).includes(disk)) return false;
  const paths = await mountPathsOf(host, new Set([majorMinor]));
  return paths.ok && paths.value.length === 0;
}

/** Whether the kernel still has the device, and with a size: that of a detached loop device is 0. */
export async function takesWrites({ sysRoot }: HostContext, majorMinor: string): Promise<boolean> {
  const sizeBytes = await sizeOfDevice(sysRoot, majorMinor);
  return sizeBytes !== undefined && sizeBytes !== 0n;
}
