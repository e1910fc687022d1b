import * as z from "zod";
import { deviceBusy, hostCommandFailed } from "../../../core/failure/frequent-failures.ts";
import type { Result } from "../../../core/failure/result.ts";
import { ok } from "../../../core/failure/result.ts";
import { takeOffline } from "../disks.ts";
import { incompletePartition, volumeOf } from "../partitions.ts";
import { change, query } from "../storage-call.ts";
import type { WindowsHostContext } from "../windows-host-context.ts";
import { removeFolder } from "./add-folder.ts";
import {
  folderAt,
  type Mounted,
  type MountedFolder,
  mountedFolders,
  presentFolders,
} from "./mounted-folders.ts";
import { isFolder, linkAt, pathKey, removePath } from "./paths.ts";
import { isPlaceholder } from "./placeholder.ts";
import { takeUnusedOffline } from "./take-unused-offline.ts";

/**
 * Unmounts a path and removes it. A volume is flushed and dismounted first, which Windows refuses while a
 * process has a file open there; the disk goes offline with its last folder, so that nothing writes to it.
 * The folder is removed last: while it is there, a next try looks for a disk that is still online.
 */
export async function unmountPath(host: WindowsHostContext, path: string): Promise<Result<void>> {
  const mounted = await foldersFor(host, path);
  if (!mounted.ok) return mounted;
  const at = folderAt(mounted.value, path);
  if (!at.ok) return at;
  const folder = at.value;
  if (folder !== undefined) {
    // Such as a growth whose caller has left.
    const [running] = host.operations.inFlightOn([folder.device.majorMinor]);
    if (running !== undefined) return deviceBusy(folder.device.path, `${running} has not ended`);
    const odd = mounted.value.oddPartitions.find(({ DiskNumber }) => DiskNumber === folder.disk.Number);
    if (odd !== undefined) return incompletePartition(odd);
    const dismounted = await dismount(host, folder);
    if (!dismounted.ok) return dismounted;
    const removed = await removeFolder(host, folder);
    if (!removed.ok) return removed;
    const isLast = mounted.value.folders.every(
      (other) => other === folder || other.device.majorMinor !== folder.device.majorMinor,
    );
    const offline = isLast ? await takeOffline(host, folder.disk) : ok(undefined);
    if (!offline.ok) return offline;
  } else if (host.mounted.has(pathKey(path)) || (await isFolder(path))) {
    const offline = await takeUnusedOffline(host, host.mounted.get(pathKey(path))?.majorMinor);
    if (!offline.ok) return offline;
  }
  const gone = await removePath(path);
  if (gone.ok) host.mounted.delete(pathKey(path));
  return gone;
}

/**
 * The folders by which a path is unmounted. What is neither one of them nor a link to one is looked for
 * again: the removal of a folder that is still mounted would flush nothing.
 */
async function foldersFor(host: WindowsHostContext, path: string): Promise<Result<Mounted>> {
  const mounted = await mountedFolders(host);
  if (!mounted.ok) return mounted;
  const link = await linkAt(path);
  const isKnown = [path, link ?? path]
    .map((each) => folderAt(mounted.value, each))
    .some((at) => !at.ok || at.value !== undefined);
  return isKnown || (link !== undefined && isPlaceholder(link)) ? mounted : presentFolders(host);
}

const dismountSchema = z.object({ ReturnValue: z.number().int() });
/** https://learn.microsoft.com/previous-versions/windows/desktop/vdswmi/dismount-method-in-class-win32-volume */
const IN_USE = 4;

async function dismount(host: WindowsHostContext, folder: MountedFolder): Promise<Result<void>> {
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
    ? deviceBusy(folder.device.path, `${folder.path} is in use: end what uses it`)
    : hostCommandFailed(`Dismount ${path}`, code ?? null, "Win32_Volume.Dismount did not answer 0");
}
