import { isSameResourceUri } from "../../core/azure/ids/disk-uri.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { invariant } from "../../core/failure/invariant.ts";
import type { Clock } from "../../ports/clock.ts";
import type { HostProvisioner } from "../../ports/host/host-provisioner.ts";
import { afterUnmount, blocksOf, flushDevice, frozenSinceMs, readBlocks } from "./machine-state.ts";
import type {
  HeldVolume,
  HostMethod,
  MachineState,
  ModelDevice,
  ModelDiskWrite,
  ModelMount,
} from "./machine-state.ts";
import type { ModelDisk } from "./model-disk.ts";
import { createModelHost } from "./model-host.ts";
import { createModelOperations } from "./model-operations.ts";
import { kernelSettings } from "./model-settings.ts";
import { acceptsWrites, forgetReservation } from "./reservation/model-reservation.ts";

/** The answer to a process that writes or reads: the kernel's error, or the text. */
export type ModelIo =
  | { readonly kind: "done"; readonly text: string }
  | { readonly kind: "EIO" | "EROFS" | "ENOENT" }
  /** The call does not return before the file system is thawed. */
  | { readonly kind: "frozen" };

/**
 * A volume as a container has it: in a mount namespace of its own, or as an open raw device. It stays
 * until it is closed, whatever is unmounted outside.
 */
export interface OpenVolume {
  /** A process begins: opens the volume for reading and writing. */
  readonly open: () => ModelIo;
  /** Writes a file, or the block of a raw device: into the cache, until a sync. */
  readonly write: (name: string, text: string) => ModelIo;
  readonly read: (name: string) => ModelIo;
  readonly sync: () => ModelIo;
  /**
   * A process ends: what it wrote stays in the cache, and goes to the disk with the last mount. Does
   * nothing once the machine has lost it.
   */
  readonly close: () => void;
}

/** One machine with its devices, mounts and plug-in instances, and the switches for its faults. */
export interface ModelMachine {
  /** Starts a plug-in instance. An earlier one that is not killed counts as alive. */
  readonly startPlugin: () => HostProvisioner;
  /** Kills a plug-in instance. `childrenSurvive`: its commands continue, and take effect later. */
  readonly killPlugin: (host: HostProvisioner, how: { readonly childrenSurvive: boolean }) => void;
  readonly attach: (at: { readonly lun: number; readonly disk: ModelDisk }) => void;
  /** The device disappears; mounts from it are dead. */
  readonly detach: (lun: number) => void;
  /**
   * The platform has detached the disk, but the machine has not noticed: the device is there, and every
   * write fails.
   */
  readonly cutOff: (lun: number) => void;
  /**
   * Another disk takes the place of one that was cut off before the machine has noticed: the kernel takes it
   * for the disk that was there, and what it has cached of that for this one's.
   */
  readonly replace: (at: { readonly lun: number; readonly disk: ModelDisk }) => void;
  /**
   * `lags`: links stay as they are, whatever devices appear and disappear. `lost`: there are none.
   * `runs`, the default: they follow the devices.
   */
  readonly setUdev: (how: "runs" | "lags" | "lost") => void;
  /** Power lost: mounts, processes and everything unflushed are gone; disks stay attached. */
  readonly reboot: () => void;
  /** A process writes a file: into the cache, until a flush. */
  readonly writeFile: (path: string, text: string) => ModelIo;
  readonly readFile: (path: string) => ModelIo;
  /** A process flushes what it wrote. */
  readonly fsync: (path: string) => ModelIo;
  /** A process keeps a file open below a mount; the answer closes it. */
  readonly openFile: (path: string) => () => void;
  /**
   * A container starts with what is mounted, or bound as a raw device, at exactly that path; undefined if
   * nothing is.
   */
  readonly openVolume: (path: string) => OpenVolume | undefined;
  /** Makes an empty directory. */
  readonly makeDirectory: (path: string) => void;
  /**
   * Whether this machine can complete a write to that disk: a writable mount in any namespace, or a raw
   * device bound or open, of a device that takes writes.
   */
  readonly canWrite: (diskUri: string) => boolean;
  /**
   * A process keeps a device open that it has read: the kernel answers from what it cached then, until
   * that is dropped.
   */
  readonly readDevice: (lun: number) => void;
  /** A process reads, or writes and syncs, a block of a raw device. */
  readonly readBlock: (lun: number, name: string) => string | undefined;
  readonly writeBlock: (lun: number, name: string, text: string) => void;
  /** A process keeps the raw device open, even after it was detached; the answer closes it. */
  readonly openRaw: (lun: number) => () => void;
  /**
   * The kernel writes back its whole cache, as it does by itself now and then. Writes that a disk does
   * not take any more stay there.
   */
  readonly writeBack: () => void;
  readonly failNext: (method: HostMethod, failure: Failure) => void;
  /** Commands take that much longer than they usually do. */
  readonly setLatencyMs: (method: HostMethod, latencyMs: number) => void;
  /** Where a placeholder shows: nothing is mounted over it. */
  readonly placeholders: () => readonly string[];
  /** The commands under way, as `<method> <what it touches>`. */
  readonly commandsInFlight: () => readonly string[];
  /** The disks whose file systems are frozen, and for how long, in milliseconds. */
  readonly frozenDisks: () => readonly { readonly diskUri: string; readonly forMs: number }[];
  /** The file systems that processes can write: whether frozen, and what is in the cache only. */
  readonly writableFileSystems: () => readonly ModelFileSystem[];
  readonly mounts: () => readonly {
    readonly path: string;
    readonly diskUri: string;
    readonly readOnly: boolean;
    readonly canWrite: boolean;
  }[];
}

