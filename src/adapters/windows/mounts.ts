import { lstat, mkdir, open, readdir, readlink, rmdir, symlink, unlink } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import { z } from "zod";
import type { Failure } from "../../core/failure/failure.ts";
import type { Result } from "../../core/failure/result.ts";
import { fail, ok } from "../../core/failure/result.ts";
import type { FileSystemType } from "../../core/volume/file-system.ts";
import type { Device, MountPoint } from "../../ports/host/host-provisioner.ts";
import { errorCode, undefinedIfMissing } from "../linux/error-code.ts";
import { listDisks, takeOffline, toDevice, type Disk } from "./disks.ts";
import { foldersOf, listPartitions, type Partition, volumeOf } from "./partitions.ts";
import { change, query } from "./storage-call.ts";
import type { WindowsHostContext } from "./windows-host-context.ts";

/** A folder at which Windows has mounted a volume. */
export interface MountedFolder {
  readonly path: string;
  readonly disk: Disk;
  readonly device: Device;
  readonly partition: Partition;
}

/**
 * Where the link of a placeholder leads: to nothing, so that every access below it fails, and no container
 * starts on it.
 */
const PLACEHOLDER_TARGET = "disk.csi.azure.com-no-volume-is-mounted-here";
/** A device number that no disk has: of a placeholder, and of a dead mount that an earlier instance made. */
const NO_DEVICE = "0:0";
/** The attribute of a folder that a volume was mounted at. https://learn.microsoft.com/windows/win32/fileio/file-attribute-constants */
const REPARSE_POINT = 0x400;

const itemSchema = z.object({ Attributes: z.number().int() });

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

/** The mount at a path: a volume's folder, or a link to one. */
export async function mountAt(
  host: WindowsHostContext,
  path: string,
): Promise<Result<MountPoint | undefined, Failure>> {
  const folders = await mountedFolders(host);
  return folders.ok ? mountIn(host, folders.value, path) : folders;
}

async function mountIn(
  host: WindowsHostContext,
  folders: readonly MountedFolder[],
  path: string,
): Promise<Result<MountPoint | undefined, Failure>> {
  const direct = await knownMount(host, folders, path);
  if (!direct.ok || direct.value !== undefined) return direct;
  const link = await linkAt(path);
  if (link !== undefined) {
    if (link.endsWith(PLACEHOLDER_TARGET)) return ok(placeholderAt(path));
    const staged = await knownMount(host, folders, link);
    if (!staged.ok) return staged;
    return ok({ ...(staged.value ?? deadMount(NO_DEVICE, "")), path });
  }
  // A mount of an earlier instance, whose disk is gone.
  const items = await query(
    host.powerShell,
    "Get-Item",
    { LiteralPath: path, Force: true, ErrorAction: "SilentlyContinue" },
    itemSchema,
  );
  if (!items.ok) return items;
  const attributes = items.value[0]?.Attributes ?? 0;
  return ok((attributes & REPARSE_POINT) === 0 ? undefined : { ...deadMount(NO_DEVICE, ""), path });
}

async function knownMount(
  host: WindowsHostContext,
  folders: readonly MountedFolder[],
  path: string,
): Promise<Result<MountPoint | undefined, Failure>> {
  const folder = folderAt(folders, path);
  if (folder === undefined) {
    const gone = host.mounted.get(pathKey(path));
    return ok(gone === undefined ? undefined : { ...deadMount(gone.majorMinor, gone.fsType), path });
  }
  const volume = await volumeOf(host, folder.partition);
  if (!volume.ok) return volume;
  return ok({
    path,
    majorMinor: folder.device.majorMinor,
    fsType: (volume.value.FileSystem ?? "").toLowerCase(),
    root: "/",
    readOnly: false,
    isDead: false,
    isPlaceholder: false,
  });
}

/** Every folder and link of a device, links below the kubelet's folders only: elsewhere there are none. */
export async function mountsOf(
  host: WindowsHostContext,
  majorMinor: string,
): Promise<Result<readonly MountPoint[], Failure>> {
  const folders = await mountedFolders(host);
  if (!folders.ok) return folders;
  const paths = [
    ...folders.value.map(({ path }) => path),
    ...[...host.mounted.values()].map(({ path }) => path),
    ...(await publishedLinks(host.kubeletDirectories)),
  ];
  const mounts: MountPoint[] = [];
  for (const path of new Map(paths.map((each) => [pathKey(each), each])).values()) {
    const mount = await mountIn(host, folders.value, path);
    if (!mount.ok) return mount;
    if (mount.value?.majorMinor === majorMinor) mounts.push(mount.value);
  }
  return ok(mounts);
}

