import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { hostNotReady } from "../../../core/failure/frequent-failures.ts";
import type { Result } from "../../../core/failure/result.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import { callIn, hangs } from "../call-lane.ts";
import { commandFailed } from "../command/command-failed.ts";
import type { HostContext } from "../host-context.ts";

export type OpeningHost = Pick<HostContext, "runner" | "limits" | "deviceOpens">;

/** How a command opens first what is opened then. */
export interface Opening {
  readonly path: string;
  /** The flags of that open by their names in dd(1). */
  readonly iflag: "nonblock" | "directory,nofollow";
}

/** What dd exits with once it has opened a file, and if it could not. */
const ANSWERS: readonly (number | null)[] = [0, 1];

/**
 * Runs `act`, which opens the block device or the mounted folder at a path, after a command has opened and
 * closed it. The kernel keeps each open of a disk that does not answer, also one with O_NONBLOCK, and so it
 * would keep one of the few threads on which Node works with files and looks up host names. A command that
 * hangs keeps itself only; it is not repeated while it does. It may be killed: it reads and writes nothing,
 * and closes what it has opened as it ends. Where the disk stops to answer between the two, a thread waits
 * for it, and opens of other disks have the rest of `deviceOpens`.
 *
 * An open that the kernel refuses is for `act` to report: it throws what the file functions throw. Fails with
 * `HostCommandTimedOut` or `HostNotReady` where the device does not open in time, `HostCommandFailed` where
 * the command could not ask, or `Cancelled`.
 * `isLate` says to an open that ends after all that nothing waits for it.
 */
export async function openingDevice<T>(
  host: OpeningHost,
  { path, iflag }: Opening,
  act: (isLate: () => boolean) => Promise<T>,
  signal: AbortSignal,
): Promise<Result<T>> {
  const command = {
    program: "dd",
    args: [`if=${path}`, "count=0", `iflag=${iflag}`, "status=none"],
    pool: "open",
    limitMs: host.limits.deviceOpenMs,
    touches: [],
    changes: false,
  } as const;
  const exit = await host.runner.run(command, signal);
  if (!exit.ok)
    return exit.failure.kind === "HostCommandTimedOut"
      ? fail({ ...exit.failure, command: `open ${path}` })
      : exit;
  // Killed, or without a library that the node's own disk does not give, it has asked nothing.
  if (!ANSWERS.includes(exit.value.exitCode)) return commandFailed(command, exit.value);
  try {
    return ok(await callIn(host.deviceOpens, `open ${path}`, act));
  } catch (error) {
    if (error instanceof Error && hangs(error)) return hostNotReady(error.message);
    throw error;
  }
}

/** Opens the block device or the mounted folder at a path, as `openingDevice` does. */
export async function openDevice(
  host: OpeningHost,
  { flags, ...opening }: Opening & { readonly flags: number },
  signal: AbortSignal,
): Promise<Result<FileHandle>> {
  const act = async (isLate: () => boolean): Promise<FileHandle> => {
    const file = await open(opening.path, flags);
    // Nothing waits for it any more.
    if (isLate()) await file.close();
    return file;
  };
  return await openingDevice(host, opening, act, signal);
}
