import { isSameResourceUri } from "../../core/azure/ids/disk-uri.ts";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import type { Failure } from "../../core/failure/failure.ts";
import type { Result } from "../../core/failure/result.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { chooseDevice } from "../../core/node/device/choose-device.ts";
import type { SeenDevice } from "../../core/node/device/choose-device.ts";
import { judgeClean } from "../../core/node/judge-clean.ts";
import { stagingMountOptions } from "../../core/node/mount-options.ts";
import { bytes } from "../../core/primitives/units.ts";
import { isKeptByKernel } from "../../core/volume/device/file-system.ts";
import type { Device, HostProvisioner, MountPoint } from "../../ports/host/host-provisioner.ts";
import {
  afterUnmount,
  blocksOf,
  flushDevice,
  frozenSinceMs,
  isMounted as isMountedOn,
  writeContent,
} from "./machine-state.ts";
import type { HostMethod, MachineState, ModelDevice, ModelMount } from "./machine-state.ts";
import { writeSetting } from "./model-settings.ts";

/** Bytes for one inode, as in ext4; only to make the model's numbers look real. */
const bytesPerInode = 16384n;
/** The kernel gives file systems without a device numbers of major 0. */
const placeholderMajorMinor = "0:99";
/** How often a LUN is checked while its device is awaited, in milliseconds. */
const lookEveryMs = 500;
/**
 * The progress of a command that makes a file system: it reads first, then writes, and the signature,
 * which names a still incomplete file system, comes last.
 */
const formatPhases = [
  { untilShare: 0.2, phase: "reading" },
  { untilShare: 0.7, phase: "writing" },
] as const;
/** Stands for any container process that holds a volume. */
const containerPid = 1;

