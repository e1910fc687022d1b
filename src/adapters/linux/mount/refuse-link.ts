import { lstat } from "node:fs/promises";
import { refuseArgument } from "../../../core/failure/frequent-failures.ts";
import { ok, type Result } from "../../../core/failure/result.ts";
import { undefinedIfUnknown } from "../../../core/primitives/error-code.ts";
import { callIn } from "../call-lane.ts";
import type { HostContext } from "../host-context.ts";

/**
 * Fails with `InvalidArgument` where a path is a symbolic link. mount(8) follows it: the volume would be
 * mounted where it leads, and no unmount of the path would find that. Links above the path are followed
 * (`canonicalPath`). The root of a file system that has shut down answers EIO, and is none.
 */
export async function refuseLink(
  { lookups }: Pick<HostContext, "lookups">,
  path: string,
): Promise<Result<void>> {
  const found = await callIn(lookups, `lstat ${path}`, () => lstat(path)).catch(undefinedIfUnknown);
  return found?.isSymbolicLink() === true
    ? refuseArgument("path", path, "is a symbolic link; a volume is mounted on the path itself")
    : ok(undefined);
}
