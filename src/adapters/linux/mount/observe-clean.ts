import { stat } from "node:fs/promises";
import { describeFailure } from "../../../core/failure/describe-failure.ts";
import type { Result } from "../../../core/failure/result.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import { mayBeOn } from "../../../core/node/btrfs/mounted-btrfs.ts";
import { majorMinorOf } from "../../../core/node/device/device-number.ts";
import { judgeClean } from "../../../core/node/judge-clean.ts";
import type { CleanEvidence } from "../../../core/node/judge-clean.ts";
import { losetupArgs, parseLosetup } from "../../../core/node/parse-losetup.ts";
import { characterDevice } from "../../../core/node/parse-shown-files.ts";
import type { CleanRequest } from "../../../ports/host/host-provisioner.ts";
import { callIn, hangs } from "../call-lane.ts";
import { runToSuccess } from "../command/command-failed.ts";
import { usersAmong } from "../command/device-users.ts";
import { processesWithMount } from "../command/processes.ts";
import {
  blockDeviceAt,
  diskOf,
  holdersOf,
  nodeOfDevice,
  partitionsOf,
  sizeOfDevice,
} from "../device/block-device.ts";
import { characterDevicesOf } from "../device/character-devices.ts";
import { exclusiveHolderOf } from "../device/exclusive-open.ts";
import { devicesAtLun, linkedDevices, numbersAtLuns } from "../device/find-device.ts";
import type { DeviceAtLun } from "../device/find-device.ts";
import type { HostContext } from "../host-context.ts";
import { flushDevice } from "./flush-path.ts";
import { mountedBtrfs } from "./read-btrfs.ts";
import { mountPathsOf, numbersOn } from "./read-mounts.ts";

/** Checks every trace of a volume on this host that its access type can leave; `judgeClean` decides. */
export async function observeClean(
  host: HostContext,
  request: CleanRequest,
  signal: AbortSignal,
): Promise<Result<{ readonly clean: boolean; readonly reason: string }>> {
  // First: a command that is dead now can't leave new traces behind the checks that follow.
  const earlierAlive = await host.lock.earlierAlive();
  if (!earlierAlive.ok) return earlierAlive;
  const present = request.lun === undefined ? [] : await devicesAtLun(host, request.lun);
  const places = await placesToSearch(host, request, present);
  const found: Traces[] = [];
  // One after the other: a disk can't be opened exclusively while a check has its partition open so.
  for (const place of places) {
    const look =
      request.accessType === "block"
        ? await blockTracesOf(host, place, signal)
        : await mountTracesOf(host, place, signal);
    if (!look.ok) return look;
    found.push(look.value);
  }
  const judged = judgeClean({
    earlierChildAlive: earlierAlive.value,
    devicePath: present[0]?.path ?? present[0]?.majorMinor,
    commandsInFlight: found.flatMap((traces) => traces.commandsInFlight),
    heldPaths: found.flatMap((traces) => traces.heldPaths),
    mountPaths: found.flatMap((traces) => traces.mountPaths),
    mountedForPids: found.flatMap((traces) => traces.mountedForPids),
    mountedBtrfs: found.flatMap((traces) => traces.mountedBtrfs),
    devicesOnTop: found.flatMap((traces) => traces.devicesOnTop),
    openInPids: found.flatMap((traces) => traces.openInPids),
    mappedInPids: found.flatMap((traces) => traces.mappedInPids),
  });
  return judged.clean && request.needsFlush !== false
    ? flushPlaces(host, places, judged, signal)
    : ok(judged);
}

/**
 * Waits until what was written to the devices is on the disk. Last of all: the writer has closed them by
 * now, or is closing them. A descriptor leaves /proc before the kernel has flushed the device, which it does
 * with the last close only: a close before that, or a killed e2fsck whose device another process has open,
 * leaves blocks that the kernel writes later, perhaps over those of the next writer. What a device still had
 * that is gone, or that the kernel no longer opens, reaches no disk.
 */
async function flushPlaces<Judged>(
  host: HostContext,
  places: readonly Place[],
  judged: Judged,
  signal: AbortSignal,
): Promise<Result<Judged | { readonly clean: false; readonly reason: string }>> {
  for (const majorMinor of places.flatMap(({ path, numbers }) => (path === undefined ? [] : [...numbers]))) {
    const node = await nodeOfDevice(host.sysRoot, majorMinor);
    if (node === undefined) continue;
    const flushed = await flushDevice(host, node, signal);
    if (flushed.ok || !(await takesWrites(host, majorMinor))) continue;
    const holder = await exclusiveHolderOf(host, node, signal);
    if (holder.ok && holder.value === "gone") continue;
    return ok({ clean: false, reason: `${node} is not flushed: ${describeFailure(flushed.failure)}` });
  }
  return ok(judged);
}

