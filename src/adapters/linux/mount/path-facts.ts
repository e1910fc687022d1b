import { lstat } from "node:fs/promises";
import { fileSystemBroken, hostNotReady, wrongDevice } from "../../../core/failure/frequent-failures.ts";
import { invariant } from "../../../core/failure/invariant.ts";
import type { Result } from "../../../core/failure/result.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import { errorCode, undefinedIfMissing } from "../../../core/primitives/error-code.ts";
import type { Bytes } from "../../../core/primitives/units.ts";
import type { FileSystemStats } from "../../../ports/host/host-provisioner.ts";
import { callIn } from "../call-lane.ts";
import { inspecting } from "../command/device-commands.ts";
import { blockDeviceAt, extErrorsFound, readDeviceAttribute, sizeOfDevice } from "../device/block-device.ts";
import type { HostContext } from "../host-context.ts";
import { canonicalPath } from "./canonical-path.ts";
import { observeMountAt } from "./read-mounts.ts";

/**
 * The usage of the file system that is mounted at a path. A path without a mount is refused: its
 * numbers would be those of the node's own disk.
 */
export async function fileSystemStats(
  host: HostContext,
  path: string,
  signal: AbortSignal,
): Promise<Result<FileSystemStats>> {
  const found = await observeMountAt(host, path, signal);
  if (!found.ok) return found;
  const mount = found.value;
  if (mount === undefined || mount.isPlaceholder) return fail({ kind: "PathNotMounted", path });
  if (mount.whyDead !== undefined)
    return fileSystemBroken(mount.source, `the mount at ${path} is dead: ${mount.whyDead}`);
  // By stat(1), not by our own call: those of volumes that hang would take all of Node's few I/O threads.
  const args = ["--file-system", `--format=${usageFormat}`, "--", mount.path];
  const exit = await host.runner.run(inspecting(host, "stat", args), signal);
  if (!exit.ok) return exit;
  if (exit.value.exitCode !== 0)
    return hostNotReady(`could not read the usage of ${path}: ${exit.value.stderr}`);
  const text = exit.value.stdout.toString("utf8");
  const numbers = /^\d+(?: \d+){5}$/.test(text.trim()) ? text.trim().split(" ").map(BigInt) : [];
  const [blockBytes, blocks, free, available, inodes, freeInodes] = numbers;
  invariant(
    blockBytes !== undefined &&
      blocks !== undefined &&
      free !== undefined &&
      available !== undefined &&
      inodes !== undefined &&
      freeInodes !== undefined,
    `stat prints no usage: ${text}`,
  );
  const errorsFound = await extErrorsFound(host.sysRoot, mount.majorMinor);
  return ok({
    ...(errorsFound === 0 ? {} : { errorsFound }),
    totalBytes: blocks * blockBytes,
    availableBytes: available * blockBytes,
    usedBytes: (blocks - free) * blockBytes,
    totalInodes: inodes,
    availableInodes: freeInodes,
    usedInodes: inodes - freeInodes,
  });
}

/** Bytes of a block, blocks, free ones, those for users, inodes, free ones. */
const usageFormat = "%s %b %f %a %c %d";

export async function deviceSize({ sysRoot }: HostContext, path: string): Promise<Result<Bytes>> {
  const majorMinor = await blockDeviceAt(path).catch(undefinedIfMissing);
  if (majorMinor === undefined) return fail({ kind: "PathNotMounted", path });
  const sizeBytes = await sizeOfDevice(sysRoot, majorMinor);
  return sizeBytes === undefined
    ? wrongDevice(path, `its device ${majorMinor} is gone: unpublish the volume`)
    : ok(sizeBytes);
}

/** The kind of file at a path; links are not followed. */
export async function pathKind(
  host: HostContext,
  path: string,
): Promise<"absent" | "file" | "directory" | "blockDevice" | "other"> {
  try {
    const canonical = await canonicalPath(host, path);
    const found = await callIn(host.lookups, `lstat ${canonical}`, () => lstat(canonical));
    if (found.isFile()) return "file";
    if (found.isDirectory()) return "directory";
    return found.isBlockDevice() ? "blockDevice" : "other";
  } catch (error) {
    // The root of a file system that has shut down: XFS answers EIO for it, but it is there and a directory.
    if (errorCode(error) === "EIO") return "directory";
    undefinedIfMissing(error);
    return "absent";
  }
}

/**
 * The kernel's write counters in a device's `stat` file (Documentation/block/stat.rst): writes
 * completed, sectors written, requests in flight, flushes.
 */
const writeCounterFields = [4, 6, 8, 15] as const;

/**
 * The write counters of a device as one value that changes while it is written to; `gone` if the kernel
 * doesn't know the device.
 */
export async function writeProgress({ sysRoot }: HostContext, majorMinor: string): Promise<string> {
  const counters = (await readDeviceAttribute(sysRoot, majorMinor, "stat"))?.split(/\s+/);
  return counters === undefined
    ? "gone"
    : writeCounterFields.map((field) => counters[field] ?? "0").join("/");
}