/** The host that one plug-in instance has of a modelled machine. */
export function createModelHost(machine: MachineState, instanceNumber: number): HostProvisioner {
  /** The devices whose freezes this instance knows to have ended, or to be its own. */
  const knownFreezes = new Set<ModelDevice>();

  const earlierAlive = (): boolean =>
    [...machine.liveInstances].some((number) => number < instanceNumber) ||
    machine.operations.inFlight().some((operation) => operation.instanceNumber < instanceNumber);

  /** A read: happens at once. */
  const look = <T>(
    method: HostMethod,
    signal: AbortSignal,
    act: () => Result<T, Failure>,
  ): Result<T, Failure> => {
    if (signal.aborted || !machine.liveInstances.has(instanceNumber)) return fail({ kind: "Cancelled" });
    const fault = machine.takeFault(method);
    return fault === undefined ? act() : fail(fault);
  };

  /**
   * A command: takes the machine's set time, outlives its caller, and excludes others on what it
   * touches.
   */
  const command = async (
    method: HostMethod,
    touches: readonly string[],
    signal: AbortSignal,
    act: () => Result<void, Failure>,
    cutOff?: (doneShare: number) => void,
  ): Promise<Result<void, Failure>> => {
    const admitted = look(method, signal, () => ok(undefined));
    if (!admitted.ok) return admitted;
    const heldNumbers = [...machine.holds]
      .filter((hold) => hold.instanceNumber === instanceNumber)
      .map(({ device }) => device.majorMinor);
    return await machine.operations.run(
      {
        line: `${method} ${touches.join(" ")}`,
        instanceNumber,
        touches,
        latencyMs: machine.latencyMs(method),
        heldNumbers: heldNumbers.filter((number) => touches.includes(number)),
        act,
        ...(cutOff === undefined ? {} : { cutOff }),
      },
      signal,
    );
  };

  const withDevice = <T>(
    device: Device,
    act: (found: ModelDevice) => Result<T, Failure>,
  ): Result<T, Failure> => {
    const found = [...machine.devicesByLun.values()].find(
      (candidate) => candidate.majorMinor === device.majorMinor,
    );
    if (found === undefined) return isAnother(device);
    if (found.state === "cutOff")
      return fail({
        kind: "HostCommandFailed",
        command: `open ${device.path}`,
        exitCode: 1,
        stderr: "Input/output error",
      });
    return act(found);
  };
  const isAnother = (device: Device): Result<never, Failure> =>
    fail({
      kind: "WrongDevice",
      devicePath: device.path,
      problem: `it is no longer device ${device.majorMinor}: look for the LUN again`,
    });
  const busy = (device: ModelDevice): Result<never, Failure> =>
    fail({
      kind: "DeviceBusy",
      devicePath: device.path,
      detail: "it is mounted somewhere, part of another device (LVM, RAID), or in use by another command",
    });
  const grow = (device: ModelDevice): void => {
    if (device.disk.fileSystemBytes === device.knownBytes) return;
    device.disk.fileSystemBytes = device.knownBytes;
    machine.wrote(device, "grow");
  };
  const isMounted = (device: ModelDevice): boolean => isMountedOn(machine, device);
  const holds = (numbers: readonly string[], access: "mount" | "block"): boolean =>
    [...machine.heldVolumes].some(
      (held) => held.access === access && numbers.includes(held.device.majorMinor),
    );
  const mountAt = (path: string): ModelMount | undefined =>
    machine.mounts.findLast((mount) => mount.path === path);

  const unmountAll = (path: string): Result<void, Failure> => {
    for (let mount = mountAt(path); mount !== undefined; mount = mountAt(path)) {
      if (mount.openFiles > 0)
        return fail({
          kind: "DeviceBusy",
          devicePath: mount.device.path,
          detail: `${path} is in use: end what uses it`,
        });
      machine.freezes.delete(mount.device);
      machine.mounts.splice(machine.mounts.lastIndexOf(mount), 1);
      machine.unmounted(mount);
      afterUnmount(machine, mount.device);
    }
    return ok(undefined);
  };

  return {
    findDevice: async ({ lun }, signal) => {
      const untilMs = machine.clock.elapsedMs() + machine.deviceWaitMs;
      for (;;) {
        const found = look("findDevice", signal, () => findDeviceNow(machine, lun));
        if (
          found.ok ||
          (found.failure.kind !== "DeviceNotFound" && found.failure.kind !== "WrongDevice") ||
          machine.clock.elapsedMs() >= untilMs
        )
          return found;
        const waited = await machine.clock.sleep(lookEveryMs, signal).then(
          () => ok(undefined),
          () => fail({ kind: "Cancelled" } as const),
        );
        if (!waited.ok) return waited;
      }
    },
    // Disks of the model have no partition table.
    findPartition: async ({ disk, partition }) =>
      fail({
        kind: "WrongDevice",
        devicePath: disk.path,
        problem: `the kernel sees no partition ${partition}`,
      }),
    rescanDevice: async (device, signal) =>
      look("rescanDevice", signal, () =>
        withDevice(device, (found) => {
          found.knownBytes = found.disk.sizeBytes;
          return ok(toDevice(found));
        }),
      ),
    whileHolding: async (device, act, signal) => {
      const opened = look("whileHolding", signal, () =>
        withDevice(device, (found) => (found.path === device.path ? ok(found) : isAnother(device))),
      );
      if (!opened.ok) return opened;
      const hold = { device: opened.value, instanceNumber };
      machine.holds.add(hold);
      try {
        return await act();
      } finally {
        machine.holds.delete(hold);
      }
    },
    dropCachedBlocks: (device, signal) =>
      command("dropCachedBlocks", [device.majorMinor], signal, () =>
        withDevice(device, (found) => {
          found.cached = undefined;
          return ok(undefined);
        }),
      ),
    inspectDevice: async (device, signal) =>
      look("inspectDevice", signal, () => withDevice(device, (found) => ok(blocksOf(found).content))),
    readFormatMark: async (device, signal) =>
      look("readFormatMark", signal, () => withDevice(device, (found) => ok(found.disk.formatMark))),
    writeFormatMark: ({ device, mark }, signal) =>
      command("writeFormatMark", [device.majorMinor], signal, () =>
        withDevice(device, (found) => {
          if (isMounted(found)) return busy(found);
          found.disk.formatMark = mark;
          machine.wrote(found, "format");
          return ok(undefined);
        }),
      ),
    eraseFormatMark: ({ device, diskUri }, signal) =>
      command("eraseFormatMark", [device.majorMinor], signal, () =>
        withDevice(device, (found) => {
          const mark = found.disk.formatMark;
          if (mark === undefined || !isSameResourceUri(mark.diskUri, diskUri)) return ok(undefined);
          if (isMounted(found)) return busy(found);
          found.disk.formatMark = undefined;
          // Like a check, it writes no user data.
          machine.wrote(found, "check");
          return ok(undefined);
        }),
      ),
    format: ({ device, fsType, uuid, geometry = {} }, signal) => {
      const make = (): Result<void, Failure> =>
        withDevice(device, (found) => {
          const { content } = blocksOf(found);
          if (content.kind !== "blank") {
            return fail({
              kind: "WrongFileSystem",
              devicePath: device.path,
              found: content.kind === "fileSystem" ? content.fsType : content.detail,
              requested: `a blank device to make ${fsType} on`,
            });
          }
          if (isMounted(found)) return busy(found);
          writeContent(found, { kind: "fileSystem", fsType, uuid });
          found.disk.geometry = geometry;
          found.disk.fileSystemBytes = found.knownBytes;
          found.disk.isBroken = false;
          machine.wrote(found, "format");
          return ok(undefined);
        });
      const leaveUnfinished = (doneShare: number): void => {
        const phase = formatPhases.find(({ untilShare }) => doneShare < untilShare)?.phase ?? "signed";
        if (phase === "reading" || !make().ok) return;
        withDevice(device, (found) => {
          if (phase === "signed") found.disk.isBroken = true;
          else
            writeContent(found, {
              kind: "otherData",
              detail: "no known signature, but data at its start",
              hasNoSignature: true,
            });
          return ok(undefined);
        });
      };
      return command("format", [device.majorMinor], signal, make, leaveUnfinished);
    },
    eraseUnfinishedFormat: ({ device }, signal) =>
      command("eraseUnfinishedFormat", [device.majorMinor], signal, () =>
        withDevice(device, (found) => {
          if (isMounted(found)) return busy(found);
          writeContent(found, { kind: "blank" });
          found.disk.isBroken = false;
          machine.wrote(found, "format");
          return ok(undefined);
        }),
      ),
    checkFileSystem: ({ device, fsType }, signal) =>
      command("checkFileSystem", [device.majorMinor], signal, () =>
        withDevice(device, (found) => {
          if (isKeptByKernel(fsType)) return ok(undefined);
          if (isMounted(found)) return busy(found);
          // e2fsck drops them itself (-F).
          found.cached = undefined;
          if (found.disk.isBroken || found.disk.content.kind !== "fileSystem")
            return fail({
              kind: "FileSystemBroken",
              devicePath: device.path,
              detail: "the check found damage that it can't repair",
            });
          machine.wrote(found, "check");
          return ok(undefined);
        }),
      ),
    readDeviceSettings: async (device, signal) =>
      look("readDeviceSettings", signal, () =>
        withDevice(device, (found) => ok(Object.fromEntries(found.settings))),
      ),
    writeDeviceSetting: async ({ device, setting }, signal) =>
      look("writeDeviceSetting", signal, () =>
        withDevice(device, (found) => {
          const detail = writeSetting(found, setting);
          return detail === undefined
            ? ok(undefined)
            : fail({
                kind: "DeviceSettingRefused",
                devicePath: device.path,
                setting: setting.name,
                value: setting.value,
                detail,
              });
        }),
      ),
    growBeforeMount: ({ device, fsType }, signal) =>
      command("growBeforeMount", [device.majorMinor], signal, () =>
        withDevice(device, (found) => {
          if (!isKeptByKernel(fsType) && !machine.mayGrowMountedExt) grow(found);
          return ok(undefined);
        }),
      ),
    mountDevice: (request, signal) =>
      command("mountDevice", [request.device.majorMinor, request.path], signal, () => {
        const options = stagingMountOptions(request);
        if (!options.ok) return options;
        const present = mountAt(request.path);
        if (present !== undefined) return judgePresent(present, request.device, request.readOnly);
        return withDevice(request.device, (found) => {
          const { content } = blocksOf(found);
          if (content.kind !== "fileSystem" || content.fsType !== request.fsType) {
            return fail({
              kind: "HostCommandFailed",
              command: `mount -t ${request.fsType} ${found.path} ${request.path}`,
              exitCode: 32,
              stderr: "wrong fs type, bad option, bad superblock",
            });
          }
          if (found.disk.isBroken)
            return fail({
              kind: "FileSystemBroken",
              devicePath: found.path,
              detail: "Structure needs cleaning",
            });
          makeDirectory(machine, request.path);
          machine.mounts.push({
            path: request.path,
            device: found,
            fsType: request.fsType,
            readOnly: request.readOnly || options.value.includes("ro"),
            openFiles: 0,
          });
          // A read-write mount replays the journal and marks the file system as mounted.
          if (!request.readOnly) machine.wrote(found, "mount");
          return ok(undefined);
        });
      }),
    bindMount: ({ stagingPath, targetPath, readOnly }, signal) =>
      command("bindMount", [targetPath], signal, () => {
        const staged = mountAt(stagingPath);
        if (staged === undefined) return fail({ kind: "PathNotMounted", path: stagingPath });
        if (isDead(staged))
          return fail({
            kind: "FileSystemBroken",
            devicePath: staged.device.path,
            detail: `the mount at ${stagingPath} is dead: stage the volume again`,
          });
        machine.freezes.delete(staged.device);
        const present = mountAt(targetPath);
        if (present !== undefined)
          return judgePresent(present, toDevice(staged.device), readOnly || staged.readOnly);
        makeDirectory(machine, targetPath);
        machine.mounts.push({
          ...staged,
          path: targetPath,
          readOnly: readOnly || staged.readOnly,
          openFiles: 0,
        });
        return ok(undefined);
      }),
    bindDevice: ({ device, targetPath, readOnly }, signal) =>
      command("bindDevice", [device.majorMinor, targetPath], signal, () => {
        const present = mountAt(targetPath);
        if (present !== undefined) return judgePresent(present, device, readOnly);
        return withDevice(device, (found) => {
          if (!machine.paths.has(targetPath)) machine.paths.set(targetPath, "file");
          machine.mounts.push({ path: targetPath, device: found, fsType: undefined, readOnly, openFiles: 0 });
          return ok(undefined);
        });
      }),
    mountAt: async (path, signal) =>
      look("mountAt", signal, () => {
        const mount = mountAt(path);
        if (mount !== undefined) return ok(toMountPoint(mount));
        return ok(machine.placeholders.has(path) ? placeholderAt(path) : undefined);
      }),
    mountsOf: async (majorMinor, signal) =>
      look("mountsOf", signal, () =>
        ok(machine.mounts.filter((mount) => mount.device.majorMinor === majorMinor).map(toMountPoint)),
      ),
    unmount: (path, signal) =>
      command("unmount", [path], signal, () => {
        const unmounted = unmountAll(path);
        if (!unmounted.ok) return unmounted;
        machine.placeholders.delete(path);
        if (
          machine.paths.get(path) === "strayFile" ||
          [...machine.paths.keys()].some((other) => other.startsWith(`${path}/`))
        ) {
          return fail({
            kind: "HostNotReady",
            detail: `${path} is not mounted, but holds files: move them away`,
          });
        }
        machine.paths.delete(path);
        return ok(undefined);
      }),
    mountPlaceholder: (path, signal) =>
      command("mountPlaceholder", [path], signal, () => {
        const unmounted = unmountAll(path);
        if (unmounted.ok && machine.paths.get(path) === "directory") machine.placeholders.add(path);
        return unmounted;
      }),
    flush: (path, signal) =>
      command("flush", [path], signal, () => {
        const mount = mountAt(path);
        if (mount === undefined) return fail({ kind: "PathNotMounted", path });
        return flushDevice(machine, mount.device)
          ? ok(undefined)
          : fail({
              kind: "HostCommandFailed",
              command: `sync --file-system ${path}`,
              exitCode: 1,
              stderr: "Input/output error",
            });
      }),
    freeze: ({ path, majorMinor, limitMs }, signal) =>
      command("freeze", [majorMinor, path], signal, () => {
        const mount = mountAt(path);
        if (mount?.fsType === undefined) return fail({ kind: "PathNotMounted", path });
        const { device } = mount;
        if (device.majorMinor !== majorMinor) return isAnother({ ...toDevice(device), majorMinor });
        knownFreezes.add(device);
        if (frozenSinceMs(machine, device) !== undefined || !flushDevice(machine, device))
          return fail({ kind: "DeviceBusy", devicePath: path, detail: "it can't be frozen" });
        const sinceMs = machine.clock.elapsedMs();
        // A command whose plug-in has died leaves its holder without an owner: it thaws at once.
        if (machine.liveInstances.has(instanceNumber))
          machine.freezes.set(device, { instanceNumber, sinceMs, untilMs: sinceMs + limitMs });
        return ok(undefined);
      }),
    thaw: async ({ path, majorMinor }, signal) =>
      look("thaw", signal, () => {
        const mount = mountAt(path);
        if (mount?.device.majorMinor !== majorMinor) return ok({ held: false });
        const isFrozen = frozenSinceMs(machine, mount.device) !== undefined;
        const isOwn = machine.freezes.get(mount.device)?.instanceNumber === instanceNumber;
        if (isOwn || !knownFreezes.has(mount.device)) machine.freezes.delete(mount.device);
        knownFreezes.add(mount.device);
        return ok({ held: isFrozen && isOwn });
      }),
    growFileSystem: ({ device, mountPath, fsType }, signal) =>
      command("growFileSystem", [device.majorMinor], signal, () =>
        withDevice(device, (found) => {
          const mount = mountAt(mountPath);
          if (mount === undefined && isKeptByKernel(fsType))
            return fail({ kind: "PathNotMounted", path: mountPath });
          if (mount !== undefined && mount.device !== found)
            return fail({
              kind: "WrongDevice",
              devicePath: device.path,
              problem: `${mountPath} holds a mount of ${mount.device.path}`,
            });
          if (
            mount !== undefined &&
            !isKeptByKernel(fsType) &&
            !machine.mayGrowMountedExt &&
            found.disk.fileSystemBytes !== found.knownBytes
          )
            return fail({ kind: "GrowsUnmounted", devicePath: device.path });
          if (mount?.readOnly === true && found.disk.fileSystemBytes !== found.knownBytes)
            return fail({
              kind: "HostCommandFailed",
              command: `grow the file system at ${mountPath}`,
              exitCode: 1,
              stderr: "Read-only file system",
            });
          machine.freezes.delete(found);
          grow(found);
          return ok(undefined);
        }),
      ),
    fileSystemStats: async (path, signal) =>
      look("fileSystemStats", signal, () => {
        const mount = mountAt(path);
        if (mount === undefined) return fail({ kind: "PathNotMounted", path });
        if (isDead(mount))
          return fail({
            kind: "FileSystemBroken",
            devicePath: mount.device.path,
            detail: `the mount at ${path} is dead`,
          });
        const { disk, unflushed } = mount.device;
        const files = new Map([...blocksOf(mount.device).files, ...unflushed]);
        const usedBytes = [...files.values()].reduce((sum, text) => sum + BigInt(text.length), 0n);
        const totalInodes = disk.fileSystemBytes / bytesPerInode;
        const usedInodes = BigInt(files.size);
        return ok({
          totalBytes: disk.fileSystemBytes,
          usedBytes,
          availableBytes: disk.fileSystemBytes - usedBytes,
          totalInodes,
          usedInodes,
          availableInodes: totalInodes - usedInodes,
        });
      }),
    deviceSize: async (path, signal) =>
      look("deviceSize", signal, () => {
        const device =
          [...machine.devicesByLun.values()].find((candidate) => candidate.path === path) ??
          rawDeviceAt(mountAt(path));
        if (device === undefined) return fail({ kind: "PathNotMounted", path });
        return device.state === "gone"
          ? fail({
              kind: "WrongDevice",
              devicePath: path,
              problem: `its device ${device.majorMinor} is gone: unpublish the volume`,
            })
          : ok(bytes(device.knownBytes));
      }),
    pathKind: async (path, signal) =>
      look("pathKind", signal, () => {
        const mount = mountAt(path);
        if (mount !== undefined) return ok(mount.fsType === undefined ? "blockDevice" : "directory");
        if ([...machine.devicesByLun.values()].some((device) => device.path === path))
          return ok("blockDevice");
        const kind = machine.paths.get(path);
        return ok(kind === undefined ? "absent" : kind === "directory" ? "directory" : "file");
      }),
    writeProgress: async (majorMinor, signal) =>
      look("writeProgress", signal, () => {
        const device = [...machine.devicesByLun.values()].find(
          (candidate) => candidate.majorMinor === majorMinor,
        );
        return ok(device === undefined ? "gone" : `${device.writesDone}`);
      }),
    isClean: async ({ accessType, lun, lastMajorMinor, lunsOfOthers, needsFlush }, signal) =>
      look("isClean", signal, () => {
        const device = lun === undefined ? undefined : machine.devicesByLun.get(lun);
        const isAnothers = lunsOfOthers.some(
          (other) => machine.devicesByLun.get(other)?.majorMinor === lastMajorMinor,
        );
        const numbers = [device?.majorMinor, isAnothers ? undefined : lastMajorMinor].filter(
          (number) => number !== undefined,
        );
        const judged = judgeClean({
          earlierChildAlive: earlierAlive(),
          commandsInFlight: machine.operations
            .inFlight()
            .filter(
              (operation) =>
                operation.instanceNumber === instanceNumber &&
                operation.touches.some((touched) => numbers.includes(touched)),
            )
            .map((operation) => operation.line),
          devicePath: device?.path,
          heldPaths: device !== undefined && isMounted(device) ? [device.path] : [],
          mountPaths: machine.mounts
            .filter((mount) => numbers.includes(mount.device.majorMinor))
            .map((mount) => mount.path),
          mountedForPids: holds(numbers, "mount") ? [containerPid] : [],
          // The model's mounts all show the number of their device.
          mountedBtrfs: [],
          devicesOnTop: [],
          mappedInPids: [],
          openInPids:
            accessType === "block" &&
            (holds(numbers, "block") ||
              [...machine.rawDescriptors].some(({ device: { majorMinor } }) => numbers.includes(majorMinor)))
              ? [containerPid]
              : [],
        });
        // What it has cached it wrote with the last close; only a fault shows whether it was to be flushed.
        const fault = judged.clean && needsFlush !== false ? machine.takeFault("flush") : undefined;
        return ok(fault === undefined ? judged : { clean: false, reason: describeFailure(fault) });
      }),
    earlierChildrenAlive: async (signal) => look("earlierChildrenAlive", signal, () => ok(earlierAlive())),
  };
}