/** Whether the kernel still has the device, and with a size: that of a detached loop device is 0. */
async function takesWrites({ sysRoot }: HostContext, majorMinor: string): Promise<boolean> {
  const sizeBytes = await sizeOfDevice(sysRoot, majorMinor);
  return sizeBytes !== undefined && sizeBytes !== 0n;
}

type Traces = Omit<CleanEvidence, "earlierChildAlive" | "devicePath">;

/**
 * A device number that may stand for the volume; `path` is its node, if it has one on which an
 * exclusive holder can be checked.
 */
type Place = DeviceAtLun & {
  /** Its own number, and those of the partitions whose mounts and openings are uses of it. */
  readonly numbers: ReadonlySet<string>;
};

/**
 * The device that the volume's LUN has now, and the last one that was seen. The kernel reuses a number
 * only when nothing holds the old device, so a number that another volume's LUN has now is no longer
 * this volume's. A LUN that no volume of ours has may still be this one's, if its removal was not
 * noticed yet.
 */
async function placesToSearch(
  host: HostContext,
  { lastMajorMinor, lunsOfOthers }: CleanRequest,
  atLun: readonly DeviceAtLun[],
): Promise<readonly Place[]> {
  const present = await Promise.all(
    atLun.map(async (device) => ({ ...device, numbers: await numbersOn(host, device.majorMinor) })),
  );
  if (lastMajorMinor === undefined) return present;
  // A partition's number is reassigned with its disk's.
  const lastDisk = await diskOf(host.sysRoot, lastMajorMinor);
  if (present.some(({ majorMinor }) => majorMinor === lastMajorMinor)) return present;
  if (
    (await numbersAtLuns(host, lunsOfOthers)).includes(lastDisk) ||
    (await isAnotherNodes(host, lastDisk, lastMajorMinor))
  )
    return present;
  const path = await nodeOfWholeDisk(host, lastMajorMinor);
  // Not its partitions: it may be the node's own disk, and a partition that was used has a number of its own.
  return [...present, { majorMinor: lastMajorMinor, path, numbers: new Set([lastMajorMinor]) }];
}

/**
 * Not for a partitioned disk, which its partitions' mounts hold: numbers change with a reboot, and this
 * one may be that of the node's own disk.
 */
async function nodeOfWholeDisk(host: HostContext, majorMinor: string): Promise<string | undefined> {
  return (await partitionsOf(host.sysRoot, majorMinor)).length > 0
    ? undefined
    : await nodeOfDevice(host.sysRoot, majorMinor);
}

/**
 * Whether a device number now belongs to another node on this kernel: nodes that share a kernel also
 * share its numbers. A live device without a link of ours and without a mount in our namespace is
 * another node's. On a node with a kernel of its own this is never assumed.
 */
async function isAnotherNodes(host: HostContext, disk: string, majorMinor: string): Promise<boolean> {
  if (!host.sharesKernel) return false;
  if (!(await takesWrites(host, disk))) return false;
  if ((await linkedDevices(host)).includes(disk)) return false;
  const paths = await mountPathsOf(host, new Set([majorMinor]));
  return paths.ok && paths.value.length === 0;
}

/**
 * A file system is written to only through a mount, and a device that opens exclusively is mounted in
 * no mount namespace: that check replaces all others. If the device is gone, or is held, the mounts of
 * every namespace decide. A raw bind holds nothing, and a pod may have one that the caller has forgotten: it
 * is looked for in any case.
 */
async function mountTracesOf(host: HostContext, place: Place, signal: AbortSignal): Promise<Result<Traces>> {
  const { path, numbers } = place;
  // Before the checks: a mount command that ends in between must be seen by either.
  const commandsInFlight = inFlightOn(host, numbers);
  const holder = path === undefined ? ok("gone") : await exclusiveHolderOf(host, path, signal);
  if (!holder.ok) return holder;
  const isMountPossible = holder.value !== "none";
  const mountPaths = await mountPathsOf(host, numbers);
  if (!mountPaths.ok) return mountPaths;
  return ok({
    commandsInFlight,
    heldPaths: holder.value === "held" && path !== undefined ? [path] : [],
    mountPaths: mountPaths.value,
    mountedForPids: isMountPossible ? await processesWithMount(host.procRoot, numbers) : [],
    mountedBtrfs: isMountPossible ? await btrfsOn(host, place) : [],
    devicesOnTop: isMountPossible ? await holdersOf(host.sysRoot, numbers) : [],
    openInPids: [],
    mappedInPids: [],
  });
}