/** A file system that is mounted writable, in any mount namespace, of a device that takes writes. */
export interface ModelFileSystem {
  readonly diskUri: string;
  /** In milliseconds; undefined: it is not frozen. */
  readonly frozenForMs: number | undefined;
  /** The files that were written and are not on the disk. */
  readonly unflushed: readonly string[];
}

/** A mount that a plug-in has removed, as it was before. */
export interface ModelUnmount {
  readonly path: string;
  readonly diskUri: string;
  /** Writes through it reached the disk. */
  readonly canWrite: boolean;
}

interface DeviceUser {
  readonly device: ModelDevice;
  readonly readOnly?: boolean;
}

/** A disk that refuses this machine's writes from now on: another one has reserved it. */
export interface ModelRefusal {
  readonly disk: ModelDisk;
  /** Something here had it mounted writable, or raw. */
  readonly couldWrite: boolean;
}

/** The first major number of the kernel's `sd` driver, so that a model's messages look like real ones. */
const sdMajor = 8;

/** How long one search for a device waits for it, in milliseconds, as on Linux. */
const DEVICE_WAIT_MS = 5_000;

/** The index of the first data disk: sda is the system's, sdb the temporary one. */
const FIRST_INDEX = 2;

/**
 * Creates a machine without devices. `onDiskWrite` receives every change of a disk, `onCached` every write
 * into the cache, `onUnmount` every mount that a plug-in removes, `onRefused` every disk that another machine
 * reserves; commands take `usualLatencyMs`, by default no time; `mayGrowMountedExt`, default true, is false
 * if plug-ins lack CAP_SYS_RESOURCE. `reusesNumbers`, default false: a new device gets the lowest free
 * number, as the kernel may do, else a new one. `keepsDevicesOpen`, default false: another process, such as
 * multipathd, reads each device and keeps it open, so that the kernel has old blocks of a disk that another
 * machine writes.
 */
