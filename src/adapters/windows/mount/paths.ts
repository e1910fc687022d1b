import { lstat, open, readlink, rmdir, unlink } from "node:fs/promises";
import { dirname, normalize, resolve } from "node:path";
import { hostNotReady } from "../../../core/failure/frequent-failures.ts";
import type { Result } from "../../../core/failure/result.ts";
import { ok } from "../../../core/failure/result.ts";
import { errorCode, undefinedIfMissing } from "../../../core/primitives/error-code.ts";
import type { WindowsHostContext } from "../windows-host-context.ts";

/** The kind of file at a path, whatever a link leads to. */
export async function pathKind(
  host: WindowsHostContext,
  path: string,
): Promise<"absent" | "file" | "directory" | "blockDevice" | "other"> {
  if (path.startsWith(`${host.deviceRoot}PhysicalDrive`))
    return (await canOpen(path)) ? "blockDevice" : "absent";
  const found = await lstat(path).catch(undefinedIfMissing);
  if (found === undefined) return "absent";
  if (found.isDirectory() || found.isSymbolicLink()) return "directory";
  return found.isFile() ? "file" : "other";
}

async function canOpen(path: string): Promise<boolean> {
  const file = await open(path, "r").catch(undefinedIfMissing);
  await file?.close();
  return file !== undefined;
}

/** Whether a folder is at a path, and no link. */
export async function isFolder(path: string): Promise<boolean> {
  return (await lstat(path).catch(undefinedIfMissing))?.isDirectory() === true;
}

/** Removes a link, or a folder without a living mount. Fails with `HostNotReady` if it holds files. */
export async function removePath(path: string): Promise<Result<void>> {
  const isLink = (await linkAt(path)) !== undefined;
  try {
    await (isLink ? unlink(path) : rmdir(path));
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOTEMPTY" || code === "EEXIST" || (code === "ENOTDIR" && !isLink))
      return hostNotReady(`${path} is not mounted, but holds files: move them away`);
    undefinedIfMissing(error);
  }
  return ok(undefined);
}

/**
 * Where a link leads, as a full path; undefined: there is none, or it is the folder of a volume. A link that
 * another driver made may name no drive, as its kubelet's paths do.
 */
export async function linkAt(path: string): Promise<string | undefined> {
  try {
    return withoutEnd(resolve(dirname(path), await readlink(path)));
  } catch (error) {
    const code = errorCode(error);
    if (code === "EINVAL" || code === "UNKNOWN") return undefined;
    return undefinedIfMissing(error);
  }
}

/** Windows compares paths without case. */
export function pathKey(path: string): string {
  return withoutEnd(normalize(path)).toLowerCase();
}

/** Whether two paths are one. */
export function isSamePath(one: string, other: string): boolean {
  return pathKey(one) === pathKey(other);
}

export function withoutEnd(path: string): string {
  return path.replace(/[\\/]+$/u, "");
}
