import { fail, ok, type Result } from "../../../core/failure/result.ts";
import { mayBeOn } from "../../../core/node/btrfs/mounted-btrfs.ts";
import { judgeClean } from "../../../core/node/judge-clean.ts";
import type { CleanEvidence, CleanJudgement } from "../../../core/node/judge-clean.ts";
import { characterDevice } from "../../../core/node/parse-shown-files.ts";
import type { CleanRequest } from "../../../ports/host/host-provisioner.ts";
import { usersAmong } from "../command/device-users.ts";
import { processesWithMount } from "../command/processes.ts";
import { holdersOf, sizeOfDevice } from "../device/block-device.ts";
import { characterDevicesOf } from "../device/character-devices.ts";
import { exclusiveHolderOf } from "../device/exclusive-open.ts";
import { devicesAtLun } from "../device/find-device.ts";
import type { HostContext } from "../host-context.ts";
import { mountedBtrfs } from "../mount/read-btrfs.ts";
import { mountPathsOf } from "../mount/read-mounts.ts";
import { flushPlaces } from "./flush-places.ts";
import { loopDevicesOn } from "./loop-devices-on.ts";
import { type Place, placesToSearch } from "./places-to-search.ts";

/** Checks every trace of a volume on this host that its access type can leave; `judgeClean` decides. */
export async function observeClean(
  host: HostContext,
  request: CleanRequest,
  signal: AbortSignal,
): Promise<Result<CleanJudgement>> {
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

type Traces = Omit<CleanEvidence, "earlierChildAlive" | "devicePath">;

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
