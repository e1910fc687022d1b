import type { Result } from "../../core/failure/result.ts";
import type { DeviceContent } from "../../core/node/device/judge-device-content.ts";
import type { FormatMark } from "../../core/node/file-system/format-mark.ts";
import type { CleanJudgement } from "../../core/node/judge-clean.ts";
import type { Bytes } from "../../core/primitives/units.ts";
import type { DeviceSetting, DeviceSettingName } from "../../core/volume/device/device-settings.ts";
import type { FileSystemGeometry } from "../../core/volume/device/file-system-geometry.ts";
import type { FileSystemType } from "../../core/volume/device/file-system.ts";
import type { Device } from "./device.ts";
import type { DiskReservations } from "./disk-reservations.ts";

export type { Device } from "./device.ts";
export type { DeviceContent } from "../../core/node/device/judge-device-content.ts";

/** A device and the file system on it, or the one that it is to get. */
export interface FileSystemOn {
  readonly device: Device;
  readonly fsType: FileSystemType;
}

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

/** What a check says of a file system that may be mounted, in the words of its program. */
export interface CheckRemark {
  /**
   * `unchecked`: only the program is too old for it, and the kernel may still know it. `repaired`: it was
   * damaged, not only interrupted, and files may lack what was written to them.
   */
  readonly kind: "unchecked" | "repaired";
  readonly detail: string;
}

/** Usage of a file system; sizes in bytes. */
export interface FileSystemStats {
  /**
   * How many errors the kernel has found in an ext file system since its last check; absent: none, or it
   * counts none. It keeps the file system in use, unless a mount option says otherwise.
   */
  readonly errorsFound?: number;
  readonly totalBytes: bigint;
  readonly availableBytes: bigint;
  readonly usedBytes: bigint;
  readonly totalInodes: bigint;
  readonly availableInodes: bigint;
  readonly usedInodes: bigint;
}

/** Where a volume may have left traces, and which ones count. */
export interface CleanRequest {
  /**
   * `block` also searches every process for open descriptors and mapped memory, and looks for loop devices: a
   * hundred times the work. In doubt `block`.
   */
  readonly accessType: "block" | "mount";
  /** The volume's LUN, while it is known to be correct. */
  readonly lun: number | undefined;
  /** The device number under which the volume was last used, whatever LUN has it now. */
  readonly lastMajorMinor: string | undefined;
  /**
   * LUNs of other volumes that this node uses: a device number at one of them was reassigned, and says
   * nothing of this volume. Windows needs them not: its numbers contain the disk's unique id.
   */
  readonly lunsOfOthers: readonly number[];
  /**
   * Whether what this kernel has cached of the device's blocks has to be on the disk: true if left out.
   * False right after an unmount, which has written it, and before an acquire, after which this node may
   * write.
   */
  readonly needsFlush?: boolean;
}

/**
 * The host half of the provisioner library. Each method is idempotent, bounded in time, and runs its mount,
 * format and check commands as children that inherit this instance's lock, so that `isClean` can tell
 * whether a command of an earlier instance is still alive. Besides what it names, each may fail with
 * `HostCommandFailed`, `HostCommandTimedOut` or `Cancelled`.
 */
