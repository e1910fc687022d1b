import { hostNotReady } from "../../core/failure/frequent-failures.ts";
import type { Result } from "../../core/failure/result.ts";
import { fail, ok } from "../../core/failure/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { HostProvisioner } from "../../ports/host/host-provisioner.ts";
import { createCallLane } from "./call-lane.ts";
import { observeClean } from "./clean/observe-clean.ts";
import { createCommandRunner } from "./command/command-runner.ts";
import { defaultCommandTimeLimits } from "./command/command-time-limits.ts";
import { searchProcesses } from "./command/device-users.ts";
import { takeInstanceLock } from "./command/instance-lock.ts";
import { createSharedSearch } from "./command/shared-search.ts";
import { readDeviceSettings, writeDeviceSetting } from "./device/device-settings.ts";
import { dropCachedBlocks } from "./device/drop-cached-blocks.ts";
import { findDevice, rescanControllers } from "./device/find-device.ts";
import { findPartition } from "./device/find-partition.ts";
import { createHeldDevices } from "./device/held-devices.ts";
import { inspectDevice, inspectFileSystem } from "./device/inspect-device.ts";
import { rescanDevice } from "./device/rescan-device.ts";
import { checkFileSystem } from "./file-system/check-file-system.ts";
import { eraseUnfinishedFormat } from "./file-system/erase-unfinished-format.ts";
import { formatDevice } from "./file-system/format-device.ts";
import { growBeforeMount, mayGrowMountedExt } from "./file-system/grow-before-mount.ts";
import { growFileSystem } from "./file-system/grow-file-system.ts";
import { eraseFormatMark, readFormatMark, writeFormatMark } from "./file-system/mark-format.ts";
import type { HostContext } from "./host-context.ts";
import { isFolderInMemory } from "./make-folder.ts";
import { bindDevice, bindMount } from "./mount/bind-mount.ts";
import { flushPath } from "./mount/flush-path.ts";
import { endFreezeOn, freezeFileSystem, thawFileSystem } from "./mount/freeze-file-system.ts";
import { mountDevice } from "./mount/mount-device.ts";
import { mountPlaceholder } from "./mount/mount-placeholder.ts";
import { deviceSize, fileSystemStats, pathKind, writeProgress } from "./mount/path-facts.ts";
import { glanceAtMountsOf, observeMountAt } from "./mount/read-mounts.ts";
import type { ObservedMount } from "./mount/read-mounts.ts";
import { unmountPath } from "./mount/unmount-path.ts";
import { createReservations } from "./reservation/reserved-devices.ts";

export interface LinuxHostOptions {
  /** Prefix of `/dev/disk/azure`, for a node with a device tree of its own; default: empty, the real one. */
  readonly deviceRoot?: string;
  /**
   * Whether other nodes, with links of their own, have loop devices on this kernel; default: if there
   * is a `deviceRoot`. A link to a loop device, which has no address, is then believed, and the
   * kernel's own disks are not checked.
   */
  readonly sharesKernel?: boolean;
  /**
   * A directory on the host, the same for every instance of this node's plug-in, on a file system with
   * flock.
   */
  readonly lockDirectory: string;
  readonly clock: Clock;
  /**
   * How long one `findDevice` waits for a device, and for its link and the kernel's address to agree, in
   * milliseconds; default 5000.
   */
  readonly deviceWaitMs?: number;
  /** Where sysfs is; default `/sys`. */
  readonly sysRoot?: string;
  /**
   * Where the host's proc is, for `isClean` to see all its processes; default `/proc`, right with `hostPID:
   * true`.
   */
  readonly procRoot?: string;
}

/**
 * The Linux host and what its owner needs: `close` releases the instance lock; commands that still run
 * keep it.
 */
export type LinuxHost = HostProvisioner & { readonly close: () => Promise<void> };

const defaultDeviceWaitMs = 5000;

/**
 * How many opens of volumes' devices and folders are under way at once: where one hangs, others take turns
 * beside it.
 */
const DEVICE_OPENS_MAX = 2;

/** A folder in memory that every container has: messages of commands go there past a disk that hangs. */
const SHARED_MEMORY = "/dev/shm";

/**
 * Starts the host half of the provisioner library on Linux, as a new instance in `lockDirectory`. Throws if
 * the instance lock can't be taken.
 */
