import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);
const CHECK_MAX_MS = 60_000;
/** How much is kept of what a check says, in characters from its end. */
const SAID_MAX = 1_000;

/** The check of a file system that changes nothing, by its type. Default: that of ext. */
const CHECKS: Readonly<Record<string, readonly [string, ...string[]]>> = {
  btrfs: ["btrfs", "check", "--readonly"],
  xfs: ["xfs_repair", "-n"],
};

/**
 * Runs `e2fsck -fn`, `btrfs check` or `xfs_repair -n` on a file that no node has mounted: it reads everything
 * and changes nothing. Returns `clean`, or what the check says. Throws if it can't be run, or does not end.
 */
export async function checkFileSystem(path: string, fsType: string): Promise<string> {
  const [program, ...options] = CHECKS[fsType] ?? ["e2fsck", "-f", "-n"];
  try {
    await run(program, [...options, path], { timeout: CHECK_MAX_MS });
    return "clean";
  } catch (error) {
    if (!hasExited(error)) throw error;
    const said = `${error.stdout}${error.stderr}`.trim().slice(-SAID_MAX);
    return `${program} ended with ${error.code}: ${said}`;
  }
}

/** Of a program that did not start the code is a text, of one that was killed null. */
function hasExited(
  error: unknown,
): error is Error & { readonly code: number; readonly stdout: string; readonly stderr: string } {
  return error instanceof Error && "code" in error && typeof error.code === "number";
}
