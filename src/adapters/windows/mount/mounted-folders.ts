import type { Failure } from "../../../core/failure/failure.ts";
import type { Result } from "../../../core/failure/result.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import type { Device } from "../../../ports/host/host-provisioner.ts";
import { type Disk, splitMajorMinor } from "../disk/disk-rows.ts";
import { devicePathOf, listDisks, majorMinorOf } from "../disks.ts";
import { foldersOf, listPartitions, type Partition } from "../partitions.ts";
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

/** Every folder at which Windows has mounted a volume of a disk that is here, also of an odd one. */
export async function mountedFolders(
  host: WindowsHostContext,
): Promise<Result<readonly MountedFolder[], Failure>> {
  const list = await listDisks(host);
  if (!list.ok) return list;
  const partitions = await listPartitions(host);
  if (!partitions.ok) return partitions;
  const { disks, odd } = list.value;
  return ok(
    partitions.value.flatMap((partition) => {
      const Number = partition.DiskNumber;
      const known = [...disks, ...odd].find((disk) => disk.Number === Number);
      if (known === undefined && odd.every((disk) => disk.Number !== undefined)) return [];
      const disk = { Number, UniqueId: known?.UniqueId ?? "" };
      const device = { path: devicePathOf(host, disk), majorMinor: majorMinorOf(disk) };
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
  const unknown = unidentifiedOf(folders.value, device.majorMinor);
  if (unknown !== undefined) return unidentified(unknown);
  const mounted = folders.value.find((folder) => folder.device.majorMinor === device.majorMinor);
  return mounted === undefined
    ? ok(undefined)
    : fail({ kind: "DeviceBusy", devicePath: device.path, detail: `it is mounted at ${mounted.path}` });
}

/**
 * The folder, of those mounted, at a path. Fails with `HostNotReady` where its disk reports no identity: it
 * is neither a dead mount nor no mount.
 */
export function folderAt(
  folders: readonly MountedFolder[],
  path: string,
): Result<MountedFolder | undefined, Failure> {
  const folder = folders.find((each) => isSamePath(each.path, path));
  return folder?.disk.UniqueId === "" ? unidentified(folder) : ok(folder);
}

/** The failure of a folder whose disk reports no identity. */
export function unidentified({ path, disk }: MountedFolder): Result<never, Failure> {
  const detail = `Windows reports no unique id of disk ${disk.Number}, mounted at ${path}: try again`;
  return fail({ kind: "HostNotReady", detail });
}

/** A folder that may be a device's: its disk has the number, and reports no identity; undefined: none. */
export function unidentifiedOf(
  folders: readonly MountedFolder[],
  majorMinor: string,
): MountedFolder | undefined {
  const [number] = splitMajorMinor(majorMinor);
  return folders.find(({ disk }) => disk.UniqueId === "" && String(disk.Number) === number);
}
