import * as z from "zod";
import type { Failure } from "../../core/failure/failure.ts";
import { deviceReplaced } from "../../core/failure/frequent-failures.ts";
import type { Result } from "../../core/failure/result.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { parseDiskLocation, parseNvmeLun } from "../../core/platform/disk-location.ts";
import { bytes } from "../../core/primitives/units.ts";
import type { Device } from "../../ports/host/host-provisioner.ts";
import { change, query } from "./storage-call.ts";
import type { WindowsHostContext } from "./windows-host-context.ts";

/** What is read of each disk. https://learn.microsoft.com/windows-hardware/drivers/storage/msft-disk */
const diskSchema = z.object({
  Number: z.number().int(),
  /** The disk's own identity: the same wherever it is attached. */
  UniqueId: z
    .string()
    .nullable()
    .transform((id) => id ?? ""),
  Location: z
    .string()
    .nullable()
    .transform((location) => location ?? ""),
  /** The path of its device interface. */
  Path: z
    .string()
    .nullable()
    .transform((path) => path ?? ""),
  BusType: z.string(),
  Size: z.number().int(),
  PartitionStyle: z.string(),
  IsOffline: z.boolean(),
  IsReadOnly: z.boolean(),
  IsBoot: z.boolean(),
  IsSystem: z.boolean(),
});

/** A disk as Windows reports it. */
export type Disk = z.infer<typeof diskSchema>;

/** How often a LUN is checked while its disk is awaited, in milliseconds. */
const LOOK_EVERY_MS = 1_000;
/** The adapter of the system disk and the temporary disk of Azure's VMs; data disks are on others. */
const SYSTEM_ADAPTER = 0;

/** The LUN of a data disk; undefined for the system's, the VM's temporary one, and one that shows none. */
function lunOf({ IsBoot, IsSystem, Location, Path }: Disk): number | undefined {
  if (IsBoot || IsSystem) return undefined;
  const place = parseDiskLocation(Location);
  if (place === undefined) return parseNvmeLun(Path);
  return place.adapter === SYSTEM_ADAPTER ? undefined : place.lun;
}

/** Whether a disk is neither the system's nor the VM's temporary one. */
export function isDataDisk(disk: Disk): boolean {
  return lunOf(disk) !== undefined;
}

/** All disks that Windows knows. */
export function listDisks(host: WindowsHostContext): Promise<Result<readonly Disk[], Failure>> {
  return query(host.powerShell, "Get-Disk", {}, diskSchema);
}

/** The device of a disk. Its number is reused by other disks, and its unique id is not. */
export function toDevice(host: WindowsHostContext, disk: Disk): Device {
  return {
    path: `${host.deviceRoot}PhysicalDrive${disk.Number}`,
    majorMinor: `${disk.Number}:${disk.UniqueId}`,
    sizeBytes: bytes(BigInt(disk.Size)),
  };
}

/** The disk of a device; undefined if it is gone, whatever has its number now. */
async function diskNow(
  host: WindowsHostContext,
  majorMinor: string,
): Promise<Result<Disk | undefined, Failure>> {
  const disks = await listDisks(host);
  return disks.ok ? ok(disks.value.find((disk) => `${disk.Number}:${disk.UniqueId}` === majorMinor)) : disks;
}

/** The disk of a device. Fails with `WrongDevice` if it is gone. */
export async function diskOf(
  host: WindowsHostContext,
  device: Pick<Device, "path" | "majorMinor">,
): Promise<Result<Disk, Failure>> {
  const disk = await diskNow(host, device.majorMinor);
  if (!disk.ok) return disk;
  return disk.value === undefined ? deviceReplaced(device, "disk") : ok(disk.value);
}

/** The disk at a LUN, of those that Windows knows; undefined: none. */
export function diskAtLun(
  disks: readonly Disk[],
  lun: number,
): Result<{ readonly disk: Disk | undefined; readonly others: readonly string[] }, Failure> {
  const at = disks.filter((disk) => lunOf(disk) === lun);
  const [disk] = at;
  const wrong = (problem: string): Result<never, Failure> =>
    fail({ kind: "WrongDevice", devicePath: `LUN ${lun}`, problem });
  if (at.length > 1) return wrong(`disks ${at.map(({ Number }) => Number).join(" and ")} both report it`);
  if (disk?.UniqueId === "") return wrong(`disk ${disk.Number} reports no unique id`);
  const twin = disks.find(({ Number, UniqueId }) => Number !== disk?.Number && UniqueId === disk?.UniqueId);
  if (twin !== undefined) return wrong(`disk ${twin.Number} reports the same unique id ${twin.UniqueId}`);
  return ok({
    disk,
    others: disks
      .filter(({ IsBoot, IsSystem }) => !IsBoot && !IsSystem)
      .map(({ Number, BusType, Location, Path }) => `disk ${Number} (${BusType}): ${Location}, ${Path}`),
  });
}

/** Finds the disk of a LUN. While it isn't there, Windows looks for new disks and it is looked for again. */
export async function findDisk(
  host: WindowsHostContext,
  { lun }: { readonly lun: number },
  signal: AbortSignal,
): Promise<Result<Device, Failure>> {
  const beganAtMs = host.clock.elapsedMs();
  for (;;) {
    const disks = await listDisks(host);
    if (!disks.ok) return disks;
    const found = diskAtLun(disks.value, lun);
    if (found.ok && found.value.disk !== undefined) return ok(toDevice(host, found.value.disk));
    if (signal.aborted) return fail({ kind: "Cancelled" });
    const waitedMs = host.clock.elapsedMs() - beganAtMs;
    if (waitedMs >= host.deviceWaitMs)
      return found.ok
        ? fail({ kind: "DeviceNotFound", lun, searched: ["Get-Disk"], seen: found.value.others, waitedMs })
        : found;
    const scanned = await change(host.powerShell, "Update-HostStorageCache", {});
    if (!scanned.ok) return scanned;
    const slept = await host.clock.sleep(Math.min(LOOK_EVERY_MS, host.deviceWaitMs), signal).then(
      () => true,
      () => false,
    );
    if (!slept) return fail({ kind: "Cancelled" });
  }
}

/** Makes Windows read the disk's size again. */
export async function rescanDisk(host: WindowsHostContext, device: Device): Promise<Result<Device, Failure>> {
  const scanned = await change(host.powerShell, "Update-HostStorageCache", {});
  if (!scanned.ok) return scanned;
  const disk = await diskOf(host, device);
  return disk.ok ? ok(toDevice(host, disk.value)) : disk;
}

/**
 * Lets Windows read the disk's partitions and mount its volumes. By its unique id: no other disk has it. A
 * copy whose source is online is first given other GUIDs by Windows, which writes them: so it may not be
 * read-only then.
 */
export async function bringOnline(host: WindowsHostContext, disk: Disk): Promise<Result<void, Failure>> {
  const { UniqueId } = disk;
  const writable = disk.IsReadOnly
    ? await change(host.powerShell, "Set-Disk", { UniqueId, IsReadOnly: false })
    : ok(undefined);
  if (!writable.ok) return writable;
  return disk.IsOffline ? change(host.powerShell, "Set-Disk", { UniqueId, IsOffline: false }) : ok(undefined);
}

/** Ends every volume of the disk on this machine: from here on no file system writes to it. */
export function takeOffline(host: WindowsHostContext, disk: Disk): Promise<Result<void, Failure>> {
  return change(host.powerShell, "Set-Disk", { UniqueId: disk.UniqueId, IsOffline: true });
}
