import { isSameResourceUri } from "../../core/azure/ids/disk-uri.ts";
import { fileSystemBroken, hostNotReady } from "../../core/failure/frequent-failures.ts";
import { invariant } from "../../core/failure/invariant.ts";
import type { Result } from "../../core/failure/result.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { unservedOn } from "../../core/platform/unserved-on.ts";
import { bytes } from "../../core/primitives/units.ts";
import type { Clock } from "../../ports/clock.ts";
import { noReservations } from "../../ports/host/disk-reservations.ts";
import type { Device, HostProvisioner } from "../../ports/host/host-provisioner.ts";
import { defaultCommandTimeLimits as limits } from "../linux/command/command-time-limits.ts";
import { eraseUnfinished, formatDisk, inspectDisk } from "./disk-content.ts";
import { holdDisk } from "./disk/open-disk.ts";
import { readMark, writeMark } from "./disk/raw-disk.ts";
import { bringOnline, diskOf, findDisk, listDisks, rescanDisk, takeOffline, toDevice } from "./disks.ts";
import { checkVolume, flushVolume, growVolume, volumeStats, writtenBytes } from "./file-system.ts";
import { addFolder } from "./mount/add-folder.ts";
import { bindFolder, placeholderFor } from "./mount/bind-folder.ts";
import { refuseMounted } from "./mount/mounted-folders.ts";
import { pathKey, pathKind } from "./mount/paths.ts";
import { mountAt, mountsOf } from "./mount/read-mounts.ts";
import { unmountPath } from "./mount/unmount-path.ts";
import { earlierWorkersAlive, observeClean } from "./observe-clean.ts";
import { createOperations } from "./operations.ts";
import { dataPartitionOf, volumeOf } from "./partitions.ts";
import type { PowerShell } from "./storage-call.ts";
import type { WindowsHostContext } from "./windows-host-context.ts";

export interface WindowsHostOptions {
  readonly powerShell: PowerShell;
  readonly clock: Clock;
  /** The folders of kubelets, such as `C:\var\lib\kubelet`. */
  readonly kubeletDirectories: readonly string[];
  /** How long one `findDevice` waits for a disk, in milliseconds; default 5000. */
  readonly deviceWaitMs?: number;
  /** What comes before `PhysicalDrive3` in the path of a disk; default `\\.\`, Windows' own devices. */
  readonly deviceRoot?: string;
  /** Default: the id of this process. */
  readonly processId?: number;
}

/** The Windows host; `close` ends its idle workers. */
export type WindowsHost = HostProvisioner & { readonly close: () => void };

const DEVICE_WAIT_MS = 5_000;
const WINDOWS_DEVICES = "\\\\.\\";

/**
 * The host half of the provisioner library on Windows. A disk is online from the first look at its content
 * until its last unmount; between them no file system of this machine writes to it. ADR 0043 has the rules.
 */
