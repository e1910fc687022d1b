import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { TestContext } from "node:test";
import type { Result } from "../../../src/core/failure/result.ts";
import type { Platform } from "../../../src/core/platform/platform.ts";
import { valueOf } from "../../../src/core/testing/value-of.ts";
import type { FileSystemType } from "../../../src/core/volume/device/file-system.ts";
import type { CleanRequest, Device, HostProvisioner } from "../../../src/ports/host/host-provisioner.ts";

type DeclareTest = (
  sentence: string,
  test: (world: HostWorld, context: TestContext) => Promise<void>,
) => void;

/** How a contract declares a test of a platform's host. */
export interface HostSuite {
  readonly on: DeclareTest;
  /** Of what only Linux nodes serve. */
  readonly onLinux: DeclareTest;
  readonly onWindows: DeclareTest;
  /** Of the host. */
  readonly name: string;
  readonly platform: Platform;
  /** Those of the platform. */
  readonly fileSystems: readonly FileSystemType[];
  readonly usual: FileSystemType;
}

/**
 * A machine with a host to test against the contract, and operations that stand for platforms, processes
 * and people.
 */
export interface HostWorld {
  readonly host: HostProvisioner;
  /** Where the test may mount; at first nothing exists there. */
  readonly pathOf: (name: string) => string;
  readonly attachDisk: (at: { readonly lun: number; readonly sizeBytes: bigint }) => Promise<void>;
  /** The platform detaches the disk: every write fails from now on, and the LUN's link is removed. */
  readonly detachDisk: (lun: number) => Promise<void>;
  /** The platform moves a disk from one LUN to another; the kernel assigns any free name and number. */
  readonly moveDisk: (move: { readonly fromLun: number; readonly toLun: number }) => Promise<void>;
  /**
   * Attaches the disk of one LUN a second time, with its own device and cache, as a second machine would.
   */
  readonly attachSameDisk: (at: { readonly lun: number; readonly asLun: number }) => Promise<void>;
  /** Attaches a disk that the platform has made as a copy of another one, with what that holds by now. */
  readonly attachCopy: (of: {
    readonly lun: number;
    readonly asLun: number;
    readonly sizeBytes: bigint;
  }) => Promise<void>;
  /**
   * A process reads the device and keeps it open, so that the kernel keeps its blocks cached. The answer
   * closes it.
   */
  readonly keepDeviceRead: (lun: number) => Promise<() => Promise<void>>;
  /**
   * A process writes a text to the raw device, and syncs it; a process reads it there, as the kernel has
   * it.
   */
  readonly writeRaw: (lun: number, text: string) => Promise<void>;
  readonly readRaw: (lun: number) => Promise<string>;
  readonly growDisk: (at: { readonly lun: number; readonly sizeBytes: bigint }) => Promise<void>;
  /** An application has written to the raw disk. */
  readonly scribble: (lun: number) => Promise<void>;
  readonly writeFile: (path: string, text: string) => Promise<void>;
  readonly readFile: (path: string) => Promise<string>;
  readonly makeDirectory: (path: string) => Promise<void>;
  /** A process keeps a file open; the returned function closes it. */
  readonly keepFileOpen: (path: string) => Promise<() => Promise<void>>;
  /** A process keeps the raw device open, not exclusively; the returned function closes it. */
  readonly keepDeviceOpen: (device: Device) => Promise<() => Promise<void>>;
  /** The next mount command stops right before it mounts, as on a machine that freezes. */
  readonly stopNextMount: () => Promise<StoppedMount>;
  /** A new instance of the plug-in; the one before it lives on until `endFirst`. */
  readonly startSecondPlugin: () => Promise<{
    readonly host: HostProvisioner;
    readonly endFirst: () => Promise<void>;
  }>;
  /** Why this machine can't make a file system; undefined if it can. */
  readonly whyNot: (fsType: FileSystemType) => string | undefined;
  /** Whether the kernel permits growing a mounted ext4, which needs CAP_SYS_RESOURCE. */
  readonly mayGrowMountedExt4: boolean;
  readonly close: () => Promise<void>;
}

/** A mount command that stops before it mounts. */
export interface StoppedMount {
  /** Resolves once it has stopped. */
  readonly stopped: () => Promise<void>;
  /** Resumes it, and waits for its end. */
  readonly proceed: () => Promise<void>;
}