/**
 * A raw device is written to through descriptors, those of the disk's character devices included, mapped
 * memory, binds of its node and loop devices, none of which holds it exclusively.
 */
async function blockTracesOf(host: HostContext, place: Place, signal: AbortSignal): Promise<Result<Traces>> {
  const { path, numbers } = place;
  const commandsInFlight = inFlightOn(host, numbers);
  const loopDevices = await loopDevicesOn(host, numbers, signal);
  if (!loopDevices.ok) return loopDevices;
  const mountPaths = await mountPathsOf(host, numbers);
  if (!mountPaths.ok) return mountPaths;
  const holder = path === undefined ? ok("gone") : await exclusiveHolderOf(host, path, signal);
  if (!holder.ok) return holder;
  const traces = {
    commandsInFlight,
    heldPaths: holder.value === "held" && path !== undefined ? [path] : [],
    mountPaths: mountPaths.value,
    mountedForPids: await processesWithMount(host.procRoot, numbers),
    mountedBtrfs: await btrfsOn(host, place),
    devicesOnTop: [...loopDevices.value, ...(await holdersOf(host.sysRoot, numbers))],
  };
  const characterDevices = await characterDevicesOf(host.sysRoot, numbers);
  const found = await host.processSearch.run(signal);
  if (found === undefined) return fail({ kind: "Cancelled" });
  const users = usersAmong(found, new Set([...numbers, ...characterDevices.map(characterDevice)]));
  return users.ok ? ok({ ...traces, ...users.value }) : users;
}

/** No mount namespace has the device's number for a btrfs on it, and the kernel knows them all. */
async function btrfsOn({ sysRoot }: HostContext, { majorMinor, numbers }: Place): Promise<readonly string[]> {
  const isGone = (await sizeOfDevice(sysRoot, majorMinor)) === undefined;
  return (await mountedBtrfs(sysRoot))
    .filter((fileSystem) => mayBeOn(fileSystem, { numbers, isGone }))
    .map(({ fsid }) => fsid);
}

/** The commands that run on a disk or on one of its partitions. */
function inFlightOn({ runner }: HostContext, numbers: ReadonlySet<string>): readonly string[] {
  return [...new Set([...numbers].flatMap((majorMinor) => runner.inFlightOn(majorMinor)))];
}

/** Loop devices on these devices: they open one without a trace in any process, and not exclusively. */
async function loopDevicesOn(
  host: HostContext,
  numbers: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<Result<readonly string[]>> {
  const command = {
    program: "losetup",
    args: losetupArgs,
    pool: "inspect",
    limitMs: host.limits.inspectMs,
    touches: [],
    changes: false,
  } as const;
  const exit = await runToSuccess(host, command, signal);
  if (!exit.ok) return exit;
  const nodes = await Promise.all([...numbers].map((majorMinor) => nodeOfDevice(host.sysRoot, majorMinor)));
  const nodeFiles = await Promise.all(
    nodes.filter((node) => node !== undefined).map((node) => stat(node, { bigint: true })),
  );
  const onDevice: string[] = [];
  for (const { path, backingFileSystem, backingInode, backingPath } of parseLosetup(
    exit.value.stdout.toString("utf8"),
  )) {
    // By the path where it is visible, else by file system and inode of the device's node: kubelet's
    // loop devices are on bound nodes whose paths only kubelet may see.
    const isSameFile = nodeFiles.some(
      ({ dev, ino }) => backingFileSystem === majorMinorOf(dev) && backingInode === String(ino),
    );
    if (isSameFile || numbers.has((await deviceBehind(host, backingPath)) ?? "")) onDevice.push(path);
  }
  return ok(onDevice);
}

/** The path may be on a disk that hangs. Throws then, for what is there is not known. */
async function deviceBehind({ volumeLooks }: HostContext, path: string): Promise<string | undefined> {
  return await callIn(volumeLooks, `stat ${path}`, () => blockDeviceAt(path)).catch((error: unknown) => {
    if (hangs(error)) throw error;
    return undefined;
  });
}
