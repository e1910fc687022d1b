import { mkdir, realpath } from "node:fs/promises";
import { hostNotReady, wrongDevice } from "../../../core/failure/frequent-failures.ts";
import type { Result } from "../../../core/failure/result.ts";
import { ok } from "../../../core/failure/result.ts";
import type { FileSystemType } from "../../../core/volume/device/file-system.ts";
import type { Device } from "../../../ports/host/host-provisioner.ts";
import { updateCache } from "../disks.ts";
import type { Partition } from "../partitions.ts";
import { change } from "../storage-call.ts";
import type { WindowsHostContext } from "../windows-host-context.ts";
import { folderAt, type MountedFolder, mountedFolders } from "./mounted-folders.ts";
import { isSamePath, pathKey } from "./paths.ts";

/** Mounts the data partition of a disk in an empty folder. */
export async function addFolder(
  host: WindowsHostContext,
  request: {
    readonly device: Device;
    readonly partition: Partition;
    readonly path: string;
    readonly fsType: FileSystemType;
  },
): Promise<Result<void>> {
  const { device, partition, path, fsType } = request;
  const { DiskNumber, PartitionNumber } = partition;
  await mkdir(path, { recursive: true });
  const real = await realpath(path);
  // Windows would show the mount there, and no look at the kubelet's path would find it again.
  if (!isSamePath(real, path))
    return hostNotReady(
      `${path} leads to ${real}, and a Windows node mounts by no link: give the kubelet (--root-dir) and ` +
        "this plug-in (--kubelet-dir) the folder itself",
    );
  const added = await change(host.powerShell, "Add-PartitionAccessPath", {
    DiskNumber,
    PartitionNumber,
    AccessPath: path,
  });
  if (!added.ok) return added;
  // Windows addresses the partition by numbers, and they may be another disk's by now.
  const updated = await updateCache(host);
  if (!updated.ok) return updated;
  const mounted = await mountedFolders(host);
  if (!mounted.ok) return mounted;
  const at = folderAt(mounted.value, path);
  if (!at.ok) return at;
  const folder = at.value;
  if (folder?.device.majorMinor === device.majorMinor) {
    host.mounted.set(pathKey(path), { path, majorMinor: device.majorMinor, fsType });
    return ok(undefined);
  }
  const removed = folder === undefined ? ok(undefined) : await removeFolder(host, folder);
  return removed.ok
    ? wrongDevice(device.path, `disk ${DiskNumber} was replaced during the mount: look for the LUN again`)
    : removed;
}

/** Ends the mount in a folder, which stays. */
export async function removeFolder(host: WindowsHostContext, folder: MountedFolder): Promise<Result<void>> {
  const { DiskNumber, PartitionNumber } = folder.partition;
  return change(host.powerShell, "Remove-PartitionAccessPath", {
    DiskNumber,
    PartitionNumber,
    AccessPath: folder.path,
  });
}
