import type { Failure, FailureOf } from "../../../core/failure/failure.ts";
import { fileSystemBroken } from "../../../core/failure/frequent-failures.ts";
import type { Result } from "../../../core/failure/result.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import { runToSuccess } from "../command/command-failed.ts";
import type { HostCommand } from "../command/command-runner.ts";
import { blockDeviceAt, nodeOfDevice } from "../device/block-device.ts";
import type { HostContext } from "../host-context.ts";
import { readHolder } from "../reservation/read-holder.ts";
import { glanceAtMount, observeMountAt } from "./read-mounts.ts";
import type { ObservedMount } from "./read-mounts.ts";

/** Flushes what is mounted at a path to its device. */
export async function flushPath(host: HostContext, path: string, signal: AbortSignal): Promise<Result<void>> {
  const mount = await observeMountAt(host, path, signal);
  if (!mount.ok) return mount;
  return mount.value === undefined
    ? fail({ kind: "PathNotMounted", path })
    : await flushMount(host, mount.value, signal);
}

/**
 * Flushes a mount. Fails with `WritesLost` only once: the kernel reports a lost write to one sync. Where its
 * caller has left before, `lateLosses` keeps it. An ext4 that has aborted its journal may report the next
 * sync as a success, so the mount is checked again afterwards. One whose disk another machine has reserved
 * may report an error each time.
 */
export async function flushMount(
  host: HostContext,
  mount: ObservedMount,
  signal: AbortSignal,
): Promise<Result<void>> {
  const isRaw = (await blockDeviceAt(mount.path).catch(() => undefined)) !== undefined;
  const args = isRaw ? [mount.path] : ["--file-system", mount.path];
  const devicePath = isRaw ? mount.path : mount.source;
  const flushed = await sync(host, { devicePath, args, place: mount.path }, signal);
  if (!flushed.ok) {
    const { majorMinor } = mount;
    const path = await nodeOfDevice(host.sysRoot, majorMinor);
    const holder = path === undefined ? undefined : await readHolder(host, { path, majorMinor }, signal);
    return holder?.ok === true && holder.value?.isThisMachine === false
      ? broken(mount, `another machine has reserved ${path}: what was written last is lost`)
      : flushed;
  }
  const after = await glanceAtMount(host, mount.path);
  if (after?.whyDead === undefined) return ok(undefined);
  const detail = `the mount at ${mount.path} is dead (${after.whyDead})`;
  return fail<Failure>({ kind: "WritesLost", devicePath: mount.source, detail });
}

function broken({ source }: ObservedMount, detail: string): Result<never> {
  return fileSystemBroken(source, detail);
}

/**
 * Flushes the cached blocks of a device, by the path of its node: fsync(2) also waits for the blocks that the
 * kernel is writing by itself, and reports those that it could not write. BLKFLSBUF reports none. Fails with
 * `WritesLost` once, as `flushMount` does.
 */
export async function flushDevice(
  host: HostContext,
  { path, majorMinor }: { readonly path: string; readonly majorMinor: string },
  signal: AbortSignal,
): Promise<Result<void>> {
  const flushed = await sync(host, { devicePath: path, args: [path], place: majorMinor }, signal);
  return flushed.ok ? answerLateLoss(host, majorMinor) : flushed;
}

/** What sync(1) says where the kernel reports a lost write. */
const lostWrite = /error syncing/;

/** The failure of a flush by what sync(1) has said; undefined where that is of no lost write. */
export function writesLost(devicePath: string, detail: string): FailureOf<"WritesLost"> | undefined {
  return lostWrite.test(detail) ? { kind: "WritesLost", devicePath, detail } : undefined;
}

/** What an earlier flush of a place (see `lateLosses`) has shown to be lost, if that was not answered yet. */
export function answerLateLoss({ lateLosses }: HostContext, place: string): Result<void> {
  const late = lateLosses.get(place);
  lateLosses.delete(place);
  return late === undefined ? ok(undefined) : fail<Failure>(late);
}

async function sync(
  host: HostContext,
  {
    devicePath,
    args,
    place,
  }: { readonly devicePath: string; readonly args: readonly string[]; readonly place: string },
  signal: AbortSignal,
): Promise<Result<void>> {
  const command: HostCommand = {
    program: "sync",
    args,
    pool: "unmount",
    limitMs: host.limits.flushMs,
    touches: [],
    changes: false,
    afterCaller: (exit) => {
      const lost = exit.ok ? writesLost(devicePath, exit.value.stderr.trim()) : undefined;
      if (lost !== undefined) host.lateLosses.set(place, lost);
    },
  };
  const exit = await runToSuccess(host, command, signal);
  if (exit.ok) return ok(undefined);
  const { failure } = exit;
  const lost = failure.kind === "HostCommandFailed" ? writesLost(devicePath, failure.stderr) : undefined;
  return lost === undefined ? exit : fail<Failure>(lost);
}
