import { fail, type Result } from "../../../core/failure/result.ts";
import type { ChildExit } from "../command/spawn-child.ts";
import type { HostContext } from "../host-context.ts";

/**
 * How long the kernel may take for what is written to a file in sysfs, in milliseconds: it freezes the queue
 * for some settings, and waits for the I/O in flight; a scan waits for what holds up its SCSI host.
 */
const WRITE_MAX_MS = 10_000;

/**
 * Writes to a file in sysfs by a command. A write of our own that hangs would keep one of the few threads on
 * which Node works with files; the command is not repeated while it hangs. It may be killed: it writes once,
 * and the kernel finishes what it has begun. Any exit code is a success here; `stderr` says why the kernel
 * refuses the value.
 */
export async function writeAttribute(
  { runner }: Pick<HostContext, "runner">,
  path: string,
  value: string,
  signal: AbortSignal,
): Promise<Result<ChildExit>> {
  const written = await runner.run(
    {
      program: "dd",
      // Makes no file: sysfs has those that it has.
      args: [`of=${path}`, "conv=nocreat,notrunc", "status=none"],
      // The here-document of a shell may be a temporary file, on the node's own disk.
      input: `${value}\n`,
      pool: "attributes",
      limitMs: WRITE_MAX_MS,
      touches: [],
      changes: false,
    },
    signal,
  );
  if (written.ok || !("command" in written.failure)) return written;
  return fail({ ...written.failure, command: `write ${value} to ${path}` });
}
