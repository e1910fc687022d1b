import { deviceReplaced, hostNotReady, wrongDevice } from "../../core/failure/frequent-failures.ts";
import type { Result } from "../../core/failure/result.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { bytes } from "../../core/primitives/units.ts";
import type { Device } from "../../ports/host/host-provisioner.ts";
import {
  type Disk,
  type DiskList,
  diskProperties,
  isSameId,
  lunOf,
  type OddDisk,
  oddDiskThatMayBe,
  readDiskRows,
} from "./disk/disk-rows.ts";
import { change, queryRows } from "./storage-call.ts";
import type { WindowsHostContext } from "./windows-host-context.ts";

/** How often a LUN is checked while its disk is awaited, in milliseconds. */
const LOOK_EVERY_MS = 1_000;

/** Whether a disk is neither the system's nor the VM's temporary one. */
export function isDataDisk(disk: Disk): boolean {
  return lunOf(disk) !== undefined;
}

/** All disks that Windows knows. A row that misses something makes no other one unreadable. */
export async function listDisks(host: WindowsHostContext): Promise<Result<DiskList>> {
  const rows = await queryRows(host.powerShell, {
    cmdlet: "Get-Disk",
    parameters: {},
    select: diskProperties,
  });
  return rows.ok ? ok(readDiskRows(rows.value)) : rows;
}

/** What a device is compared by. */
export function majorMinorOf({ Number, UniqueId }: Pick<Disk, "Number" | "UniqueId">): string {
  return `${Number}:${UniqueId}`;
}

export function devicePathOf(host: WindowsHostContext, { Number }: Pick<Disk, "Number">): string {
  return `${host.deviceRoot}PhysicalDrive${Number}`;
}

/** The device of a disk. Its number is reused by other disks, and its unique id is not. */
export function toDevice(host: WindowsHostContext, disk: Disk): Device {
  return {
    path: devicePathOf(host, disk),
    majorMinor: majorMinorOf(disk),
    sizeBytes: bytes(BigInt(disk.Size)),
  };
}

/**
 * The disk of a device. Fails with `WrongDevice` if it is gone, whatever has its number now, and where
 * another disk has its unique id: a cmdlet that names the id would change both. Fails with `HostNotReady`
 * where Windows reports it incompletely.
 */
export async function diskOf(
  host: WindowsHostContext,
  device: Pick<Device, "path" | "majorMinor">,
): Promise<Result<Disk>> {
  const list = await listDisks(host);
  if (!list.ok) return list;
  const { disks, odd } = list.value;
  const disk = disks.find((each) => majorMinorOf(each) === device.majorMinor);
  if (disk !== undefined) {
    const twin = twinOf(list.value, disk);
    return twin === undefined ? ok(disk) : wrongDevice(device.path, twin);
  }
  const unread = oddDiskThatMayBe(odd, { lun: undefined, majorMinor: device.majorMinor });
  return unread === undefined ? deviceReplaced(device, "disk") : incomplete(unread);
}

/**
 * Makes Windows look at all disks, partitions and volumes. The provider behind `Get-Disk` and `Get-Partition`
 * answers from a cache, in which a disk that is gone may still have its number.
 * https://learn.microsoft.com/windows-hardware/drivers/storage/msft-storagesetting-updatehoststoragecache
 */
export function updateCache(host: WindowsHostContext): Promise<Result<void>> {
  return change(host.powerShell, "Update-HostStorageCache", {});
}

/** As `diskOf`, once Windows has looked at its disks: for what the number of the disk decides. */
export async function presentDiskOf(
  host: WindowsHostContext,
  device: Pick<Device, "path" | "majorMinor">,
): Promise<Result<Disk>> {
  const updated = await updateCache(host);
  return updated.ok ? diskOf(host, device) : updated;
}

/**
 * Changes the partitions of a disk by a cmdlet that addresses it by its number. Just before and after,
 * Windows looks whose number that is. Fails with `WrongDevice` where it is another disk's. After the change
 * the failure names the disk that may have been changed instead.
 */
export async function changeByNumber(
  host: WindowsHostContext,
  device: Device,
  cmdlet: "New-Partition" | "Resize-Partition",
  parameters: Parameters<typeof change>[2],
): Promise<Result<void>> {
  const before = await presentDiskOf(host, device);
  if (!before.ok) return before;
  const done = await change(host.powerShell, cmdlet, parameters);
  if (!done.ok) return done;
  const after = await presentDiskOf(host, device);
  if (after.ok) return ok(undefined);
  if (after.failure.kind !== "WrongDevice") return after;
  const { Number } = before.value;
  const list = await listDisks(host);
  const now = list.ok ? list.value.disks.find((disk) => disk.Number === Number) : undefined;
  if (now !== undefined && majorMinorOf(now) === device.majorMinor) return after;
  const changed =
    now === undefined ? "the disk that had its number" : `the disk with the unique id ${now.UniqueId}`;
  return wrongDevice(
    device.path,
    `disk ${Number} was replaced: ${cmdlet} may have changed ${changed}, so check its partitions`,
  );
}

