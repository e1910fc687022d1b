import { fileSystemBroken } from "../../../core/failure/frequent-failures.ts";
import type { Result } from "../../../core/failure/result.ts";
import { ok } from "../../../core/failure/result.ts";
import { e2fsckRepairs } from "../../../core/node/file-system/e2fsck-repairs.ts";
import { isKeptByKernel } from "../../../core/volume/device/file-system.ts";
import type { CheckRemark, Device, FileSystemOn } from "../../../ports/host/host-provisioner.ts";
import { commandFailed } from "../command/command-failed.ts";
import { making } from "../command/device-commands.ts";
import { isWriteProtected } from "../device/block-device.ts";
import { refuseHeld } from "../device/exclusive-open.ts";
import type { HostContext } from "../host-context.ts";

/**
 * Exit codes of e2fsck below this one are success: clean (0), repaired (1), repaired with advice to
 * reboot (2), which concerns root only.
 */
const uncorrected = 4;

/**
 * From here on not the file system is at fault, but e2fsck: wrong usage (16), cancelled (32), library
 * error (128).
 */
const usageError = 16;

/**
 * What e2fsck writes, with exit code 12, of a file system with a feature that a newer kernel or mkfs has
 * given it. It has then changed nothing. The kernel mounts one whose features it knows, and refuses another.
 */
const olderThanFileSystem = /Get a newer version of e2fsck/u;

/**
 * Replays the journal and repairs what can be repaired without asking. XFS has no such check: its mount
 * replays the log, and a repair is manual.
 */
export async function checkFileSystem(
  host: HostContext,
  { device, fsType }: FileSystemOn,
  signal: AbortSignal,
): Promise<Result<CheckRemark | undefined>> {
  if (isKeptByKernel(fsType)) return ok(undefined);
  // Nothing can be repaired there, and e2fsck would call the file system broken. The mount decides.
  if (await isWriteProtected(host.sysRoot, device.majorMinor)) return ok(undefined);
  const isRunning = host.runner.inFlightOn(device.majorMinor).length > 0;
  const free = isRunning ? ok(undefined) : await refuseHeld(host, device, signal);
  if (!free.ok) return free;
  // -F first drops this kernel's cache of the device, as `dropCachedBlocks` does, without a command of
  // its own.
  return await runE2fsck(host, device, "-F", signal);
}

/** Runs e2fsck with one more option on an unmounted ext file system: `-f` checks a clean one as well. */
export async function runE2fsck(
  host: HostContext,
  device: Device,
  option: "-F" | "-f",
  signal: AbortSignal,
): Promise<Result<CheckRemark | undefined>> {
  const command = making(device, host.limits.checkMs, "e2fsck", [option, "-p", device.path]);
  const exit = await host.runner.run(command, signal);
  if (!exit.ok) return exit;
  const { exitCode, stderr } = exit.value;
  if (exitCode !== null && exitCode < uncorrected) {
    const repairs = e2fsckRepairs({ exitCode, output: stderr });
    const isRepaired = repairs.length > 0;
    return ok(
      isRepaired ? { kind: "repaired", detail: repairs.join("\n").slice(0, outputQuotedMax) } : undefined,
    );
  }
  if (exitCode !== null && exitCode < usageError && olderThanFileSystem.test(stderr))
    return ok({ kind: "unchecked", detail: stderr.slice(0, outputQuotedMax) });
  if (exitCode === null || exitCode >= usageError) return commandFailed(command, exit.value);
  return fileSystemBroken(
    device.path,
    `e2fsck -p ended with ${exitCode}: ${stderr.slice(-outputQuotedMax)}. Check the disk by hand with ` +
      "e2fsck -f, on a copy or after a snapshot",
  );
}

/** Longest part of e2fsck's output that a failure quotes, in characters. */
const outputQuotedMax = 1000;
