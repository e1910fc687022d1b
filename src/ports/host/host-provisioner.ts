import type { Failure } from "../../core/failure/failure.ts";
import type { Result } from "../../core/failure/result.ts";
import type { FormatMark } from "../../core/node/format-mark.ts";
import type { DeviceContent } from "../../core/node/judge-device-content.ts";
import type { Bytes } from "../../core/primitives/units.ts";
import type { FileSystemType } from "../../core/volume/file-system.ts";

/** A block device of this host. */
export interface Device {
  /** The kernel's name, such as `/dev/sdc`, with links resolved. */
  readonly path: string;
  /** Major and minor number, such as `8:32`. */
  readonly majorMinor: string;
  readonly sizeBytes: Bytes;
}

export type { DeviceContent } from "../../core/node/judge-device-content.ts";

/** A mount point of this host's mount namespace. */
export interface MountPoint {
  readonly path: string;
  readonly majorMinor: string;
  readonly fsType: string;
  /** For a bind mount of a raw device: the device node that is bound. */
  readonly root: string;
  readonly readOnly: boolean;
  /** The file system has shut down or answers I/O errors: only an unmount is left. */
  readonly isDead: boolean;
  /** What `mountPlaceholder` has left: no volume is mounted here. */
  readonly isPlaceholder: boolean;
}

/** Usage of a file system; sizes in bytes. */
export interface FileSystemStats {
  readonly totalBytes: bigint;
  readonly availableBytes: bigint;
  readonly usedBytes: bigint;
  readonly totalInodes: bigint;
  readonly availableInodes: bigint;
  readonly usedInodes: bigint;
}

/** Where the traces of a volume may be, and which traces count. */
export interface CleanRequest {
  /**
   * `block` also looks for open descriptors and loop devices, through every process: a hundred times the
   * work. In doubt `block`.
   */
  readonly accessType: "block" | "mount";
  /** The volume's LUN, while it is known to be the volume's. */
  readonly lun: number | undefined;
  /** The device number under which the volume was last used, whatever LUN leads to it now. */
  readonly lastMajorMinor: string | undefined;
  /**
   * LUNs of other volumes that this node uses: a number that one of them has now has been given away, and
   * says nothing of this volume any more.
   */
  readonly lunsOfOthers: readonly number[];
}

/**
 * The host half of the provisioner library. Each method is idempotent, bounded in time, and runs its mount,
 * format and check commands as children that inherit this instance's lock, so that `isClean` can tell
 * whether a command of an earlier instance is still alive. Besides what it names, each may fail with
 * `HostCommandFailed`, `HostCommandTimedOut` or `Cancelled`.
 */