export function createWindowsHost(options: WindowsHostOptions): WindowsHost {
  const { clock, powerShell } = options;
  const host: WindowsHostContext = {
    powerShell,
    clock,
    operations: createOperations(clock),
    deviceRoot: options.deviceRoot ?? WINDOWS_DEVICES,
    kubeletDirectories: options.kubeletDirectories,
    deviceWaitMs: options.deviceWaitMs ?? DEVICE_WAIT_MS,
    processId: options.processId ?? process.pid,
    mounted: new Map(),
  };
  /** A look: nothing waits for it, and its caller alone ends it. */
  const look = <T>(signal: AbortSignal, act: () => Promise<Result<T>>): Promise<Result<T>> =>
    host.operations.run({ line: "", keys: [], limitMs: limits.inspectMs }, () => attempt(act), signal);
  const change = <T>(
    line: string,
    keys: readonly string[],
    limitMs: number,
    signal: AbortSignal,
    act: () => Promise<Result<T>>,
  ): Promise<Result<T>> =>
    host.operations.run({ line: `${line} ${keys.join(" ")}`, keys, limitMs }, () => attempt(act), signal);
  /** No look: it brings the disk online, also after its caller has left. */
  const inspect = (device: Device, signal: AbortSignal): ReturnType<typeof inspectDisk> =>
    change("inspect", [device.majorMinor], limits.inspectMs, signal, () => inspectDisk(host, device));
  const changeMark = (
    device: Device,
    mark: Parameters<typeof writeMark>[2],
    signal: AbortSignal,
  ): Promise<Result<void>> =>
    change("format mark", [device.majorMinor], limits.formatMs, signal, async () => {
      const disk = await diskOf(host, device);
      if (!disk.ok) return disk;
      const free = await refuseMounted(host, device);
      if (!free.ok) return free;
      // A disk that Windows keeps offline is also read-only.
      const online = await bringOnline(host, disk.value);
      return online.ok ? writeMark(host, device, mark) : online;
    });

  return {
    ...noReservations,
    findDevice: (request, signal) => attempt(() => findDisk(host, request, signal), signal),
    // `unservedOn` refuses such volumes before.
    findPartition: async () =>
      fail({ kind: "Unsupported", what: "a volume that is a partition of its disk, on Windows" }),
    rescanDevice: (device, signal) => look(signal, () => rescanDisk(host, device)),
    whileHolding: async (device, act, signal) => {
      if (signal.aborted) return fail({ kind: "Cancelled" });
      return attempt(() => holdDisk(host, device, act));
    },
    dropCachedBlocks: (device, signal) =>
      change("drop cached blocks of", [device.majorMinor], limits.mountMs, signal, async () => {
        const disk = await diskOf(host, device);
        if (!disk.ok) return disk;
        const free = await refuseMounted(host, device);
        if (!free.ok) return free;
        const offline = disk.value.IsOffline ? ok(undefined) : await takeOffline(host, disk.value);
        return offline.ok ? bringOnline(host, { ...disk.value, IsOffline: true }) : offline;
      }),
    inspectDevice: (device, signal) => inspect(device, signal),
    // Windows names one file system a volume.
    inspectFileSystem: ({ device }, signal) => inspect(device, signal),
    readFormatMark: (device, signal) => look(signal, () => readMark(host, device)),
    writeFormatMark: ({ device, mark }, signal) => changeMark(device, mark, signal),
    eraseFormatMark: async ({ device, diskUri }, signal) => {
      const mark = await look(signal, () => readMark(host, device));
      if (!mark.ok) return mark;
      return mark.value === undefined || !isSameResourceUri(mark.value.diskUri, diskUri)
        ? ok(undefined)
        : changeMark(device, undefined, signal);
    },
    format: (request, signal) =>
      change("format", [request.device.majorMinor], limits.formatMs, signal, () => formatDisk(host, request)),
    eraseUnfinishedFormat: ({ device }, signal) =>
      change("erase", [device.majorMinor], limits.formatMs, signal, () => eraseUnfinished(host, device)),
    checkFileSystem: ({ device }, signal) =>
      change("check", [device.majorMinor], limits.checkMs, signal, () => checkVolume(host, device)),
    readDeviceSettings: async () => ok({}),
    writeDeviceSetting: async ({ device, setting }) =>
      fail({
        kind: "DeviceSettingRefused",
        devicePath: device.path,
        setting: setting.name,
        value: setting.value,
        detail: "Windows has no such settings of a disk",
      }),
    // Windows grows a mounted file system.
    growBeforeMount: async () => ok(undefined),
    mountDevice: (request, signal) =>
      change("mount", [request.device.majorMinor, request.path], limits.mountMs, signal, () =>
        mountVolume(host, request),
      ),
    bindMount: ({ stagingPath, targetPath, ...use }, signal) => {
      const unserved = unservedOn("windows", { ...use, accessType: "mount", fsType: "ntfs" });
      return unserved === undefined
        ? change("bind", [stagingPath, targetPath], limits.mountMs, signal, () =>
            bindFolder(host, { stagingPath, targetPath }),
          )
        : Promise.resolve(fail(unserved));
    },
    bindDevice: async ({ readOnly }) => {
      const unserved = unservedOn("windows", {
        accessType: "block",
        fsType: "ntfs",
        mountFlags: [],
        readOnly,
      });
      invariant(unserved !== undefined, "Windows serves raw block");
      return fail(unserved);
    },
    mountAt: (path, signal) => look(signal, () => mountAt(host, path)),
    mountsOf: (majorMinor, signal) => look(signal, () => mountsOf(host, majorMinor)),
    unmount: (path, signal) =>
      change("unmount", [path], limits.unmountMs, signal, () => unmountPath(host, path)),
    mountPlaceholder: (targetPath, signal) =>
      change("leave a placeholder at", [targetPath], limits.mountMs, signal, () =>
        placeholderFor(targetPath),
      ),
    flush: (path, signal) => change("flush", [path], limits.flushMs, signal, () => flushVolume(host, path)),
    freeze: async () => fail({ kind: "Unsupported", what: "a file-system freeze on Windows" }),
    thaw: async () => ok({ held: false }),
    growFileSystem: (request, signal) =>
      change("grow", [request.device.majorMinor], limits.growMs, signal, () => growVolume(host, request)),
    fileSystemStats: (path, signal) => look(signal, () => volumeStats(host, path)),
    deviceSize: (path, signal) =>
      look(signal, async () => {
        const disks = await listDisks(host);
        if (!disks.ok) return disks;
        const disk = disks.value.disks.find((each) => toDevice(host, each).path === path);
        return disk === undefined
          ? fail({ kind: "PathNotMounted", path })
          : ok(bytes(toDevice(host, disk).sizeBytes));
      }),
    pathKind: (path, signal) => look(signal, async () => ok(await pathKind(host, path))),
    writeProgress: (majorMinor, signal) => look(signal, () => writtenBytes(host, majorMinor)),
    isClean: (request, signal) => look(signal, () => observeClean(host, request)),
    earlierChildrenAlive: (signal) => look(signal, () => earlierWorkersAlive(host)),
    close: () => powerShell.close(),
  };
}