export function createModelMachine({
  nodeName,
  clock,
  mayGrowMountedExt = true,
  reusesNumbers = false,
  onDiskWrite,
  onCached,
  onUnmount,
  onRefused,
  usualLatencyMs = () => 0,
  deviceWaitMs = DEVICE_WAIT_MS,
  keepsDevicesOpen = false,
}: {
  readonly nodeName: string;
  readonly clock: Clock;
  readonly mayGrowMountedExt?: boolean;
  readonly reusesNumbers?: boolean;
  readonly onDiskWrite?: (write: ModelDiskWrite) => void;
  readonly onCached?: () => void;
  readonly onUnmount?: (mount: ModelUnmount) => void;
  readonly onRefused?: (refused: ModelRefusal) => void;
  readonly usualLatencyMs?: (method: HostMethod) => number;
  readonly deviceWaitMs?: number;
  readonly keepsDevicesOpen?: boolean;
}): ModelMachine {
  const faults = new Map<HostMethod, Failure[]>();
  const latencies = new Map<HostMethod, number>();
  let devicesMade = 0;
  let isUdevHeld = false;
  const instanceNumbers = new Map<HostProvisioner, number>();
  let instancesStarted = 0;
  const state: MachineState = {
    nodeName,
    clock,
    mayGrowMountedExt,
    operations: createModelOperations(clock),
    devicesByLun: new Map(),
    links: new Map(),
    deviceWaitMs,
    mounts: [],
    placeholders: new Set(),
    heldVolumes: new Set(),
    holds: new Set(),
    rawDescriptors: new Set(),
    freezes: new Map(),
    paths: new Map(),
    liveInstances: new Set(),
    keepsDevicesOpen,
    latencyMs: (method) => usualLatencyMs(method) + (latencies.get(method) ?? 0),
    takeFault: (method) => faults.get(method)?.shift(),
    wrote: (device, by) => {
      device.writesDone += 1;
      onDiskWrite?.({ nodeName, diskUri: device.disk.diskUri, by });
    },
    cached: () => onCached?.(),
    unmounted: (mount) =>
      onUnmount?.({ path: mount.path, diskUri: mount.device.disk.diskUri, canWrite: takesWrites(mount) }),
  };
  const deviceAt = (lun: number): ModelDevice => {
    const device = state.devicesByLun.get(lun);
    invariant(device !== undefined, `no disk is attached at LUN ${lun} of ${nodeName}`);
    return device;
  };
  /** As udev does, unless it is held. */
  const makeLinks = (): void => {
    if (isUdevHeld) return;
    state.links.clear();
    for (const [lun, { path }] of state.devicesByLun) state.links.set(lun, path);
  };
  const withMount = (path: string, act: (mount: ModelMount, name: string) => ModelIo): ModelIo => {
    const mount = mountAbove(state, path);
    return mount === undefined ? { kind: "ENOENT" } : act(mount, path.slice(mount.path.length));
  };
  const isOnPlaceholder = (path: string): boolean =>
    mountAbove(state, path) === undefined &&
    [...state.placeholders].some((above) => path.startsWith(`${above}/`));

  return {
    startPlugin: () => {
      instancesStarted += 1;
      state.liveInstances.add(instancesStarted);
      const host = createModelHost(state, instancesStarted);
      instanceNumbers.set(host, instancesStarted);
      return host;
    },
    killPlugin: (host, { childrenSurvive }) => {
      const instanceNumber = instanceNumbers.get(host);
      invariant(instanceNumber !== undefined, `the host is not one of ${nodeName}`);
      state.liveInstances.delete(instanceNumber);
      for (const hold of state.holds) if (hold.instanceNumber === instanceNumber) state.holds.delete(hold);
      if (!childrenSurvive) state.operations.kill((operation) => operation.instanceNumber === instanceNumber);
      for (const [device, freeze] of state.freezes) {
        if (freeze.instanceNumber !== instanceNumber) continue;
        // Its holder thaws at the end of its input.
        if (childrenSurvive) state.freezes.delete(device);
        else if (frozenSinceMs(state, device) !== undefined)
          state.freezes.set(device, { ...freeze, untilMs: undefined });
      }
    },
    attach: ({ lun, disk }) => {
      invariant(!state.devicesByLun.has(lun), `LUN ${lun} of ${nodeName} is taken`);
      const index = reusesNumbers ? lowestFree(state) : FIRST_INDEX + devicesMade;
      devicesMade += 1;
      const device: ModelDevice = {
        machine: state,
        path: `/dev/sd${String.fromCharCode("a".charCodeAt(0) + index)}`,
        majorMinor: numberOf(index),
        disk,
        knownBytes: disk.sizeBytes,
        state: "present",
        cached: undefined,
        unflushed: new Map(),
        writesDone: 0,
        settings: kernelSettings(),
        refused: ({ isAborted }) => {
          if (!isAborted) leaveAccepted(state, device);
          const users = usersOf(state).filter((user) => user.device === device);
          onRefused?.({ disk: device.disk, couldWrite: users.some(({ readOnly }) => readOnly !== true) });
        },
      };
      state.devicesByLun.set(lun, device);
      disk.reservation.devices.add(device);
      if (keepsDevicesOpen) readBlocks(device);
      makeLinks();
    },
    detach: (lun) => {
      const device = deviceAt(lun);
      state.operations.cutOff(device.majorMinor);
      device.state = "gone";
      state.devicesByLun.delete(lun);
      leave(device);
      makeLinks();
    },
    replace: ({ lun, disk }) => {
      const device = deviceAt(lun);
      invariant(device.state === "cutOff", `the disk at LUN ${lun} of ${nodeName} was not cut off`);
      device.disk = disk;
      device.state = "present";
      disk.reservation.devices.add(device);
    },
    setUdev: (how) => {
      isUdevHeld = how !== "runs";
      if (how === "lost") state.links.clear();
      makeLinks();
    },
    cutOff: (lun) => {
      const device = deviceAt(lun);
      if (device.state === "present") state.operations.cutOff(device.majorMinor);
      device.state = "cutOff";
      leave(device);
    },
    reboot: () => {
      state.liveInstances.clear();
      state.operations.kill(() => true);
      state.mounts.length = 0;
      state.placeholders.clear();
      state.heldVolumes.clear();
      state.holds.clear();
      state.rawDescriptors.clear();
      state.freezes.clear();
      for (const device of state.devicesByLun.values()) {
        device.unflushed.clear();
        device.cached = undefined;
        if (keepsDevicesOpen) readBlocks(device);
        device.knownBytes = device.disk.sizeBytes;
      }
    },
    writeFile: (path, text) =>
      isOnPlaceholder(path)
        ? { kind: "EROFS" }
        : withMount(path, (mount, name) =>
            mount.device.state === "present" ? writeText(state, mount, name, text) : { kind: "EIO" },
          ),
    readFile: (path) => withMount(path, ({ device }, name) => readText(device, name)),
    fsync: (path) => withMount(path, ({ device }) => syncDevice(state, device)),
    openFile: (path) => {
      const mount = mountAbove(state, path);
      invariant(mount !== undefined, `nothing is mounted above ${path}`);
      mount.openFiles += 1;
      return () => {
        mount.openFiles -= 1;
      };
    },
    openVolume: (path) => {
      const mount = state.mounts.findLast((candidate) => candidate.path === path);
      if (mount !== undefined) return holdVolume(state, mount);
      return state.placeholders.has(path) ? openPlaceholder() : undefined;
    },
    makeDirectory: (path) => state.paths.set(path, "directory"),
    canWrite: (diskUri) =>
      usersOf(state).some(
        (user) => takesWrites(user) && isSameResourceUri(user.device.disk.diskUri, diskUri),
      ),
    readDevice: (lun) => readBlocks(deviceAt(lun)),
    readBlock: (lun, name) => blocksOf(deviceAt(lun)).files.get(name),
    writeBlock: (lun, name, text) => {
      const device = deviceAt(lun);
      device.unflushed.set(name, text);
      flushDevice(state, device);
    },
    openRaw: (lun) => {
      const descriptor = { device: deviceAt(lun) };
      state.rawDescriptors.add(descriptor);
      return () => {
        state.rawDescriptors.delete(descriptor);
      };
    },
    writeBack: () => {
      for (const device of state.devicesByLun.values()) flushDevice(state, device);
    },
    failNext: (method, failure) => faults.set(method, [...(faults.get(method) ?? []), failure]),
    setLatencyMs: (method, latencyMs) => latencies.set(method, latencyMs),
    placeholders: () =>
      [...state.placeholders].filter((path) => !state.mounts.some((mount) => mount.path === path)).toSorted(),
    commandsInFlight: () => state.operations.inFlight().map(({ line }) => line),
    frozenDisks: () =>
      [...state.freezes.keys()].flatMap((device) => {
        const sinceMs = frozenSinceMs(state, device);
        return sinceMs === undefined
          ? []
          : [{ diskUri: device.disk.diskUri, forMs: clock.elapsedMs() - sinceMs }];
      }),
    writableFileSystems: () => [...writableDevices(state)].map((device) => fileSystemOf(state, device)),
    mounts: () =>
      state.mounts.map((mount) => ({
        path: mount.path,
        diskUri: mount.device.disk.diskUri,
        readOnly: mount.readOnly,
        canWrite: takesWrites(mount),
      })),
  };
}