export interface HostProvisioner {
  /**
   * Finds the device of a LUN by the kernel's own address of it, which no link of the LUN may contradict.
   * Waits some seconds while there is none or they disagree. Fails with `DeviceNotFound` where there is
   * none, or with `WrongDevice` where they still disagree.
   */
  findDevice(request: { readonly lun: number }, signal: AbortSignal): Promise<Result<Device, Failure>>;
  /** Asks the kernel to read the device's size anew. */
  rescanDevice(device: Device, signal: AbortSignal): Promise<Result<Device, Failure>>;
  /**
   * Runs `act` while this process keeps the device open. So long its name and number lead to no other disk,
   * even once it has gone; and so they do for each command that `act` begins on it, as long as that command
   * lives, longer than this process perhaps. What was known of the device before may be of another one by
   * then: look again within `act`. It keeps nobody out, and is no use of the volume. Fails with
   * `WrongDevice`, without running `act`, if the name leads to another number.
   */
  whileHolding<T>(
    device: Device,
    act: () => Promise<Result<T, Failure>>,
    signal: AbortSignal,
  ): Promise<Result<T, Failure>>;
  /**
   * Drops what this kernel has cached of a device's blocks. The disk may have been attached here as a
   * replica while another node wrote it: as long as anything keeps the device open, every look at it, every
   * mount and every container reads the old blocks until they are dropped. To be called once the node is
   * the writer, before anything else.
   */
  dropCachedBlocks(device: Device, signal: AbortSignal): Promise<Result<void, Failure>>;
  /** What is on the device, as this kernel has it cached. */
  inspectDevice(device: Device, signal: AbortSignal): Promise<Result<DeviceContent, Failure>>;
  /**
   * The mark of a first format on the device, as it is on the disk; undefined: none. Fails with
   * `WrongDevice` where it can't be read as a whole.
   */
  readFormatMark(device: Device, signal: AbortSignal): Promise<Result<FormatMark | undefined, Failure>>;
  /**
   * Marks a blank device before its first `format`, durably. The format leaves the mark alone. Fails with
   * `DeviceBusy` if anything holds the device.
   */
  writeFormatMark(
    request: { readonly device: Device; readonly mark: FormatMark },
    signal: AbortSignal,
  ): Promise<Result<void, Failure>>;
  /**
   * Erases the mark of a first format, durably, and nothing that is none. Fails with `DeviceBusy` if there
   * is one and anything holds the device.
   */
  eraseFormatMark(device: Device, signal: AbortSignal): Promise<Result<void, Failure>>;
  /**
   * Makes a file system with the UUID given, lower case, on a device that `inspectDevice` calls blank;
   * looks again itself. Fails with `WrongFileSystem` if it is not blank.
   */
  format(
    request: { readonly device: Device; readonly fsType: FileSystemType; readonly uuid: string },
    signal: AbortSignal,
  ): Promise<Result<void, Failure>>;
  /**
   * Makes a device blank again on which a first `format` was begun and never ended (the mark on it says
   * so): nobody has ever mounted it. The mark stays. Fails with `DeviceBusy` if anything holds it.
   */
  eraseUnfinishedFormat(device: Device, signal: AbortSignal): Promise<Result<void, Failure>>;
  /**
   * Replays the journal and repairs what can be repaired without losing data. Fails with
   * `FileSystemBroken`.
   */
  checkFileSystem(
    request: { readonly device: Device; readonly fsType: FileSystemType },
    signal: AbortSignal,
  ): Promise<Result<void, Failure>>;
  /**
   * Grows a file system, checked and not mounted, to its device where this host could not do so any more
   * once it is mounted: ext without CAP_SYS_RESOURCE. Elsewhere it does nothing, and `growFileSystem` grows
   * it in use.
   */
  growBeforeMount(
    request: { readonly device: Device; readonly fsType: FileSystemType },
    signal: AbortSignal,
  ): Promise<Result<void, Failure>>;
  /**
   * Mounts a file system at `path`, making the directory. Success if that device is mounted there already
   * and alive.
   */
  mountDevice(
    request: {
      readonly device: Device;
      readonly path: string;
      readonly fsType: FileSystemType;
      readonly mountFlags: readonly string[];
      readonly readOnly: boolean;
    },
    signal: AbortSignal,
  ): Promise<Result<void, Failure>>;
  /** Binds the mount at `stagingPath` to `targetPath`, making the directory. */
  bindMount(
    request: {
      readonly stagingPath: string;
      readonly targetPath: string;
      readonly readOnly: boolean;
      readonly mountFlags: readonly string[];
    },
    signal: AbortSignal,
  ): Promise<Result<void, Failure>>;
  /** Binds a raw device to the file `targetPath`, making it. */
  bindDevice(
    request: { readonly device: Device; readonly targetPath: string; readonly readOnly: boolean },
    signal: AbortSignal,
  ): Promise<Result<void, Failure>>;
  /**
   * The mount at `path`, undefined if there is none. Reads from the device to tell whether it still
   * answers.
   */
  mountAt(path: string, signal: AbortSignal): Promise<Result<MountPoint | undefined, Failure>>;
  /**
   * Every mount of a device, by `majorMinor`; bind mounts and raw block binds included. `isDead` by what
   * the kernel shows without any I/O.
   */
  mountsOf(majorMinor: string, signal: AbortSignal): Promise<Result<readonly MountPoint[], Failure>>;
  /**
   * Unmounts `path` (flushing first) and removes it; success if nothing is there. Never lazy, never by
   * force. Fails with `DeviceBusy`.
   */
  unmount(path: string, signal: AbortSignal): Promise<Result<void, Failure>>;
  /**
   * Unmounts what is bound to `targetPath`, as `unmount` does, and leaves a *placeholder* there: an empty
   * file system that nobody can write to (EROFS), whatever a container mounts it as, and that says in
   * mountinfo what it is. Wherever mounts are propagated, as on a node of Kubernetes, the directory below
   * never shows in between; elsewhere it does for some milliseconds. Does nothing where one is there
   * already. Where no directory is below it is just unmounted: a file that is bound there, or nothing. A
   * later `bindMount` covers it, `unmount` takes it away, and so does the end of the boot. Fails with
   * `DeviceBusy`.
   */
  mountPlaceholder(targetPath: string, signal: AbortSignal): Promise<Result<void, Failure>>;
  /** Flushes a file system to its device. An I/O error is a failure. */
  flush(path: string, signal: AbortSignal): Promise<Result<void, Failure>>;
  /**
   * Grows a file system to its device. Fails with `GrowsUnmounted` where it is mounted and this host can't
   * grow it so: `growBeforeMount` will.
   */
  growFileSystem(
    request: { readonly device: Device; readonly mountPath: string; readonly fsType: FileSystemType },
    signal: AbortSignal,
  ): Promise<Result<void, Failure>>;
  fileSystemStats(path: string, signal: AbortSignal): Promise<Result<FileSystemStats, Failure>>;
  deviceSize(path: string, signal: AbortSignal): Promise<Result<Bytes, Failure>>;
  /** What kind of thing is at `path`. */
  pathKind(
    path: string,
    signal: AbortSignal,
  ): Promise<Result<"absent" | "file" | "directory" | "blockDevice" | "other", Failure>>;
  /**
   * A value that changes while the device is written to (its write counters), for watching an unmount's
   * progress.
   */
  writeProgress(majorMinor: string, signal: AbortSignal): Promise<Result<string, Failure>>;
  /**
   * *Clean* (writer protocol): no child of an earlier plug-in instance is alive, and the volume's devices
   * are absent or open exclusively, with no mount in any mount namespace and, for raw block, no open
   * descriptor and no loop device on them. Answers why not.
   */
  isClean(
    request: CleanRequest,
    signal: AbortSignal,
  ): Promise<Result<{ readonly clean: boolean; readonly reason: string }, Failure>>;
  /** Whether a command of an earlier plug-in instance still runs: nothing may be taken meanwhile. */
  earlierChildrenAlive(signal: AbortSignal): Promise<Result<boolean, Failure>>;
}