/** Mounts the data partition of a disk in an empty folder. */
export async function addFolder(
  host: WindowsHostContext,
  request: {
    readonly device: Device;
    readonly partition: Partition;
    readonly path: string;
    readonly fsType: FileSystemType;
  },
): Promise<Result<void, Failure>> {
  const { device, partition, path, fsType } = request;
  const { DiskNumber, PartitionNumber } = partition;
  await mkdir(path, { recursive: true });
  const added = await change(host.powerShell, "Add-PartitionAccessPath", {
    DiskNumber,
    PartitionNumber,
    AccessPath: path,
  });
  if (!added.ok) return added;
  // Windows addresses the partition by numbers, and they may be another disk's by now.
  const folders = await mountedFolders(host);
  if (!folders.ok) return folders;
  const folder = folderAt(folders.value, path);
  if (folder?.device.majorMinor === device.majorMinor) {
    host.mounted.set(pathKey(path), { path, majorMinor: device.majorMinor, fsType });
    return ok(undefined);
  }
  const removed = folder === undefined ? ok(undefined) : await removeFolder(host, folder);
  return removed.ok
    ? fail({
        kind: "WrongDevice",
        devicePath: device.path,
        problem: `disk ${DiskNumber} was replaced during the mount: look for the LUN again`,
      })
    : removed;
}

async function removeFolder(host: WindowsHostContext, folder: MountedFolder): Promise<Result<void, Failure>> {
  const { DiskNumber, PartitionNumber } = folder.partition;
  return change(host.powerShell, "Remove-PartitionAccessPath", {
    DiskNumber,
    PartitionNumber,
    AccessPath: folder.path,
  });
}

/** Links a target to a staged folder. */
export async function bindFolder(
  host: WindowsHostContext,
  { stagingPath, targetPath }: { readonly stagingPath: string; readonly targetPath: string },
): Promise<Result<void, Failure>> {
  const staged = await mountAt(host, stagingPath);
  if (!staged.ok) return staged;
  if (staged.value === undefined) return fail({ kind: "PathNotMounted", path: stagingPath });
  if (staged.value.isDead)
    return fail({
      kind: "FileSystemBroken",
      devicePath: stagingPath,
      detail: `the mount at ${stagingPath} is dead: stage the volume again`,
    });
  const present = await linkAt(targetPath);
  if (present !== undefined && isSamePath(present, stagingPath)) return ok(undefined);
  return replaceByLink(targetPath, stagingPath);
}

/** Leaves a placeholder at a target, which must be there. */
export async function placeholderFor(targetPath: string): Promise<Result<void, Failure>> {
  if ((await lstat(targetPath).catch(undefinedIfMissing)) === undefined) return ok(undefined);
  return replaceByLink(targetPath, join(dirname(targetPath), PLACEHOLDER_TARGET));
}

async function replaceByLink(path: string, target: string): Promise<Result<void, Failure>> {
  const removed = await removePath(path);
  if (!removed.ok) return removed;
  await mkdir(dirname(path), { recursive: true });
  await symlink(target, path, "dir");
  return ok(undefined);
}

/** Removes a link, or a folder without a living mount. Fails with `HostNotReady` if it holds files. */
async function removePath(path: string): Promise<Result<void, Failure>> {
  const isLink = (await linkAt(path)) !== undefined;
  try {
    await (isLink ? unlink(path) : rmdir(path));
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOTEMPTY" || code === "EEXIST" || (code === "ENOTDIR" && !isLink))
      return fail({
        kind: "HostNotReady",
        detail: `${path} is not mounted, but holds files: move them away`,
      });
    undefinedIfMissing(error);
  }
  return ok(undefined);
}

/**
 * Unmounts a path and removes it. A volume is flushed and dismounted first, which Windows refuses while a
 * process has a file open there; the disk goes offline with its last folder, so that nothing writes to it.
 */
export async function unmountPath(host: WindowsHostContext, path: string): Promise<Result<void, Failure>> {
  const folders = await mountedFolders(host);
  if (!folders.ok) return folders;
  const folder = folderAt(folders.value, path);
  if (folder !== undefined) {
    const dismounted = await dismount(host, folder);
    if (!dismounted.ok) return dismounted;
    const removed = await removeFolder(host, folder);
    if (!removed.ok) return removed;
    const isLast = folders.value.every(
      (other) => other === folder || other.device.majorMinor !== folder.device.majorMinor,
    );
    const offline = isLast ? await takeOffline(host, folder.disk) : ok(undefined);
    if (!offline.ok) return offline;
  }
  const gone = await removePath(path);
  if (gone.ok) host.mounted.delete(pathKey(path));
  return gone;
}

