import { mkdir } from "node:fs/promises";
import { fileSystemBroken } from "../../../core/failure/frequent-failures.ts";
import type { Result } from "../../../core/failure/result.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import { isStagedReadOnly, stagingMountOptions } from "../../../core/node/mount-options.ts";
import type { FileSystemType } from "../../../core/volume/device/file-system.ts";
import type { Device, HostProvisioner } from "../../../ports/host/host-provisioner.ts";
import { callIn } from "../call-lane.ts";
import { commandFailed } from "../command/command-failed.ts";
import type { HostCommand } from "../command/command-runner.ts";
import { mounting } from "../command/device-commands.ts";
import { ownWords } from "../command/own-words.ts";
import type { ChildExit } from "../command/spawn-child.ts";
import { isWriteProtected } from "../device/block-device.ts";
import { unknownToKernel } from "../file-system/refuse-unserved.ts";
import type { HostContext } from "../host-context.ts";
import { canonicalPath } from "./canonical-path.ts";
import { glanceAtMount, observeMountAt } from "./read-mounts.ts";
import type { ObservedMount } from "./read-mounts.ts";
import { refuseLink } from "./refuse-link.ts";
import { unmountOnce } from "./unmount-path.ts";

type MountRequest = Parameters<HostProvisioner["mountDevice"]>[0];

/** Directories that the driver makes are for root and the kubelet only. */
const directoryMode = 0o750;

/** Mount(8)'s message about a file system that the kernel can't use as it is. */
const brokenMessages = /Structure needs cleaning|can't read superblock|Bad message/;

/** Mount(8)'s message with `--rw`, where the kernel writes to the device or its file system no more. */
const writeProtectedMessage = "is write-protected but explicit read-write mode requested";

/**
 * Mount(8)'s message where a read-only mount has to replay the journal of a device that takes no writes, and
 * the option that leaves that out. That of btrfs may mean another fault, too, which the option does not hide.
 */
const unreplayed: Readonly<
  Partial<Record<FileSystemType, { readonly message: RegExp; readonly option: string }>>