async function mountVolume(
  host: WindowsHostContext,
  request: Parameters<HostProvisioner["mountDevice"]>[0],
): Promise<Result<void>> {
  const { device, path, fsType } = request;
  const unserved = unservedOn("windows", { ...request, accessType: "mount" });
  if (unserved !== undefined) return fail(unserved);
  const disk = await diskOf(host, device);
  if (!disk.ok) return disk;
  const present = await mountAt(host, path);
  if (!present.ok) return present;
  if (present.value !== undefined) {
    const { majorMinor, isDead } = present.value;
    if (majorMinor !== device.majorMinor)
      return fail({
        kind: "MountedOtherwise",
        path,
        problem: `already holds a mount of device ${majorMinor}`,
      });
    if (isDead) return fileSystemBroken(device.path, `the mount at ${path} is dead`);
    // An earlier instance may have made it.
    host.mounted.set(pathKey(path), { path, majorMinor, fsType });
    return ok(undefined);
  }
  const online = await bringOnline(host, disk.value);
  if (!online.ok) return online;
  const partition = await dataPartitionOf(host, disk.value);
  if (!partition.ok) return partition;
  const volume = await volumeOf(host, partition.value);
  if (!volume.ok) return volume;
  const found = (volume.value.FileSystem ?? "").toLowerCase();
  return found === fsType
    ? addFolder(host, { device, partition: partition.value, path, fsType })
    : fail({ kind: "WrongFileSystem", devicePath: device.path, found: found || "none", requested: fsType });
}

/** An error of the operating system that the code did not expect is a failure of this host, not a bug. */
async function attempt<T>(act: () => Promise<Result<T>>, signal?: AbortSignal): Promise<Result<T>> {
  if (signal?.aborted === true) return fail({ kind: "Cancelled" });
  try {
    return await act();
  } catch (error) {
    if (error instanceof Error && "syscall" in error) return hostNotReady(error.message);
    throw error;
  }
}
