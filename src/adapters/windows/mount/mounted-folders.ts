import { deviceBusy, hostNotReady } from "../../../core/failure/frequent-failures.ts";
import type { Result } from "../../../core/failure/result.ts";
import { ok } from "../../../core/failure/result.ts";
import type { Device } from "../../../ports/host/host-provisioner.ts";
import { type Disk, splitMajorMinor } from "../disk/disk-rows.ts";
import { type OddPartition, oddPartitionOn } from "../disk/partition-rows.ts";
import { devicePathOf, isDataDisk, listDisks, majorMinorOf, updateCache } from "../disks.ts";
import { foldersOf, incompletePartition, listPartitions, type Partition } from "../partitions.ts";
import type { WindowsHostContext } from "../windows-host-context.ts";
import { isSamePath, withoutEnd } from "./paths.ts";

/** A folder at which Windows has mounted a volume. */
export interface MountedFolder {
  readonly path: string;
  /** Its unique id is empty where Windows reports none at present. */
  readonly disk: Pick<Disk, "Number" | "UniqueId">;
  readonly device: Pick<Device, "path" | "majorMinor">;
  readonly partition: Partition;
}

/** Where Windows has mounted volumes of disks that are here, also of odd ones. */
export interface Mounted {
  readonly folders: readonly MountedFolder[];
  /** They may be mounted anywhere, or in the folders that they name. */
  readonly oddPartitions: readonly OddPartition[];
}

/** Every folder at which Windows has mounted a volume. */
export async function mountedFolders(host: WindowsHostContext): Promise<Result<Mounted>> {
  const partitions = await listPartitions(host);
  if (!partitions.ok) return partitions;
  // After them: they name their disks by number, and Windows gives that to another disk.
  const list = await listDisks(host);
  if (!list.ok) return list;
  const { disks, odd } = list.value;
  const folders = partitions.value.partitions.flatMap((partition) => {
    const Number = partition.DiskNumber;
    const known = [...disks, ...odd].find((disk) => disk.Number === Number);
    if (known === undefined && odd.every((disk) => disk.Number !== undefined)) return [];
    const disk = { Number, UniqueId: known?.UniqueId ?? "" };
    const device = { path: devicePathOf(host, disk), majorMinor: majorMinorOf(disk) };
    return foldersOf(partition).map((path) => ({ path: withoutEnd(path), disk, device, partition }));
  });
  const oddPartitions = partitions.value.odd.filter(({ DiskNumber, AccessPaths }) => {
    const known = disks.find((disk) => disk.Number === DiskNumber);
    const hasFolder = AccessPaths === undefined || foldersOf({ AccessPaths: [...AccessPaths] }).length > 0;
    // The system's disks have no volume.
    return hasFolder && (known === undefined || isDataDisk(known));
  });
  return ok({ folders, oddPartitions });
}

/**
 * As `mountedFolders`, once Windows has looked at its disks: before that the Storage provider may not show
 * what was mounted past it, as V1 mounts (`SetVolumeMountPoint`).
 */
export async function presentFolders(host: WindowsHostContext): Promise<Result<Mounted>> {
  const updated = await updateCache(host);
  return updated.ok ? mountedFolders(host) : updated;
}

/** Refuses a device that is mounted in a folder, with `DeviceBusy`. */
export async function refuseMounted(host: WindowsHostContext, device: Device): Promise<Result<void>> {
  const at = await mountedFolders(host);
  if (!at.ok) return at;
  const known = refuseUnknown(at.value, device.majorMinor);
  if (!known.ok) return known;
  const mounted = at.value.folders.find((folder) => folder.device.majorMinor === device.majorMinor);
  return mounted === undefined ? ok(undefined) : deviceBusy(device.path, `it is mounted at ${mounted.path}`);
}

/**
 * The folder, of those mounted, at a path. Fails with `HostNotReady` where its disk reports no identity, or
 * its partition not all that is needed: it is neither a dead mount nor no mount.
 */
export function folderAt(
  { folders, oddPartitions }: Mounted,
  path: string,
): Result<MountedFolder | undefined> {
  const folder = folders.find((each) => isSamePath(each.path, path));
  if (folder !== undefined) return folder.disk.UniqueId === "" ? unidentified(folder) : ok(folder);
  const odd = oddPartitions.find(({ AccessPaths = [] }) =>
    AccessPaths.some((accessPath) => isSamePath(accessPath, path)),
  );
  return odd === undefined ? ok(undefined) : incompletePartition(odd);
}

/**
 * Fails with `HostNotReady` where a volume may be mounted in any folder, since Windows reports its partition
 * incompletely. For what only looks like a dead mount.
 */
export function refuseHidden({ oddPartitions }: Mounted): Result<void> {
  const odd = oddPartitions.find(({ AccessPaths }) => AccessPaths === undefined);
  return odd === undefined ? ok(undefined) : incompletePartition(odd);
}

/** Fails with `HostNotReady` where a folder may be a device's, and nothing shows whether it is. */
export function refuseUnknown({ folders, oddPartitions }: Mounted, majorMinor: string): Result<void> {
  const [number] = splitMajorMinor(majorMinor);
  const unknown = folders.find(({ disk }) => disk.UniqueId === "" && String(disk.Number) === number);
  if (unknown !== undefined) return unidentified(unknown);
  const odd = oddPartitionOn(oddPartitions, { Number: Number(number) });
  return odd === undefined ? ok(undefined) : incompletePartition(odd);
}

/** The failure of a folder whose disk reports no identity. */
function unidentified({ path, disk }: MountedFolder): Result<never> {
  const detail = `Windows reports no unique id of disk ${disk.Number}, mounted at ${path}: try again`;
  return hostNotReady(detail);
}
