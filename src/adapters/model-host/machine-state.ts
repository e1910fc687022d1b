import type { Failure } from "../../core/failure/failure.ts";
import type { DeviceContent } from "../../core/node/device/judge-device-content.ts";
import type { DeviceSettingName } from "../../core/volume/device/device-settings.ts";
import type { Clock } from "../../ports/clock.ts";
import type { HostProvisioner } from "../../ports/host/host-provisioner.ts";
import type { ModelDisk } from "./model-disk.ts";
import type { ModelOperations } from "./model-operations.ts";
import { acceptsWrites, type ReservedDevice } from "./reservation/model-reservation.ts";

/** One disk as one machine sees it while it is attached. A disk that comes back is another device. */
export interface ModelDevice extends ReservedDevice {
  readonly path: string;
  readonly majorMinor: string;
  /** Another one comes to it where the platform replaces the disk unnoticed. */
  disk: ModelDisk;
  /** The size that the kernel last read. */
  knownBytes: bigint;
  /** `cutOff`: still visible, but every write and direct read fails. */
  state: "present" | "cutOff" | "gone";
  /**
   * The kernel's cache of its blocks, as of their read: every read is answered from here until it is
   * dropped. Undefined: nothing.
   */
  cached: CachedBlocks | undefined;
  /** Written, but not flushed: lost with the machine. */
  readonly unflushed: Map<string, string>;
  writesDone: number;
  /** Settings of its queue: the kernel's own, until they are written. */
  readonly settings: Map<DeviceSettingName, string>;
}

/** What a disk held when a kernel read it. */
export interface CachedBlocks {
  content: DeviceContent;
  readonly files: Map<string, string>;
}

/** A mount in the machine's one mount namespace. */
export interface ModelMount {
  readonly path: string;
  readonly device: ModelDevice;
  /** A file system's type, or undefined for a bound raw device. */
  readonly fsType: string | undefined;
  readonly readOnly: boolean;
  openFiles: number;
}

/**
 * What a container holds of a device: a copy of its mount in a namespace of its own, or an open raw
 * device. Unmounting outside does not end it.
 */
export interface HeldVolume {
  readonly device: ModelDevice;
  readonly access: "mount" | "block";
  readonly readOnly: boolean;
}

/** A frozen file system. */
export interface ModelFreeze {
  readonly instanceNumber: number;
  readonly sinceMs: number;
  /** When its holder thaws it; undefined: the holder was killed, with its plug-in. */
  readonly untilMs: number | undefined;
}

/** A change of a disk: the simulation's checkers judge these. */
export interface ModelDiskWrite {
  readonly nodeName: string;
  readonly diskUri: string;
  readonly by: "format" | "check" | "mount" | "grow" | "flush";
}

/** The methods of a host that can be made to fail or to take time. */
export type HostMethod = keyof HostProvisioner;

/** The state of one machine, for the host that acts on it. */
export interface MachineState {
  readonly nodeName: string;
  readonly clock: Clock;
  /** Whether an ext file system that is mounted can be grown. */
  readonly mayGrowMountedExt: boolean;
  readonly operations: ModelOperations;
  readonly devicesByLun: Map<number, ModelDevice>;
  /**
   * The links that udev has made, by LUN: the name of each one's device, which is another disk's by now
   * if udev lags.
   */
  readonly links: Map<number, string>;
  /** How long one search for a device waits for it, in milliseconds. */
  readonly deviceWaitMs: number;
  readonly mounts: ModelMount[];
  /** Where a placeholder is mounted; below what else is mounted there, if anything is. */
  readonly placeholders: Set<string>;
  /** What containers hold. */
  readonly heldVolumes: Set<HeldVolume>;
  /** The devices that plug-ins keep open to reserve their numbers. */
  readonly holds: Set<{ readonly device: ModelDevice; readonly instanceNumber: number }>;
  /** The raw devices that processes have open, also detached ones. */
  readonly rawDescriptors: Set<{ readonly device: ModelDevice }>;
  /** The freezes of file systems, by their device: whose, and until when. */
  readonly freezes: Map<ModelDevice, ModelFreeze>;
  /** Paths that exist below no mount, and what they are. */
  readonly paths: Map<string, "directory" | "file" | "strayFile">;
  readonly liveInstances: Set<number>;
  /**
   * A process other than the driver reads each device when it appears and after its last unmount, and
   * keeps it open: the kernel drops none of its blocks.
   */
  readonly keepsDevicesOpen: boolean;
  latencyMs: (method: HostMethod) => number;
  takeFault: (method: HostMethod) => Failure | undefined;
  wrote: (device: ModelDevice, by: ModelDiskWrite["by"]) => void;
  /** Data was written into the cache that is not on its disk yet. */
  cached: () => void;
  /** A plug-in has removed a mount. */
  unmounted: (mount: ModelMount) => void;
}

/** Since when a file system is frozen; undefined: it is not. */
export function frozenSinceMs({ freezes, clock }: MachineState, device: ModelDevice): number | undefined {
  const freeze = freezes.get(device);
  if (freeze?.untilMs !== undefined && clock.elapsedMs() >= freeze.untilMs) freezes.delete(device);
  return freezes.get(device)?.sinceMs;
}

/** The answer to a read of a device: the cached blocks, or else the disk's. */
export function blocksOf({ cached, disk }: ModelDevice): Readonly<CachedBlocks> {
  return cached ?? disk;
}

/** Makes the kernel cache the blocks of a device as they are now, unless it has them. */
export function readBlocks(device: ModelDevice): void {
  device.cached ??= { content: device.disk.content, files: new Map(device.disk.files) };
}

/** Writes to a device: to the disk, and to what is cached of it here. */
export function writeContent(device: ModelDevice, content: DeviceContent): void {
  for (const blocks of [device.disk, device.cached]) {
    if (blocks === undefined) continue;
    blocks.content = content;
    blocks.files.clear();
  }
}

function writeRawContent(device: ModelDevice): void {
  for (const blocks of [device.disk, device.cached])
    if (blocks !== undefined)
      blocks.content = {
        kind: "otherData",
        detail: "no known signature, but data at its start",
        hasNoSignature: true,
      };
}

/** Whether a file system of the device is mounted anywhere on the machine, in any namespace. */
export function isMounted(state: MachineState, device: ModelDevice): boolean {
  return (
    state.mounts.some((mount) => mount.device === device && mount.fsType !== undefined) ||
    [...state.heldVolumes].some((held) => held.device === device && held.access === "mount")
  );
}

/**
 * Empties a device's cache once its last mount has ended: written back, or lost with a device that
 * takes no more writes.
 */
export function afterUnmount(state: MachineState, device: ModelDevice): void {
  if (isMounted(state, device) || state.mounts.some((mount) => mount.device === device)) return;
  if ([...state.heldVolumes].some((held) => held.device === device)) return;
  if (!flushDevice(state, device)) device.unflushed.clear();
  if (state.keepsDevicesOpen) readBlocks(device);
}

/** Writes back what a device has cached; false if the disk no longer takes it. */
export function flushDevice(state: MachineState, device: ModelDevice): boolean {
  if (!acceptsWrites(device)) return false;
  if (device.unflushed.size === 0) return true;
  for (const [name, text] of device.unflushed) {
    device.disk.files.set(name, text);
    device.cached?.files.set(name, text);
  }
  // A write past every file system leaves data that no tool knows.
  if (device.disk.content.kind === "blank") writeRawContent(device);
  device.unflushed.clear();
  state.wrote(device, "flush");
  return true;
}
