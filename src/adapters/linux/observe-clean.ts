import { stat } from "node:fs/promises";
import type { Failure } from "../../core/failure.ts";
import { majorMinorOf } from "../../core/host/device-number.ts";
import { judgeClean } from "../../core/host/judge-clean.ts";
import type { Result } from "../../core/result.ts";
import { fail, ok } from "../../core/result.ts";
import { blockDeviceAt, nodeOfDevice, sizeOfDevice } from "./block-device.ts";
import { commandFailed } from "./command-failed.ts";
import { isHeldExclusively } from "./exclusive-open.ts";
import { deviceAtLun, devicesOfOtherLuns } from "./find-device.ts";
import type { HostContext } from "./host-context.ts";
import { processesWithMount, processesWithOpenDevice } from "./processes.ts";
import { observeMountsOf, readMountinfo } from "./read-mounts.ts";

/** Looks for every trace of a volume on this host; `judgeClean` decides. */
export async function observeClean(
  host: HostContext,
  request: { readonly lun: number | undefined; readonly lastMajorMinor: string | undefined },
  signal: AbortSignal,
): Promise<Result<{ readonly clean: boolean; readonly reason: string }, Failure>> {
  // First: a command that is dead now can't leave new traces behind the looks that follow.
  const earlierAlive = await host.lock.earlierAlive();
  if (!earlierAlive.ok) return earlierAlive;
  const device = request.lun === undefined ? ok(undefined) : await deviceAtLun(host, request.lun);
  if (!device.ok) return device;
  const numbers = await numbersToSearch(host, request, device.value?.majorMinor);
  const found = await Promise.all(numbers.map((majorMinor) => tracesOf(host, majorMinor, signal)));
  const loopDevices = await Promise.all(numbers.map((majorMinor) => loopDevicesOn(host, majorMinor, signal)));
  const failedLook = loopDevices.find((look) => !look.ok);
  if (failedLook !== undefined && !failedLook.ok) return fail(failedLook.failure);
  return ok(
    judgeClean({
      earlierChildAlive: earlierAlive.value,
      commandsInFlight: found.flatMap((traces) => traces.commandsInFlight),
      device: device.value === undefined ? undefined : { path: device.value.path, heldExclusively: await isHeldExclusively(device.value.path) },
      mountPaths: found.flatMap((traces) => traces.mountPaths),
      mountedForPids: found.flatMap((traces) => traces.mountedForPids),
      loopDevices: loopDevices.flatMap((look) => (look.ok ? look.value : [])),
      openInPids: found.flatMap((traces) => traces.openInPids),
    }),
  );
}

/**
 * The device numbers that may stand for the volume: that of the LUN now, and the last one that was seen. The kernel gives a number away again only when nothing
 * holds the old device, so a number that another LUN has now says nothing of this volume any more.
 */
async function numbersToSearch(
  host: HostContext,
  { lun, lastMajorMinor }: { readonly lun: number | undefined; readonly lastMajorMinor: string | undefined },
  present: string | undefined,
): Promise<readonly string[]> {
  const seen = present === undefined ? [] : [present];
  if (lastMajorMinor === undefined || lastMajorMinor === present) return seen;
  const isAnotherLun = (await devicesOfOtherLuns(host, lun)).includes(lastMajorMinor);
  return isAnotherLun || (await isAnotherNodes(host, lastMajorMinor)) ? seen : [...seen, lastMajorMinor];
}

/**
 * Whether a device number now belongs to another node on this kernel: nodes with device trees of their own share its numbers. A device that lives, that no link
 * of ours leads to and that isn't mounted in our namespace is theirs. On a node that has the kernel for itself this is never assumed.
 */
async function isAnotherNodes(host: HostContext, majorMinor: string): Promise<boolean> {
  if (host.deviceRoot === "") return false;
  const sizeBytes = await sizeOfDevice(host.sysRoot, majorMinor);
  if (sizeBytes === undefined || sizeBytes === 0n) return false;
  return !(await readMountinfo(host.procRoot)).some((entry) => entry.majorMinor === majorMinor);
}

async function tracesOf(host: HostContext, majorMinor: string, signal: AbortSignal) {
  return {
    commandsInFlight: host.runner.inFlightOn(majorMinor),
    mountPaths: (await observeMountsOf(host, majorMinor, signal)).map((mount) => mount.path),
    mountedForPids: await processesWithMount(host.procRoot, majorMinor),
    openInPids: await processesWithOpenDevice(host.procRoot, majorMinor),
  };
}

/** Loop devices on a block device: they open it without a trace in any process, and not exclusively. */
async function loopDevicesOn(host: HostContext, majorMinor: string, signal: AbortSignal): Promise<Result<readonly string[], Failure>> {
  const command = {
    program: "losetup",
    args: ["--list", "--noheadings", "--raw", "--output", "NAME,BACK-MAJ:MIN,BACK-INO,BACK-FILE"],
    pool: "inspect",
    limitMs: host.limits.inspectMs,
    touches: [],
    changes: false,
  } as const;
  const exit = await host.runner.run(command, signal);
  if (!exit.ok) return exit;
  if (exit.value.exitCode !== 0) return commandFailed(command, exit.value);
  const node = await nodeOfDevice(host.sysRoot, majorMinor);
  const nodeFile = node === undefined ? undefined : await stat(node, { bigint: true });
  const onDevice: string[] = [];
  for (const line of exit.value.stdout.toString("utf8").split("\n")) {
    const [name, fileSystem, inode, ...path] = line.trim().split(/\s+/);
    if (name === undefined || path[0] === undefined) continue;
    // By the path where we can see it, else by file system and inode of the device's node: kubelet's loop devices stand on bound nodes whose paths only kubelet may see.
    const isSameFile = nodeFile !== undefined && fileSystem === majorMinorOf(nodeFile.dev) && inode === String(nodeFile.ino);
    const isSameDevice = (await blockDeviceAt(unescapeHex(path[0])).catch(() => undefined)) === majorMinor;
    if (isSameFile || isSameDevice) onDevice.push(name);
  }
  return ok(onDevice);
}

/** Undoes what `losetup --raw` does to white space in paths: `\x20`. */
function unescapeHex(text: string): string {
  return text.replaceAll(/\\x([0-9a-f]{2})/g, (_whole, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}
