import { posix, win32 } from "node:path";
import type { FailureOf } from "../../core/failure/failure.ts";
import type { NodeSettings } from "../../node/node-ports.ts";

/**
 * Why a path of a request can't be used, undefined if it can: it must be absolute, in its shortest form,
 * and below one of the roots.
 */
export function pathObstacle(
  field: string,
  path: string,
  { allowedRoots, platform }: Pick<NodeSettings, "allowedRoots" | "platform">,
): FailureOf<"PathNotAllowed"> | undefined {
  const rules = platform === "windows" ? win32 : posix;
  // Windows compares paths without case.
  const comparable = (text: string): string => (platform === "windows" ? text.toLowerCase() : text);
  const isAllowed =
    rules.isAbsolute(path) &&
    withoutEnd(rules.normalize(path)) === path &&
    allowedRoots.some((root) =>
      comparable(path).startsWith(comparable(`${withoutEnd(rules.normalize(root))}${rules.sep}`)),
    );
  return isAllowed ? undefined : { kind: "PathNotAllowed", field, path, allowedRoots };
}

function withoutEnd(path: string): string {
  return path.replace(/[\\/]$/u, "");
}