function writableDevices({ mounts, heldVolumes }: MachineState): ReadonlySet<ModelDevice> {
  const fileSystems = [
    ...mounts.filter(({ fsType }) => fsType !== undefined),
    ...[...heldVolumes].filter(({ access }) => access === "mount"),
  ];
  return new Set(fileSystems.filter(takesWrites).map(({ device }) => device));
}

/** What can write to devices: mounts, and what containers and processes hold. */
function usersOf({ mounts, heldVolumes, rawDescriptors }: MachineState): readonly DeviceUser[] {
  return [...mounts, ...heldVolumes, ...rawDescriptors];
}

/** The disk has what is in a machine's cache, and may carry it out while the machine has the disk. */
function leaveAccepted(state: MachineState, device: ModelDevice): void {
  const { disk, unflushed } = device;
  if (unflushed.size === 0) return;
  const accepted = new Map(unflushed);
  disk.reservation.accepted.push(() => {
    if (device.state !== "present") return;
    for (const [name, text] of accepted) disk.files.set(name, text);
    state.wrote(device, "flush");
  });
}

/** A machine has lost a disk. */
function leave({ disk }: ModelDevice): void {
  const { devices, isLostWithLastDetach } = disk.reservation;
  for (const device of devices) if (device.state !== "present") devices.delete(device);
  if (isLostWithLastDetach && devices.size === 0) forgetReservation(disk);
}