const dismountSchema = z.object({ ReturnValue: z.number().int() });
/** https://learn.microsoft.com/previous-versions/windows/desktop/vdswmi/dismount-method-in-class-win32-volume */
const IN_USE = 4;

async function dismount(host: WindowsHostContext, folder: MountedFolder): Promise<Result<void, Failure>> {
  const volume = await volumeOf(host, folder.partition);
  if (!volume.ok) return volume;
  const { path } = volume.value;
  const flushed = await change(host.powerShell, "Write-VolumeCache", { Path: path });
  if (!flushed.ok) return flushed;
  // The path was matched to the last character: it can't end the text that it stands in.
  const answered = await query(
    host.powerShell,
    "Invoke-CimMethod",
    {
      Query: `SELECT * FROM Win32_Volume WHERE DeviceID = '${path.replaceAll("\\", "\\\\")}'`,
      MethodName: "Dismount",
      Arguments: { Force: false, Permanent: false },
    },
    dismountSchema,
  );
  if (!answered.ok) return answered;
  const code = answered.value[0]?.ReturnValue;
  if (code === 0) return ok(undefined);
  return code === IN_USE
    ? fail({
        kind: "DeviceBusy",
        devicePath: folder.device.path,
        detail: `${folder.path} is in use: end what uses it`,
      })
    : fail({
        kind: "HostCommandFailed",
        command: `Dismount ${path}`,
        exitCode: code ?? null,
        stderr: "Win32_Volume.Dismount did not answer 0",
      });
}

/** The kind of file at a path, whatever a link leads to. */
export async function pathKind(
  host: WindowsHostContext,
  path: string,
): Promise<"absent" | "file" | "directory" | "blockDevice" | "other"> {
  if (path.startsWith(`${host.deviceRoot}PhysicalDrive`))
    return (await canOpen(path)) ? "blockDevice" : "absent";
  const found = await lstat(path).catch(undefinedIfMissing);
  if (found === undefined) return "absent";
  if (found.isDirectory() || found.isSymbolicLink()) return "directory";
  return found.isFile() ? "file" : "other";
}

async function canOpen(path: string): Promise<boolean> {
  const file = await open(path, "r").catch(undefinedIfMissing);
  await file?.close();
  return file !== undefined;
}

/** Where pods' volumes of this or any CSI driver are published, below the folders of kubelets. */
async function publishedLinks(kubeletDirectories: readonly string[]): Promise<readonly string[]> {
  const links: string[] = [];
  for (const directory of kubeletDirectories) {
    const pods = join(directory, "pods");
    for (const pod of await namesIn(pods)) {
      const volumes = join(pods, pod, "volumes", "kubernetes.io~csi");
      for (const volume of await namesIn(volumes)) {
        const path = join(volumes, volume, "mount");
        if ((await linkAt(path)) !== undefined) links.push(path);
      }
    }
  }
  return links;
}

async function namesIn(directory: string): Promise<readonly string[]> {
  return (await readdir(directory).catch(undefinedIfMissing)) ?? [];
}

/** Where a link leads; undefined: there is none, or it is the folder of a volume. */
async function linkAt(path: string): Promise<string | undefined> {
  try {
    return withoutEnd(await readlink(path));
  } catch (error) {
    const code = errorCode(error);
    if (code === "EINVAL" || code === "UNKNOWN") return undefined;
    return undefinedIfMissing(error);
  }
}

function placeholderAt(path: string): MountPoint {
  return { ...deadMount(NO_DEVICE, ""), path, readOnly: true, isDead: false, isPlaceholder: true };
}

function deadMount(majorMinor: string, fsType: string): Omit<MountPoint, "path"> {
  return { majorMinor, fsType, root: "/", readOnly: false, isDead: true, isPlaceholder: false };
}

/** Windows compares paths without case. */
function pathKey(path: string): string {
  return withoutEnd(normalize(path)).toLowerCase();
}

function isSamePath(one: string, other: string): boolean {
  return pathKey(one) === pathKey(other);
}

function withoutEnd(path: string): string {
  return path.replace(/[\\/]+$/u, "");
}
