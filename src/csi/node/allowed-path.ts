import { posix } from "node:path";
import type { FailureOf } from "../../core/failure/failure.ts";

/**
 * Why a path of a request can't be used, undefined if it can: it must be absolute, in its shortest form,
 * and below one of the roots.
 */
export function pathObstacle(
  field: string,
  path: string,
  allowedRoots: readonly string[],
): FailureOf<"PathNotAllowed"> | undefined {
  const isAllowed =
    posix.isAbsolute(path) &&
    posix.normalize(path).replace(/\/$/u, "") === path &&
    allowedRoots.some((root) => path.startsWith(`${root.replace(/\/$/u, "")}/`));
  return isAllowed ? undefined : { kind: "PathNotAllowed", field, path, allowedRoots };
}