/** What the kernel and its links show of a LUN, judged as on Linux. */
function findDeviceNow(machine: MachineState, lun: number): Result<Device, Failure> {
  const devices = [...machine.devicesByLun];
  const seen = ([at, device]: readonly [number, ModelDevice]): SeenDevice => ({
    path: device.path,
    majorMinor: device.majorMinor,
    sizeBytes: device.knownBytes,
    address: { kind: "dataDisk", lun: at, shown: `SCSI 3:0:0:${at}` },
  });
  const target = machine.links.get(lun);
  // A name without a device is no link: udev removes it, or has not made it yet.
  const linked = devices.find(([, { path }]) => path === target);
  const choice = chooseDevice({
    lun,
    links: linked === undefined ? [] : [{ link: `/dev/disk/azure/scsi1/lun${lun}`, device: seen(linked) }],
    disks: devices.filter(([at]) => at === lun).map(seen),
    sharesKernel: false,
  });
  switch (choice.kind) {
    case "found":
      return ok({
        path: choice.device.path,
        majorMinor: choice.device.majorMinor,
        sizeBytes: bytes(choice.device.sizeBytes),
      });
    case "absent":
      return fail({
        kind: "DeviceNotFound",
        lun,
        searched: [`model of ${machine.nodeName}`],
        seen: choice.seen,
        waitedMs: machine.deviceWaitMs,
      });
    case "contradiction":
      return fail({ kind: "WrongDevice", devicePath: choice.devicePath, problem: choice.problem });
  }
}