export interface HostProvisioner extends DiskReservations {
  /**
   * Finds the device of a LUN by the kernel's own address of it, which no link of the LUN may contradict.
   * Waits some seconds while there is none or they disagree. Fails with `DeviceNotFound` where there is
   * none, or with `WrongDevice` where they still disagree.
   */
  findDevice(request: { readonly lun: number }, signal: AbortSignal): Promise<Result<Device>>;
  /**
   * The device of a partition, by the kernel's table. Fails with `WrongDevice` where the kernel sees no such
   * partition, and with `Unsupported` on a platform that serves none.
   */
  findPartition(
    request: { readonly disk: Device; readonly partition: number },
    signal: AbortSignal,
  ): Promise<Result<Device>>;
  /** Makes the kernel read the device's size again. */
  rescanDevice(device: Device, signal: AbortSignal): Promise<Result<Device>>;
  /**
   * Runs `act` while this process keeps the device open. While it is open, its name and number lead to no
   * other disk, even once it is gone. That also holds for each command that `act` starts on it, which may
   * outlive this process. Earlier knowledge of the device may be of another one: `act` must look again.
   * Windows keeps neither name nor number: there each call checks the disk itself.
   * The open excludes no other process, and is no use of the volume. Fails with `WrongDevice`, without
   * running `act`, if the name leads to another number.
   */
  whileHolding<T>(device: Device, act: () => Promise<Result<T>>, signal: AbortSignal): Promise<Result<T>>;
  /**
   * Drops this kernel's cached blocks of a device. The disk may have been attached here as a replica
   * while another node wrote it: while any process keeps the device open, every read, mount and container
   * gets the old blocks until then. Called first of all once the node is the writer.
   */
  dropCachedBlocks(device: Device, signal: AbortSignal): Promise<Result<void>>;
  /**
   * What is on the device, as this kernel has it cached. Of a partition: fails with `WrongDevice` where the
   * disk's own table has no such partition there, since the kernel's may be older.
   */
  inspectDevice(device: Device, signal: AbortSignal): Promise<Result<DeviceContent>>;
  /**
   * The file system of one type on the device, whatever else `inspectDevice` finds there; `otherData` where
   * there is none. Fails as `inspectDevice`. No device may be formatted by this look.
   */
  inspectFileSystem(on: FileSystemOn, signal: AbortSignal): Promise<Result<DeviceContent>>;
  /**
   * The mark of a first format, read from the disk itself; undefined: none. Fails with `WrongDevice`
   * where it can't be read as a whole.
   */
  readFormatMark(device: Device, signal: AbortSignal): Promise<Result<FormatMark | undefined>>;
  /**
   * Marks a blank device before its first `format`, durably. The format leaves the mark alone. Fails with
   * `DeviceBusy` if anything holds the device, and with `FileSystemUnserved`, before it writes, where this
   * host can't make or mount that file system.
   */
  writeFormatMark(
    request: { readonly device: Device; readonly fsType: FileSystemType; readonly mark: FormatMark },
    signal: AbortSignal,
  ): Promise<Result<void>>;
  /**
   * Erases the mark of a first format of this disk, durably, and no other data: a mark that names another
   * disk is data of the disk that this one was copied from. Fails with `DeviceBusy` if there is one and
   * anything holds the device.
   */
  eraseFormatMark(
    request: { readonly device: Device; readonly diskUri: string },
    signal: AbortSignal,
  ): Promise<Result<void>>;
  /**
   * Makes a file system with the given UUID, lower case, on a device that `inspectDevice` calls blank, or
   * after `eraseUnfinishedFormat`; checks both ends again itself. `geometry` was checked (`geometryProblem`);
   * default: the choice of mkfs. Fails with `WrongFileSystem` if they are not blank.
   */
  format(
    request: {
      readonly device: Device;
      readonly fsType: FileSystemType;
      readonly uuid: string;
      readonly geometry?: FileSystemGeometry;
    },
    signal: AbortSignal,
  ): Promise<Result<void>>;
  /**
   * Makes both ends of a device blank again whose first `format` never ended, by the mark on it: it was
   * never mounted. The mark stays, and what else that format has written between the ends. Fails with
   * `DeviceBusy` if anything holds it, and with `FileSystemUnserved`, before it erases, where this host
   * can't make or mount the file system that comes next.
   */
  eraseUnfinishedFormat(request: FileSystemOn, signal: AbortSignal): Promise<Result<void>>;
  /**
   * Replays the journal and repairs what can be repaired without losing data; XFS and btrfs do that when
   * they are mounted. Nothing on a write-protected device, whose mount says so. A file system without a
   * remark was whole, or only interrupted. Fails with `FileSystemBroken`.
   */
  checkFileSystem(request: FileSystemOn, signal: AbortSignal): Promise<Result<CheckRemark | void>>;
  /** The present values of the device's settings; one that the device lacks is absent. */
  readDeviceSettings(
    device: Device,
    signal: AbortSignal,
  ): Promise<Result<Readonly<Partial<Record<DeviceSettingName, string>>>>>;
  /**
   * Gives one setting of the device a value, which the kernel may round; does nothing where it has it. The
   * kernel forgets it with the device. Fails with `DeviceSettingRefused`, or with `WrongDevice` if the name
   * leads to another number.
   */
  writeDeviceSetting(
    request: { readonly device: Device; readonly setting: DeviceSetting },
    signal: AbortSignal,
  ): Promise<Result<void>>;
  /**
   * Grows a file system, checked and not mounted, to its device on hosts that can't grow a mounted one:
   * ext without CAP_SYS_RESOURCE. Elsewhere it does nothing, and `growFileSystem` grows it in use. The check
   * before that looks at all of it, and may have repaired something.
   */
  growBeforeMount(request: FileSystemOn, signal: AbortSignal): Promise<Result<CheckRemark | void>>;
  /**
   * Mounts a file system at `path`, making the directory. Success if that device is mounted there already
   * and alive. Fails with `MountedOtherwise` where another one is, or this one is with other access, with
   * `FileSystemNotUnique` where the kernel would mount another disk with the same file system, and with
   * `WriteProtected` where the device takes no writes and neither `readOnly` nor a flag asks for a read-only
   * mount. Fails with `JournalNotReplayed` where one does, and the journal has to be written for it.
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
  ): Promise<Result<void>>;
  /**
   * Binds the mount at `stagingPath` to `targetPath`, making the directory. Fails with `InvalidArgument`
   * where the target is a symbolic link, as do all mounts, and with `DeviceBusy` where the mount is read-only
   * and neither `readOnly` nor a flag asks for that, unless it is bound there already.
   */
  bindMount(
    request: {
      readonly stagingPath: string;
      readonly targetPath: string;
      readonly readOnly: boolean;
      readonly mountFlags: readonly string[];
    },
    signal: AbortSignal,
  ): Promise<Result<void>>;
  /** Binds a raw device to the file `targetPath`, making it. Fails with `MountedOtherwise` like a mount. */
  bindDevice(
    request: { readonly device: Device; readonly targetPath: string; readonly readOnly: boolean },
    signal: AbortSignal,
  ): Promise<Result<void>>;
  /**
   * The mount at `path`, undefined if there is none. Reads from the device to check whether it still
   * responds.
   */
  mountAt(path: string, signal: AbortSignal): Promise<Result<MountPoint | undefined>>;
  /**
   * Every mount of a device, by its `majorMinor`, including bind mounts, raw block binds, and the mounts of a
   * disk's partitions. `isDead` is the kernel's state, without any I/O.
   */
  mountsOf(majorMinor: string, signal: AbortSignal): Promise<Result<readonly MountPoint[]>>;
  /**
   * Unmounts `path` (flushing first) and removes it; success if nothing is there. Never lazy, never by
   * force. Fails with `DeviceBusy`, and with `WritesLost`, once, where the flush shows that the disk has not
   * taken all that was written: the kernel keeps none of that, and the next call unmounts.
   */
  unmount(path: string, signal: AbortSignal): Promise<Result<void>>;
  /**
   * Unmounts what is bound to `targetPath`, as `unmount` does, and leaves a *placeholder*: an empty file
   * system that rejects every write (EROFS), however a container mounts it, and that mountinfo
   * identifies. Where mounts are propagated, as on a node of Kubernetes, the directory below is never
   * visible in between; elsewhere it is for some milliseconds. Does nothing where one exists already.
   * Without a directory below it only unmounts: a file that is bound there, or nothing. A later
   * `bindMount` covers it, `unmount` or a reboot removes it. Fails with `DeviceBusy`.
   */
  mountPlaceholder(targetPath: string, signal: AbortSignal): Promise<Result<void>>;
  /** Flushes a file system to its device. An I/O error is a failure. */
  flush(path: string, signal: AbortSignal): Promise<Result<void>>;
  /**
   * Freezes the file system that is mounted at `path`: what was written is on the device, and each further
   * write waits. A process of its own thaws it when this process ends, however it ends, and after `limitMs`
   * at the latest; `bindMount`, `unmount`, `mountPlaceholder` and `growFileSystem` of its device thaw it
   * first. Fails with `PathNotMounted`, with `WrongDevice` if another device is mounted there, or with
   * `DeviceBusy` if the kernel refuses: nothing was frozen then, and a thaw would end another's freeze.
   * Nothing was frozen, either, where it fails with `WritesLost`, once, as `unmount` does.
   */
  freeze(
    request: { readonly path: string; readonly majorMinor: string; readonly limitMs: number },
    signal: AbortSignal,
  ): Promise<Result<void>>;
  /**
   * Thaws a file system, whatever has frozen it; success if it is not frozen, or not mounted. Answers
   * whether it was frozen all the time since `freeze` of this process.
   */
  thaw(
    request: { readonly path: string; readonly majorMinor: string },
    signal: AbortSignal,
  ): Promise<Result<{ readonly held: boolean }>>;
  /**
   * Grows a file system to its device. Fails with `GrowsUnmounted` where it is mounted and does not grow so:
   * read-only, with errors that the next check repairs, or on a host that forbids it, where `growBeforeMount`
   * will; with `PathNotMounted` for one that only grows while mounted; with `DeviceBusy` while it is frozen.
   */
  growFileSystem(
    request: { readonly device: Device; readonly mountPath: string; readonly fsType: FileSystemType },
    signal: AbortSignal,
  ): Promise<Result<void>>;
  fileSystemStats(path: string, signal: AbortSignal): Promise<Result<FileSystemStats>>;
  deviceSize(path: string, signal: AbortSignal): Promise<Result<Bytes>>;
  /** The kind of file at `path`. */
  pathKind(
    path: string,
    signal: AbortSignal,
  ): Promise<Result<"absent" | "file" | "directory" | "blockDevice" | "other">>;
  /**
   * A value that changes while the device is written to (its write counters), for watching an unmount's
   * progress.
   */
  writeProgress(majorMinor: string, signal: AbortSignal): Promise<Result<string>>;
  /**
   * *Clean* (writer protocol): no child of an earlier plug-in instance is alive, and the volume's devices
   * are absent or open exclusively, with no mount in any mount namespace and, for raw block, no open
   * descriptor and no loop device on them, and what was written to them is on the disk, unless the request
   * needs no flush. Answers why not.
   */
  isClean(request: CleanRequest, signal: AbortSignal): Promise<Result<CleanJudgement>>;
  /** Whether a command of an earlier plug-in instance still runs: nothing may be acquired until it ends. */
  earlierChildrenAlive(signal: AbortSignal): Promise<Result<boolean>>;
}
