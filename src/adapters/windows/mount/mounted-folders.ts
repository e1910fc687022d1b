import type { Failure } from "../../../core/failure/failure.ts";
import type { Result } from "../../../core/failure/result.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import type { Device } from "../../../ports/host/host-provisioner.ts";
import { type Disk, listDisks, toDevice } from "../disks.ts";
import { foldersOf, listPartitions, type Partition } from "../partitions.ts";
import type { WindowsHostContext } from "../windows-host-context.ts";
import { isSamePath, withoutEnd } from "./paths.ts";

/** A folder at which Windows has mounted a volume. */
export interface MountedFolder {
  readonly path: string;
  readonly disk: Disk;
  readonly device: Device;
  readonly partition: Partition;
}

/** Every folder at which Windows has mounted a volume of a disk that is here. */
export async function mountedFolders(
  host: WindowsHostContext,
): Promise<Result<readonly MountedFolder[], Failure>> {
  const disks = await listDisks(host);
  if (!disks.ok) return disks;
  const partitions = await listPartitions(host);
  if (!partitions.ok) return partitions;
  return ok(
    partitions.value.flatMap((partition) => {
      const disk = disks.value.find(({ Number }) => Number === partition.DiskNumber);
      if (disk === undefined) return [];
      const device = toDevice(host, disk);
      return foldersOf(partition).map((path) => ({ path: withoutEnd(path), disk, device, partition }));
    }),
  );
}

/** Refuses a device that is mounted in a folder, with `DeviceBusy`. */
export async function refuseMounted(
  host: WindowsHostContext,
  device: Device,
): Promise<Result<void, Failure>> {
  const folders = await mountedFolders(host);
  if (!folders.ok) return folders;
  const mounted = folders.value.find((folder) => folder.device.majorMinor === device.majorMinor);
  return mounted === undefined
    ? ok(undefined)
    : fail({ kind: "DeviceBusy", devicePath: device.path, detail: `it is mounted at ${mounted.path}` });
}

/** The folder, of those mounted, at a path. */
export function folderAt(folders: readonly MountedFolder[], path: string): MountedFolder | undefined {
  return folders.find((folder) => isSamePath(folder.path, path));
}
