import { fileSystemBroken, hostNotReady, wrongDevice } from "../../../core/failure/frequent-failures.ts";
import type { Result } from "../../../core/failure/result.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import { whyNotGrown } from "../../../core/node/file-system/why-not-grown.ts";
import { isKeptByKernel } from "../../../core/volume/device/file-system.ts";
import type { CheckRemark, Device, HostProvisioner } from "../../../ports/host/host-provisioner.ts";
import { runToSuccess } from "../command/command-failed.ts";
import type { HostCommand } from "../command/command-runner.ts";
import { making } from "../command/device-commands.ts";
import { extErrorsFound } from "../device/block-device.ts";
import type { HostContext } from "../host-context.ts";
import { endFreezeOn } from "../mount/freeze-file-system.ts";
import { glanceAtMountsOf, observeMountAt } from "../mount/read-mounts.ts";
import type { ObservedMount } from "../mount/read-mounts.ts";
import { refuseFrozen } from "../mount/refuse-frozen.ts";
import { runE2fsck } from "./check-file-system.ts";

/**
 * Grows a mounted file system to the size of its device; an ext file system that is not mounted is grown as
 * well, after the check that resize2fs asks for.
 */
export async function growFileSystem(
  host: HostContext,
  { device, mountPath, fsType }: Parameters<HostProvisioner["growFileSystem"]>[0],
  signal: AbortSignal,
): Promise<Result<void>> {
  const found = await observeMountAt(host, mountPath, signal);
  if (!found.ok) return found;
  const mount = found.value;
  if (mount !== undefined && mount.majorMinor !== device.majorMinor)
    return wrongDevice(
      device.path,
      `${mountPath} holds a mount of ${mount.source} (${mount.majorMinor}), not ` + `of ${device.majorMinor}`,
    );
  const ended = await endFreezeOn(host, device.majorMinor, signal);
  if (!ended.ok) return ended;
  if (mount === undefined) {
    if (isKeptByKernel(fsType)) return fail({ kind: "PathNotMounted", path: mountPath });
    const grown = await growUnmounted(host, device, signal);
    return grown.ok ? ok(undefined) : grown;
  }
  if (mount.whyDead !== undefined)
    return fileSystemBroken(
      device.path,
      `the mount at ${mount.path} is dead (${mount.whyDead}): delete the pods that use the volume`,
    );
  const first = await firstMountLike(host, mount);
  if (!first.ok) return first;
  const free = await refuseFrozen(host, first.value, signal);
  if (!free.ok) return free;
  const isExt = !isKeptByKernel(fsType);
  const grown = isExt
    ? await resize(host, device, signal)
    : await runMake(host, device, growMounted(first.value), signal);
  if (grown.ok || grown.failure.kind !== "HostCommandFailed") return grown;
  const reason = whyNotGrown({
    isReadOnly: first.value.readOnly,
    errorCount: isExt ? await extErrorsFound(host.sysRoot, device.majorMinor) : undefined,
    mayGrowMountedExt: host.mayGrowMountedExt,
    stderr: grown.failure.stderr,
  });
  return reason === undefined ? grown : fail({ kind: "GrowsUnmounted", devicePath: device.path, reason });
}

/**
 * The first mount of the same file system, as a command has it open until it ends: a frozen one would keep
 * the mount of a pod from being unmounted. The staging mount is the first, and the last that is unmounted,
 * after a thaw.
 */
async function firstMountLike(host: HostContext, mount: ObservedMount): Promise<Result<ObservedMount>> {
  const mounts = await glanceAtMountsOf(host, mount.majorMinor);
  if (!mounts.ok) return mounts;
  const alike = mounts.value.find(
    ({ root, majorMinor, fsType, hiddenBy }) =>
      root === mount.root &&
      majorMinor === mount.majorMinor &&
      fsType === mount.fsType &&
      hiddenBy === undefined,
  );
  return ok(alike ?? mount);
}

/** Without the device's own id, which changes with its replacement, btrfs grows the device 1. */
function growMounted({ path, btrfs }: ObservedMount): Pick<HostCommand, "program" | "args"> {
  return btrfs === undefined
    ? { program: "xfs_growfs", args: ["-d", path] }
    : { program: "btrfs", args: ["filesystem", "resize", `${btrfs.deviceIds[0]}:max`, path] };
}

/**
 * Grows an ext file system that is mounted nowhere, after the check that resize2fs asks for, and answers what
 * that has repaired.
 */
export async function growUnmounted(
  host: HostContext,
  device: Device,
  signal: AbortSignal,
): Promise<Result<CheckRemark | undefined>> {
  const checked = await runE2fsck(host, device, "-f", signal);
  if (!checked.ok) return checked;
  if (checked.value?.kind === "unchecked") return hostNotReady(checked.value.detail);
  const resized = await resize(host, device, signal);
  return resized.ok ? checked : resized;
}

async function resize(host: HostContext, device: Device, signal: AbortSignal): Promise<Result<void>> {
  return await runMake(host, device, { program: "resize2fs", args: [device.path] }, signal);
}

async function runMake(
  host: HostContext,
  device: Device,
  { program, args }: Pick<HostCommand, "program" | "args">,
  signal: AbortSignal,
): Promise<Result<void>> {
  const exit = await runToSuccess(host, making(device, host.limits.growMs, program, args), signal);
  return exit.ok ? ok(undefined) : exit;
}