/** Another disk with a disk's unique id, as text; undefined: none. */
function twinOf({ disks, odd }: DiskList, disk: Disk): string | undefined {
  const twin = [...disks, ...odd].find((each) => each !== disk && isSameId(each.UniqueId, disk.UniqueId));
  if (twin === undefined) return undefined;
  return `disk ${twin.Number ?? "without a number"} reports the same unique id ${twin.UniqueId}`;
}

/** The failure of a disk of which Windows reports less than is needed. */
export function incomplete({ problem }: OddDisk): Result<never> {
  return hostNotReady(`Windows reports a disk incompletely: ${problem}`);
}

/** The disk at a LUN, of those that Windows knows; undefined: none. */
export function diskAtLun(
  list: DiskList,
  lun: number,
): Result<{ readonly disk: Disk | undefined; readonly others: readonly string[] }> {
  const { disks, odd } = list;
  const at = disks.filter((disk) => lunOf(disk) === lun);
  const unread = odd.find((disk) => disk.lun === lun);
  const [disk] = at;
  const wrong = (problem: string): Result<never> => wrongDevice(`LUN ${lun}`, problem);
  if (unread !== undefined) return wrong(`Windows reports it incompletely: ${unread.problem}`);
  if (at.length > 1) return wrong(`disks ${at.map(({ Number }) => Number).join(" and ")} both report it`);
  if (disk?.UniqueId === "") return wrong(`disk ${disk.Number} reports no unique id`);
  const twin = disk === undefined ? undefined : twinOf(list, disk);
  if (twin !== undefined) return wrong(twin);
  const seen = disks
    .filter(({ IsBoot, IsSystem }) => !IsBoot && !IsSystem)
    .map(({ Number, BusType, Location, Path }) => `disk ${Number} (${BusType}): ${Location}, ${Path}`);
  return ok({ disk, others: [...seen, ...odd.map(({ problem }) => problem)] });
}

/**
 * Finds the disk of a LUN. While it isn't there, Windows looks for new disks and it is looked for again, once
 * at least: on a busy machine the first look may take as long as all may.
 */
export async function findDisk(
  host: WindowsHostContext,
  { lun }: { readonly lun: number },
  signal: AbortSignal,
): Promise<Result<Device>> {
  const beganAtMs = host.clock.elapsedMs();
  for (let looks = 1; ; looks += 1) {
    const disks = await listDisks(host);
    if (!disks.ok) return disks;
    const found = diskAtLun(disks.value, lun);
    if (found.ok && found.value.disk !== undefined) return ok(toDevice(host, found.value.disk));
    if (signal.aborted) return fail({ kind: "Cancelled" });
    const waitedMs = host.clock.elapsedMs() - beganAtMs;
    if (looks > 1 && waitedMs >= host.deviceWaitMs)
      return found.ok
        ? fail({ kind: "DeviceNotFound", lun, searched: ["Get-Disk"], seen: found.value.others, waitedMs })
        : found;
    const scanned = await updateCache(host);
    if (!scanned.ok) return scanned;
    const slept = await host.clock.sleep(Math.min(LOOK_EVERY_MS, host.deviceWaitMs), signal).then(
      () => true,
      () => false,
    );
    if (!slept) return fail({ kind: "Cancelled" });
  }
}

/** Makes Windows read the disk's size again. */
export async function rescanDisk(host: WindowsHostContext, device: Device): Promise<Result<Device>> {
  const disk = await presentDiskOf(host, device);
  return disk.ok ? ok(toDevice(host, disk.value)) : disk;
}

/**
 * Lets Windows read the disk's partitions and mount its volumes. By its unique id: no other disk has it. A
 * copy whose source is online is first given other GUIDs by Windows, which writes them: so it may not be
 * read-only then.
 */
export async function bringOnline(host: WindowsHostContext, disk: Disk): Promise<Result<void>> {
  const { UniqueId } = disk;
  const writable = disk.IsReadOnly
    ? await change(host.powerShell, "Set-Disk", { UniqueId, IsReadOnly: false })
    : ok(undefined);
  if (!writable.ok) return writable;
  return disk.IsOffline ? change(host.powerShell, "Set-Disk", { UniqueId, IsOffline: false }) : ok(undefined);
}

/** Ends every volume of the disk on this machine: from here on no file system writes to it. */
export function takeOffline(
  host: WindowsHostContext,
  { UniqueId }: Pick<Disk, "UniqueId">,
): Promise<Result<void>> {
  return change(host.powerShell, "Set-Disk", { UniqueId, IsOffline: true });
}