export async function createLinuxHost(options: LinuxHostOptions): Promise<LinuxHost> {
  const lookups = createCallLane(options.clock);
  const changes = createCallLane(options.clock);
  const lock = await takeInstanceLock(options.lockDirectory, { lookups, changes });
  const { whileHolding, descriptorsOf } = createHeldDevices(options.clock);
  const runner = createCommandRunner({
    lockFd: lock.fd,
    descriptorsOf,
    outputDirectory: (await isFolderInMemory(SHARED_MEMORY)) ? SHARED_MEMORY : options.lockDirectory,
    clock: options.clock,
  });
  const { procRoot = "/proc", sysRoot = "/sys" } = options;
  const limits = defaultCommandTimeLimits;
  const host: HostContext = {
    deviceRoot: options.deviceRoot ?? "",
    sharesKernel: options.sharesKernel ?? (options.deviceRoot ?? "") !== "",
    sysRoot,
    procRoot,
    deviceWaitMs: options.deviceWaitMs ?? defaultDeviceWaitMs,
    mayGrowMountedExt: await mayGrowMountedExt(),
    clock: options.clock,
    limits,
    runner,
    lock,
    rescan: createSharedSearch((signal) => rescanControllers({ sysRoot, runner }, signal)),
    processSearch: createSharedSearch((signal) => searchProcesses({ procRoot, runner, limits }, signal)),
    lookups,
    changes,
    deviceOpens: createCallLane(options.clock, { atOnceMax: DEVICE_OPENS_MAX }),
    volumeLooks: createCallLane(options.clock),
    freezes: new Map(),
    lateLosses: new Map(),
  };
  const reservations = createReservations(host, whileHolding);
  return {
    findDevice: (request, signal) => attempt("find device", signal, () => findDevice(host, request, signal)),
    findPartition: (request, signal) =>
      attempt(`find partition ${request.partition} of ${request.disk.path}`, signal, () =>
        findPartition(host, request),
      ),
    rescanDevice: (device, signal) =>
      attempt(`rescan ${device.path}`, signal, () => rescanDevice(host, device, signal)),
    // An exception of `act` is not this host's.
    whileHolding: async (device, act, signal) =>
      signal.aborted ? fail({ kind: "Cancelled" }) : whileHolding(host, device, act, signal),
    dropCachedBlocks: (device, signal) =>
      attempt(`drop the cached blocks of ${device.path}`, signal, () =>
        dropCachedBlocks(host, device, signal),
      ),
    readReservation: (device, signal) =>
      attempt(`read the reservation of ${device.path}`, signal, () =>
        reservations.readReservation(device, signal),
      ),
    readHolder: (device, signal) =>
      attempt(`look which machine has reserved ${device.path}`, signal, () =>
        reservations.readHolder(device, signal),
      ),
    reserve: (request, signal) =>
      attempt(`reserve ${request.device.path}`, signal, () => reservations.reserve(request, signal)),
    preempt: (request, signal) =>
      attempt(`preempt the reservation of ${request.device.path}`, signal, () =>
        reservations.preempt(request, signal),
      ),
    releaseReservation: (request, signal) =>
      attempt(`end the reservation of ${request.device.path}`, signal, () =>
        reservations.releaseReservation(request, signal),
      ),
    inspectDevice: (device, signal) =>
      attempt(`inspect ${device.path}`, signal, () => inspectDevice(host, device, signal)),
    inspectFileSystem: (on, signal) =>
      attempt(`inspect ${on.device.path}`, signal, () => inspectFileSystem(host, on, signal)),
    readFormatMark: (device, signal) =>
      attempt(`read the format mark of ${device.path}`, signal, () => readFormatMark(host, device, signal)),
    writeFormatMark: (request, signal) =>
      attempt(`mark ${request.device.path} before its format`, signal, () =>
        writeFormatMark(host, request, signal),
      ),
    eraseFormatMark: (request, signal) =>
      attempt(`erase the format mark of ${request.device.path}`, signal, () =>
        eraseFormatMark(host, request, signal),
      ),
    format: (request, signal) =>
      attempt(`format ${request.device.path}`, signal, () => formatDevice(host, request, signal)),
    eraseUnfinishedFormat: (request, signal) =>
      attempt(`erase the unfinished format of ${request.device.path}`, signal, () =>
        eraseUnfinishedFormat(host, request, signal),
      ),
    checkFileSystem: (request, signal) =>
      attempt(`check ${request.device.path}`, signal, () => checkFileSystem(host, request, signal)),
    readDeviceSettings: (device, signal) =>
      attempt(`read the settings of ${device.path}`, signal, () => readDeviceSettings(host, device, signal)),
    writeDeviceSetting: (request, signal) =>
      attempt(`set ${request.setting.name} of ${request.device.path}`, signal, () =>
        writeDeviceSetting(host, request, signal),
      ),
    growBeforeMount: (request, signal) =>
      attempt(`grow the file system on ${request.device.path} before it is mounted`, signal, () =>
        growBeforeMount(host, request, signal),
      ),
    mountDevice: (request, signal) =>
      attempt(`mount ${request.device.path} at ${request.path}`, signal, () =>
        mountDevice(host, request, signal),
      ),
    bindMount: (request, signal) =>
      attempt(`bind ${request.stagingPath} to ${request.targetPath}`, signal, () =>
        bindMount(host, request, signal),
      ),
    bindDevice: (request, signal) =>
      attempt(`bind ${request.device.path} to ${request.targetPath}`, signal, () =>
        bindDevice(host, request, signal),
      ),
    mountAt: (path, signal) =>
      attempt(`read the mount at ${path}`, signal, async () => {
        const mount = await observeMountAt(host, path, signal);
        if (!mount.ok) return mount;
        return ok(mount.value === undefined ? undefined : toMountPoint(mount.value));
      }),
    mountsOf: (majorMinor, signal) =>
      attempt(`read the mounts of ${majorMinor}`, signal, async () => {
        const mounts = await glanceAtMountsOf(host, majorMinor);
        return mounts.ok ? ok(mounts.value.map(toMountPoint)) : mounts;
      }),
    unmount: (path, signal) => attempt(`unmount ${path}`, signal, () => unmountPath(host, path, signal)),
    mountPlaceholder: (path, signal) =>
      attempt(`leave a placeholder at ${path}`, signal, () => mountPlaceholder(host, path, signal)),
    flush: (path, signal) => attempt(`flush ${path}`, signal, () => flushPath(host, path, signal)),
    freeze: (request, signal) =>
      attempt(`freeze ${request.path}`, signal, () => freezeFileSystem(host, request, signal)),
    thaw: (request, signal) =>
      attempt(`thaw ${request.path}`, signal, () => thawFileSystem(host, request, signal)),
    growFileSystem: (request, signal) =>
      attempt(`grow the file system on ${request.device.path}`, signal, () =>
        growFileSystem(host, request, signal),
      ),
    fileSystemStats: (path, signal) =>
      attempt(`read the usage of ${path}`, signal, () => fileSystemStats(host, path, signal)),
    deviceSize: (path, signal) => attempt(`read the size of ${path}`, signal, () => deviceSize(host, path)),
    pathKind: (path, signal) =>
      attempt(`look at ${path}`, signal, async () => ok(await pathKind(host, path))),
    writeProgress: (majorMinor, signal) =>
      attempt(`read the counters of ${majorMinor}`, signal, async () =>
        ok(await writeProgress(host, majorMinor)),
      ),
    isClean: (request, signal) =>
      attempt("look for traces of a volume", signal, () => observeClean(host, request, signal)),
    earlierChildrenAlive: (signal) =>
      attempt("look for earlier instances", signal, () => host.lock.earlierAlive()),
    close: async () => {
      for (const majorMinor of host.freezes.keys())
        await endFreezeOn(host, majorMinor, new AbortController().signal);
      await lock.close();
    },
  };
}

/**
 * Runs one call; an error of the operating system that its code did not expect (no permission, disk
 * full, I/O error) is a failure of this host, not a bug.
 */
async function attempt<T>(
  what: string,
  signal: AbortSignal,
  act: () => Promise<Result<T>>,
): Promise<Result<T>> {
  if (signal.aborted) return fail({ kind: "Cancelled" });
  try {
    const result = await act();
    // An observation made while the caller left may lack the commands that were killed with it.
    return result.ok && signal.aborted ? fail({ kind: "Cancelled" }) : result;
  } catch (error) {
    if (error instanceof Error && "syscall" in error)
      return hostNotReady(`could not ${what}: ${error.message}`);
    throw error;
  }
}

function toMountPoint({ path, majorMinor, fsType, root, readOnly, isDead, isPlaceholder }: ObservedMount) {
  return { path, majorMinor, fsType, root, readOnly, isDead, isPlaceholder };
}
