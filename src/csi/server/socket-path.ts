import { lstat, stat, unlink } from "node:fs/promises";
import { connect } from "node:net";
import { dirname } from "node:path";
import type { FailureOf } from "../../core/failure/failure.ts";
import { hostNotReady } from "../../core/failure/frequent-failures.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { hasCode } from "../../core/primitives/error-code.ts";

/**
 * Removes the socket that a killed process left behind. A socket with a listener, and a file that is no
 * socket, stays: that is a failure.
 */
export async function removeStaleSocket(path: string): Promise<Result<void, FailureOf<"HostNotReady">>> {
  try {
    const found = await lstat(path);
    if (!found.isSocket())
      return hostNotReady(`${path} exists and is no socket; remove it or choose another endpoint`);
    if (await isListenedOn(path))
      return hostNotReady(`another process listens on ${path}; end it or choose another endpoint`);
    await unlink(path);
    return ok(undefined);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return ok(undefined);
    return hostNotReady(`${path} can't be prepared: ${String(error)}`);
  }
}

function isListenedOn(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

/** Checks that a socket's folder exists. The platform reports a missing one as a missing permission. */
export async function checkSocketFolder(path: string): Promise<Result<void, FailureOf<"HostNotReady">>> {
  const folder = dirname(path);
  try {
    if ((await stat(folder)).isDirectory()) return ok(undefined);
    return hostNotReady(`${folder} is no folder, so ${path} can't be made; choose another endpoint`);
  } catch (error) {
    const why = hasCode(error, "ENOENT", "ENOTDIR")
      ? "does not exist; make it, or choose another endpoint"
      : `can't be looked at: ${String(error)}`;
    return hostNotReady(`the folder ${folder} for the socket ${path} ${why}`);
  }
}