function judgePresent(present: ModelMount, device: Device, readOnly: boolean): Result<void, Failure> {
  const refuse = (problem: string): Result<void, Failure> =>
    fail({ kind: "MountedOtherwise", path: present.path, problem });
  if (present.device.majorMinor !== device.majorMinor)
    return refuse(`already holds a mount of ${present.device.path}`);
  if (isDead(present))
    return fail({
      kind: "FileSystemBroken",
      devicePath: device.path,
      detail: `the mount at ${present.path} is dead: unmount it first`,
    });
  return present.readOnly === readOnly
    ? ok(undefined)
    : refuse(`is mounted ${present.readOnly ? "read-only" : "read-write"}`);
}

function isDead(mount: ModelMount): boolean {
  return mount.device.state !== "present";
}

function rawDeviceAt(mount: ModelMount | undefined): ModelDevice | undefined {
  return mount?.fsType === undefined ? mount?.device : undefined;
}

function makeDirectory(machine: MachineState, path: string): void {
  if (!machine.paths.has(path)) machine.paths.set(path, "directory");
}

function toDevice(device: ModelDevice): Device {
  return { path: device.path, majorMinor: device.majorMinor, sizeBytes: bytes(device.knownBytes) };
}

function toMountPoint(mount: ModelMount): MountPoint {
  return {
    path: mount.path,
    majorMinor: mount.device.majorMinor,
    fsType: mount.fsType ?? "devtmpfs",
    root: mount.fsType === undefined ? mount.device.path : "/",
    readOnly: mount.readOnly,
    isDead: isDead(mount),
    isPlaceholder: false,
  };
}

function placeholderAt(path: string): MountPoint {
  return {
    path,
    majorMinor: placeholderMajorMinor,
    fsType: "tmpfs",
    root: "/",
    readOnly: true,
    isDead: false,
    isPlaceholder: true,
  };
}