> = {
  ext3: { message: /cannot mount .* read-only/, option: "noload" },
  ext4: { message: /cannot mount .* read-only/, option: "noload" },
  xfs: { message: /cannot mount .* read-only/, option: "norecovery" },
  btrfs: { message: /can't read superblock/, option: "rescue=nologreplay" },
};

/** Mount(8)'s message about a file system that the kernel does not have. */
const unknownMessage = "unknown filesystem type";

/** Mount(8)'s message where the kernel knows another device as the same btrfs. */
const twinMessage = "File exists";

/** Mounts a file system, making the directory. */
export async function mountDevice(
  host: HostContext,
  request: MountRequest,
  signal: AbortSignal,
): Promise<Result<void>> {
  const options = stagingMountOptions(request);
  if (!options.ok) return options;
  const path = await canonicalPath(host, request.path);
  const present = await observeMountAt(host, path, signal);
  if (!present.ok) return present;
  if (present.value !== undefined) return judgePresentMount(present.value, request);
  // What is left there is of an earlier mount, which something else has unmounted.
  host.lateLosses.delete(path);
  const isPath = await refuseLink(host, path);
  if (!isPath.ok) return isPath;
  await callIn(host.changes, `mkdir ${path}`, () => mkdir(path, { recursive: true, mode: directoryMode }));
  const command = mountCommand(host, request, path, options.value);
  const mount = (): Promise<Result<ChildExit>> => host.runner.run(command, signal);
  let exit = await mount();
  if (exit.ok && exit.value.exitCode !== 0 && request.fsType === "btrfs") {
    const forgotten = await forgetRegistration(host, request.device, signal);
    if (!forgotten.ok) return forgotten;
    exit = await mount();
  }
  if (!exit.ok) return exit;
  if (exit.value.exitCode === 0)
    return request.fsType === "btrfs" ? await keepIfOfDevice(host, request, path, signal) : ok(undefined);
  const said = ownWords(exit.value.stderr, path, request.device.path);
  if (request.fsType === "btrfs" && said.includes(twinMessage))
    return fail({ kind: "FileSystemNotUnique", devicePath: request.device.path, detail: twinMessage });
  if (said.includes(writeProtectedMessage))
    return fail({ kind: "WriteProtected", devicePath: request.device.path });
  if (said.includes(unknownMessage)) return fail(unknownToKernel(request.fsType));
  const option = await optionWithoutReplay(host, request, options.value, said);
  if (option !== undefined) {
    const { device, fsType } = request;
    return fail({ kind: "JournalNotReplayed", devicePath: device.path, fsType, option });
  }
  if (brokenMessages.test(said)) return fileSystemBroken(request.device.path, exit.value.stderr);
  return commandFailed(command, exit.value);
}

/** The option that would mount the file system all the same; undefined where no journal keeps it back. */
async function optionWithoutReplay(
  { sysRoot }: HostContext,
  { device, fsType }: MountRequest,
  options: readonly string[],
  said: string,
): Promise<string | undefined> {
  const replay = unreplayed[fsType];
  const isRefused = replay?.message.test(said) === true && !options.includes(replay.option);
  return isRefused && (await isWriteProtected(sysRoot, device.majorMinor)) ? replay.option : undefined;
}

/**
 * Lets the kernel forget the btrfs that it saw on an earlier device with this number, and for whose sake it
 * refuses one that is mounted from another disk (Linux 6.18). Nothing is forgotten where it knows none
 * (exit code 1), or of what is mounted.
 */
function forgetRegistration(
  host: HostContext,
  { path, majorMinor }: Device,
  signal: AbortSignal,
): Promise<Result<ChildExit>> {
  const args = ["device", "scan", "--forget", path];
  return host.runner.run(mounting(host, "btrfs", args, [majorMinor]), signal);
}

/**
 * The kernel finds the devices of a btrfs by their UUIDs, whatever device mount(2) names. A mount of anything
 * but this device alone is ended at once.
 */
async function keepIfOfDevice(
  host: HostContext,
  { device }: MountRequest,
  path: string,
  signal: AbortSignal,
): Promise<Result<void>> {
  const made = await glanceAtMount(host, path);
  if (made === undefined) return fail({ kind: "PathNotMounted", path });
  if (made.majorMinor === device.majorMinor) return ok(undefined);
  const ended = await unmountOnce(host, made, signal);
  if (!ended.ok) return ended;
  // Nothing says that it was another one.
  if (made.unidentified !== undefined) return fail(made.unidentified);
  const devices = made.btrfs === undefined ? made.majorMinor : made.btrfs.devices.join(", ");
  return fail({ kind: "FileSystemNotUnique", devicePath: device.path, detail: `it mounted ${devices}` });
}

function mountCommand(
  host: HostContext,
  { device, fsType }: MountRequest,
  path: string,
  options: readonly string[],
): HostCommand {
  const withOptions = options.length === 0 ? [] : ["-o", options.join(",")];
  // Without it mount(8) mounts a write-protected device read-only, and exits with 0 (util-linux 2.30).
  const access = options.includes("ro") ? [] : ["--rw"];
  const args = ["-t", fsType, ...access, ...withOptions, device.path, path];
  return mounting(host, "mount", args, [device.majorMinor, path]);
}

function judgePresentMount(present: ObservedMount, request: MountRequest): Result<void> {
  const { device } = request;
  // A flag asks for it as `readOnly` does.
  const readOnly = isStagedReadOnly(request);
  const refuse = (problem: string): Result<void> =>
    fail({ kind: "MountedOtherwise", path: present.path, problem });
  if (present.majorMinor !== device.majorMinor)
    return refuse(`already holds a mount of ${present.source} (${present.majorMinor})`);
  if (present.whyDead !== undefined)
    return fileSystemBroken(
      device.path,
      `the mount at ${present.path} is dead (${present.whyDead}): unmount it first`,
    );
  if (present.readOnly !== readOnly)
    return refuse(
      `is mounted ${present.readOnly ? "read-only" : "read-write"}, but ` +
        `${readOnly ? "read-only" : "read-write"} is wanted`,
    );
  return ok(undefined);
}
