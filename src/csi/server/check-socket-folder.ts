import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { FailureOf } from "../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";

/** Checks that a socket's folder exists. The platform reports a missing one as a missing permission. */
export async function checkSocketFolder(path: string): Promise<Result<void, FailureOf<"HostNotReady">>> {
  const folder = dirname(path);
  try {
    if ((await stat(folder)).isDirectory()) return ok(undefined);
    return fail({
      kind: "HostNotReady",
      detail: `${folder} is no folder, so ${path} can't be made; choose another endpoint`,
    });
  } catch (error) {
    const isMissing =
      error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
    const why = isMissing
      ? "does not exist; make it, or choose another endpoint"
      : `can't be looked at: ${String(error)}`;
    return fail({ kind: "HostNotReady", detail: `the folder ${folder} for the socket ${path} ${why}` });
  }
}
