import { lstat, rmdir, unlink } from "node:fs/promises";
import { deviceBusy, hostNotReady } from "../../../core/failure/frequent-failures.ts";
import type { Result } from "../../../core/failure/result.ts";
import { ok } from "../../../core/failure/result.ts";
import { errorCode, takesNoChange } from "../../../core/primitives/error-code.ts";
import { commandFailed } from "../command/command-failed.ts";
import { unmounting } from "../command/device-commands.ts";
import { ownWords } from "../command/own-words.ts";
import { processesUsing } from "../command/processes.ts";
import { blockDeviceAt } from "../device/block-device.ts";
import type { HostContext } from "../host-context.ts";
import { canonicalPath } from "./canonical-path.ts";
import { answerLateLoss, flushMount } from "./flush-path.ts";
import { endFreezeOn } from "./freeze-file-system.ts";
import { readMountinfo } from "./read-mountinfo.ts";
import { glanceAtCanonical, mountPathsOf, refuseHidden } from "./read-mounts.ts";
import type { ObservedMount } from "./read-mounts.ts";

/** Most mounts stacked on one path that one call unmounts. */
const stackedMountsMax = 16;

/** Most processes or mounts that a failure names. */
const namedMax = 5;

/**
 * Unmounts everything at a path and removes the path. Never lazy, never by force: a mount that can't be
 * unmounted is a failure, since its device may still be written.
 */
export async function unmountPath(
  host: HostContext,
  givenPath: string,
  signal: AbortSignal,
): Promise<Result<void>> {
  const path = await canonicalPath(host, givenPath);
  // A mount command for this path that is still under way has to end first, or it would mount after
  // this check.
  for (let unmounted = 0; unmounted < stackedMountsMax; unmounted += 1) {
    const settled = await awaitCommandsOn(host, path, signal);
    if (!settled.ok) return settled;
    const mount = await glanceAtCanonical(host, path);
    if (mount === undefined) return await removeIfPossible(host, path);
    const ended = await unmountOnce(host, mount, signal);
    if (!ended.ok) return ended;
  }
  return deviceBusy(
    path,
    `more than ${stackedMountsMax} mounts are stacked on ${path}: unmount them by hand`,
  );
}

/**
 * Waits for the commands that still change something at a path, by running one that does nothing after
 * them.
 */
export async function awaitCommandsOn(
  host: HostContext,
  path: string,
  signal: AbortSignal,
): Promise<Result<void>> {
  if (host.runner.inFlightOn(path).length === 0) return ok(undefined);
  const waited = await host.runner.run(
    {
      program: "true",
      args: [],
      pool: "inspect",
      limitMs: host.limits.unmountMs,
      touches: [path],
      changes: false,
    },
    signal,
  );
  return waited.ok ? ok(undefined) : waited;
}

/** Unmounts one mount, thawing and flushing first if it is a device's last. Never lazy, never by force. */
export async function unmountOnce(
  host: HostContext,
  mount: ObservedMount,
  signal: AbortSignal,
): Promise<Result<void>> {
  const isAtPath = refuseHidden(mount);
  if (!isAtPath.ok) return isAtPath;
  // Its holder has the mount open.
  const ended = await endFreezeOn(host, mount.majorMinor, signal);
  if (!ended.ok) return ended;
  const mounts = await mountPathsOf(host, new Set([mount.majorMinor]));
  const isLast = !mounts.ok || mounts.value.length <= 1;
  if (isLast && !mount.isPlaceholder) {
    const thawed = await thaw(host, mount, signal);
    if (!thawed.ok) return thawed;
    // umount(2) flushes only with the very last mount, which may be in another mount namespace, and
    // swallows I/O errors. The error is reported once; the next call continues.
    const flushed = mount.isDead ? ok(undefined) : await flushMount(host, mount, signal);
    if (!flushed.ok && flushed.failure.kind !== "FileSystemBroken") return flushed;
    // After this flush: an earlier one, whose caller has left, has ended before it.
    const late = answerLateLoss(host, mount.path);
    if (!late.ok) return late;
  }
  // What still changes the device, such as a growth that a freeze holds up, ends before its last unmount;
  // another one leaves it mounted.
  const touches = isLast ? [mount.majorMinor, mount.path] : [mount.path];
  const command = unmounting(host, "umount", [mount.path], touches);
  const exit = await host.runner.run(command, signal);
  if (!exit.ok) return exit;
  const said = ownWords(exit.value.stderr, mount.path);
  if (exit.value.exitCode === 0 || /not mounted|no mount point/.test(said)) return ok(undefined);
  if (!/busy/.test(said)) return commandFailed(command, exit.value);
  return deviceBusy(mount.source, await whyBusy(host, mount.path));
}

/** Mounts below come first: a pod that had them propagated may have left them, and no process shows them. */
async function whyBusy({ procRoot }: HostContext, path: string): Promise<string> {
  const below = (await readMountinfo(procRoot)).filter(({ mountPoint }) => mountPoint.startsWith(`${path}/`));
  if (below.length > 0)
    return `${path} has mounts below it: unmount ${listed(below.map(({ mountPoint }) => mountPoint))} first`;
  const users = await processesUsing(procRoot, path);
  return `${path} is in use${users.length === 0 ? "" : ` by ${listed(users)}`}: end what uses it`;
}

function listed(names: readonly string[]): string {
  return names.slice(0, namedMax).join(", ");
}

/**
 * Thaws a file system that a backup has left frozen. Unmounted frozen it would stay in the kernel, keep its
 * device busy, and block every write of its next mount there, also where an error has ended its own writes.
 * It waits for no command on the device: such a command may wait for the thaw.
 */
async function thaw(host: HostContext, mount: ObservedMount, signal: AbortSignal): Promise<Result<void>> {
  const isRaw = (await blockDeviceAt(mount.path).catch(() => undefined)) !== undefined;
  if (isRaw) return ok(undefined);
  const command = unmounting(host, "fsfreeze", ["--unfreeze", mount.path], [mount.path]);
  const exit = await host.runner.run(command, signal);
  // Exit code 1 is the usual answer: it is not frozen. What stays frozen is found by `isClean`.
  return exit.ok ? ok(undefined) : exit;
}

/** A disk that does not answer keeps no volume either: the mount point stays, or goes later. */
async function removeIfPossible({ changes }: HostContext, path: string): Promise<Result<void>> {
  const removed = await changes.run(() => removeEmpty(path));
  return removed.kind === "done" ? removed.value : ok(undefined);
}

/**
 * Removes the mount point. Files written into it while nothing was mounted are not ours to delete. By
 * removing a directory the kernel also detaches the mounts of other mount namespaces on that very
 * directory; a file system that is still in use there stays alive and is found by `isClean`.
 */
async function removeEmpty(path: string): Promise<Result<void>> {
  try {
    const found = await lstat(path);
    if (found.isDirectory()) await rmdir(path);
    else if (found.isFile() && found.size === 0) await unlink(path);
    else return hostNotReady(`${path} is not mounted and holds data of its own: move it away`);
    return ok(undefined);
  } catch (error) {
    // A node's root disk that takes no change after an error keeps no volume: the mount point stays.
    if (takesNoChange(error)) return ok(undefined);
    switch (errorCode(error)) {
      case "ENOENT":
      case "ENOTDIR":
        return ok(undefined);
      case "ENOTEMPTY":
      case "EEXIST":
        return hostNotReady(`${path} is not mounted, but holds files: move them away`);
      case "EBUSY":
        return deviceBusy(path, `${path} is a mount point in another mount namespace`);
      default:
        throw error;
    }
  }
}
