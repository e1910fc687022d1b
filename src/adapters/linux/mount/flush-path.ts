import type { Failure } from "../../../core/failure/failure.ts";
import type { Result } from "../../../core/failure/result.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import { runToSuccess } from "../command/command-failed.ts";
import { blockDeviceAt } from "../device/block-device.ts";
import type { HostContext } from "../host-context.ts";
import { glanceAtMount, observeMountAt } from "./read-mounts.ts";
import type { ObservedMount } from "./read-mounts.ts";

/** Flushes what is mounted at a path to its device. */
export async function flushPath(
  host: HostContext,
  path: string,
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  const mount = await observeMountAt(host, path, signal);
  if (!mount.ok) return mount;
  return mount.value === undefined
    ? fail({ kind: "PathNotMounted", path })
    : await flushMount(host, mount.value, signal);
}

/**
 * Flushes a mount. The kernel reports a lost write to one sync only, and an ext4 that has aborted its
 * journal may report the next sync as a success, so the mount is checked again afterwards.
 */
export async function flushMount(
  host: HostContext,
  mount: ObservedMount,
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  const isRaw = (await blockDeviceAt(mount.path).catch(() => undefined)) !== undefined;
  // Of a raw device `sync` flushes its own cached blocks; of a file system all of it (syncfs).
  const command = {
    program: "sync",
    args: isRaw ? [mount.path] : ["--file-system", mount.path],
    pool: "unmount",
    limitMs: host.limits.flushMs,
    touches: [],
    changes: false,
  } as const;
  const exit = await runToSuccess(host, command, signal);
  if (!exit.ok) return exit;
  const after = await glanceAtMount(host, mount.path);
  if (after?.whyDead === undefined) return ok(undefined);
  return fail({
    kind: "FileSystemBroken",
    devicePath: mount.source,
    detail: `the mount at ${mount.path} is dead (${after.whyDead}): what was written last may be lost`,
  });
}