/** Whether a write through a mount, or by what a container or process holds, reaches the disk. */
function takesWrites({ device, readOnly = false }: DeviceUser): boolean {
  return !readOnly && acceptsWrites(device);
}

/** A write into the cache of a device that is present. */
function writeText(
  state: MachineState,
  { device, readOnly, access }: Pick<ModelMount, "device" | "readOnly"> & Partial<HeldVolume>,
  name: string,
  text: string,
): ModelIo {
  if (readOnly) return { kind: "EROFS" };
  if (access !== "block" && frozenSinceMs(state, device) !== undefined) return { kind: "frozen" };
  device.unflushed.set(name, text);
  state.cached();
  return { kind: "done", text };
}

function readText(device: ModelDevice, name: string): ModelIo {
  const text = device.unflushed.get(name) ?? blocksOf(device).files.get(name);
  return text === undefined ? { kind: "ENOENT" } : { kind: "done", text };
}

function syncDevice(state: MachineState, device: ModelDevice): ModelIo {
  return flushDevice(state, device) ? { kind: "done", text: "" } : { kind: "EIO" };
}

function fileSystemOf(state: MachineState, device: ModelDevice): ModelFileSystem {
  const sinceMs = frozenSinceMs(state, device);
  return {
    diskUri: device.disk.diskUri,
    frozenForMs: sinceMs === undefined ? undefined : state.clock.elapsedMs() - sinceMs,
    unflushed: [...device.unflushed.keys()],
  };
}

/** Empty, and nothing can be written to it. */
function openPlaceholder(): OpenVolume {
  return {
    open: () => ({ kind: "EROFS" }),
    write: () => ({ kind: "EROFS" }),
    read: () => ({ kind: "ENOENT" }),
    sync: () => ({ kind: "done", text: "" }),
    close: () => {},
  };
}

function holdVolume(state: MachineState, { device, fsType, readOnly }: ModelMount): OpenVolume {
  const held: HeldVolume = { device, access: fsType === undefined ? "block" : "mount", readOnly };
  state.heldVolumes.add(held);
  const io = (act: () => ModelIo): ModelIo =>
    state.heldVolumes.has(held) && device.state === "present" ? act() : { kind: "EIO" };
  return {
    open: () => io(() => (readOnly ? { kind: "EROFS" } : { kind: "done", text: "" })),
    write: (name, text) => io(() => writeText(state, held, name, text)),
    read: (name) => io(() => readText(device, name)),
    sync: () => io(() => syncDevice(state, device)),
    close: () => {
      if (state.heldVolumes.delete(held)) afterUnmount(state, device);
    },
  };
}

/**
 * A mount, or an open descriptor, of a device that has gone keeps its number from others; a command
 * that has inherited none does not.
 */
function lowestFree({
  devicesByLun,
  mounts,
  heldVolumes,
  holds,
  rawDescriptors,
  operations,
}: MachineState): number {
  const devices = [
    ...devicesByLun.values(),
    ...[...mounts, ...heldVolumes, ...holds, ...rawDescriptors].map(({ device }) => device),
  ];
  const held = new Set([
    ...devices.map(({ majorMinor }) => majorMinor),
    ...operations.inFlight().flatMap(({ heldNumbers }) => heldNumbers),
  ]);
  let index = FIRST_INDEX;
  while (held.has(numberOf(index))) index += 1;
  return index;
}

/** The number of the disk with that index among all: sda is 0. */
function numberOf(index: number): string {
  return `${sdMajor}:${index * 16}`;
}

function mountAbove(state: MachineState, path: string): ModelMount | undefined {
  return state.mounts.findLast((mount) => path === mount.path || path.startsWith(`${mount.path}/`));
}
