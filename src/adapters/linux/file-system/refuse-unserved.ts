import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Failure } from "../../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import type { FileSystemType } from "../../../core/volume/device/file-system.ts";
import { runToSuccess } from "../command/command-failed.ts";
import { inspecting } from "../command/device-commands.ts";
import type { HostContext } from "../host-context.ts";

/** No block device: each of the driver's file systems needs one, so a mount of it never succeeds. */
const NO_DISK = "/dev/null";

/**
 * Fails with `FileSystemUnserved` where mkfs of a file system does not run here, or the kernel can't mount
 * it. Touches no disk.
 */
export async function refuseUnserved(
  host: HostContext,
  fsType: FileSystemType,
  signal: AbortSignal,
): Promise<Result<void>> {
  const mkfs = await readMkfsVersion(host, fsType, signal);
  if (!mkfs.ok)
    return mkfs.failure.kind === "HostCommandFailed"
      ? fail({ kind: "FileSystemUnserved", fsType, problem: `mkfs.${fsType}: ${mkfs.failure.stderr.trim()}` })
      : mkfs;
  if (await isRegistered(host, fsType)) return ok(undefined);
  // The kernel loads the module of a file system with the first mount that names it, from a container too.
  const mount = inspecting(host, "mount", ["-t", fsType, NO_DISK, "/"]);
  const tried = await host.runner.run(mount, signal);
  if (!tried.ok) return tried;
  return (await isRegistered(host, fsType)) ? ok(undefined) : fail(unknownToKernel(fsType));
}

/** What `mkfs -V` of a file system prints. */
export async function readMkfsVersion(
  host: HostContext,
  fsType: FileSystemType,
  signal: AbortSignal,
): Promise<Result<string>> {
  const exit = await runToSuccess(host, inspecting(host, `mkfs.${fsType}`, ["-V"]), signal);
  return exit.ok ? ok(exit.value.stdout.toString()) : exit;
}

/** The kernel of this node has no such file system, and no module with it. */
export function unknownToKernel(fsType: FileSystemType): Failure {
  return { kind: "FileSystemUnserved", fsType, problem: `the kernel has no module ${fsType}` };
}

/** `/proc/filesystems` has `nodev\tsysfs` and `\text4` lines. */
async function isRegistered({ procRoot }: HostContext, fsType: FileSystemType): Promise<boolean> {
  const lines = (await readFile(join(procRoot, "filesystems"), "utf8")).split("\n");
  return lines.includes(`\t${fsType}`);
}
