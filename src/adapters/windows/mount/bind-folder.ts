import { lstat, mkdir, symlink } from "node:fs/promises";
import { dirname } from "node:path";
import { fileSystemBroken } from "../../../core/failure/frequent-failures.ts";
import type { Result } from "../../../core/failure/result.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import { undefinedIfMissing } from "../../../core/primitives/error-code.ts";
import type { WindowsHostContext } from "../windows-host-context.ts";
import { isSamePath, linkAt, removePath } from "./paths.ts";
import { placeholderIn } from "./placeholder.ts";
import { mountAt } from "./read-mounts.ts";

export async function bindFolder(
  host: WindowsHostContext,
  { stagingPath, targetPath }: { readonly stagingPath: string; readonly targetPath: string },
): Promise<Result<void>> {
  const staged = await mountAt(host, stagingPath);
  if (!staged.ok) return staged;
  if (staged.value === undefined) return fail({ kind: "PathNotMounted", path: stagingPath });
  if (staged.value.isDead)
    return fileSystemBroken(stagingPath, `the mount at ${stagingPath} is dead: stage the volume again`);
  const present = await linkAt(targetPath);
  if (present !== undefined && isSamePath(present, stagingPath)) return ok(undefined);
  return replaceByLink(targetPath, stagingPath);
}

/** Leaves a placeholder at a target, which must be there. */
export async function placeholderFor(targetPath: string): Promise<Result<void>> {
  if ((await lstat(targetPath).catch(undefinedIfMissing)) === undefined) return ok(undefined);
  return replaceByLink(targetPath, placeholderIn(dirname(targetPath)));
}

async function replaceByLink(path: string, target: string): Promise<Result<void>> {
  const removed = await removePath(path);
  if (!removed.ok) return removed;
  await mkdir(dirname(path), { recursive: true });
  await symlink(target, path, "dir");
  return ok(undefined);
}