export const TEST_TIMEOUT_MS = 900_000;

const MIB = 1024n * 1024n;

/** XFS refuses anything below 300 MiB. */
export const DISK_BYTES = 320n * MIB;

const STALE_TRIES_MAX = 8;

export const never = new AbortController().signal;

/**
 * Not for btrfs: mkfs.btrfs refuses one that any disk of this machine has, also of a suite beside this, or
 * that libblkid keeps for two seconds of an earlier test's disk with the same number. Nor for XFS, which
 * mounts none beside another that has it.
 */
export const uuid = randomUUID();

type Place = Pick<CleanRequest, "lun" | "lastMajorMinor">;

export function aMount(place: Place): CleanRequest {
  return { accessType: "mount", lunsOfOthers: [], ...place };
}

export function aBlock(place: Place): CleanRequest {
  return { ...aMount(place), accessType: "block" };
}

export async function aDevice(world: HostWorld, lun: number): Promise<Device> {
  await world.attachDisk({ lun, sizeBytes: DISK_BYTES });
  return valueOf(await world.host.findDevice({ lun }, never));
}

/** A disk at its writer and at a replica, where a process has read it and keeps the device open. */
interface ReplicaNode {
  readonly writer: Device;
  readonly replica: Device;
  readonly replicaLun: number;
  readonly close: () => Promise<void>;
}

/** The disk at `lun`, and at the next LUN as a replica. `before` happens to the disk first. */
export async function aReplicaNode(
  world: HostWorld,
  { lun = 0, before }: { readonly lun?: number; readonly before?: StaleReplica["before"] } = {},
): Promise<ReplicaNode> {
  const replicaLun = lun + 1;
  const writer = await aDevice(world, lun);
  await before?.(lun);
  await world.attachSameDisk({ lun, asLun: replicaLun });
  const replica = valueOf(await world.host.findDevice({ lun: replicaLun }, never));
  return { writer, replica, replicaLun, close: await world.keepDeviceRead(replicaLun) };
}

interface StaleReplica {
  readonly before?: (lun: number) => Promise<void>;
  readonly change: (writer: Device, lun: number) => Promise<void>;
  /** Whether the replica's kernel has the blocks from before the change. */
  readonly isStale: (replica: Device, replicaLun: number) => Promise<boolean>;
}

/**
 * A replica whose kernel has a disk's blocks from before a change. A kernel may drop them at any time, for
 * example because they were idle: then this tries again with another disk.
 */
export async function aStaleReplica(
  world: HostWorld,
  { before, change, isStale }: StaleReplica,
): Promise<ReplicaNode> {
  for (let lun = 0; lun < 2 * STALE_TRIES_MAX; lun += 2) {
    const node = await aReplicaNode(world, { lun, ...(before === undefined ? {} : { before }) });
    await change(node.writer, lun);
    if (await isStale(node.replica, node.replicaLun)) return node;
    await node.close();
  }
  return assert.fail(`the kernel had dropped the old blocks ${STALE_TRIES_MAX} times`);
}

export async function aFormattedDevice(
  world: HostWorld,
  lun: number,
  fsType: FileSystemType,
): Promise<Device> {
  const device = await aDevice(world, lun);
  valueOf(await world.host.format({ device, fsType, uuid: randomUUID() }, never));
  return device;
}

export async function aStagedVolume(
  world: HostWorld,
  fsType: FileSystemType,
): Promise<{ readonly device: Device; readonly staging: string }> {
  const device = await aFormattedDevice(world, 0, fsType);
  const staging = world.pathOf("staging");
  valueOf(
    await world.host.mountDevice({ device, path: staging, fsType, mountFlags: [], readOnly: false }, never),
  );
  return { device, staging };
}

export async function aPublishedVolume(world: HostWorld, fsType: FileSystemType) {
  const { device, staging } = await aStagedVolume(world, fsType);
  const target = world.pathOf("pods/a");
  const bind = { stagingPath: staging, targetPath: target, readOnly: false, mountFlags: [] };
  valueOf(await world.host.bindMount(bind, never));
  return { device, staging, target, bind };
}

export function skipped(context: TestContext, why: string | undefined): boolean {
  if (why !== undefined) context.skip(why);
  return why !== undefined;
}

export function kindOf(result: Result<unknown>): string {
  return result.ok ? "success" : result.failure.kind;
}
