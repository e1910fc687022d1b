import { deviceBusy } from "../../../core/failure/frequent-failures.ts";
import type { Result } from "../../../core/failure/result.ts";
import { ok } from "../../../core/failure/result.ts";
import type { HostCommand } from "../command/command-runner.ts";
import type { HostContext } from "../host-context.ts";
import type { ObservedMount } from "./read-mounts.ts";

/**
 * A name whose removal changes nothing, even where it exists: by unlink(2) a name that ends with a slash is
 * never removed. The kernel waits for the end of a freeze before it looks for the name.
 */
const NEVER_REMOVED = ".azuredisk-frozen-check/";

/**
 * Fails with `DeviceBusy` where a file system is frozen, as by the hook of a backup: a command that writes
 * to it would wait in the kernel, and no signal ends that wait. No file and no ioctl shows a freeze, so a
 * command asks for a change that is none. It reads only, so no later command waits for it. While it waits it
 * uses `mount`, which can't be unmounted until the thaw.
 */
export async function refuseFrozen(
  host: HostContext,
  mount: ObservedMount,
  signal: AbortSignal,
): Promise<Result<void>> {
  const command: HostCommand = {
    program: "unlink",
    args: [`${mount.path}/${NEVER_REMOVED}`],
    pool: "inspect",
    limitMs: host.limits.directReadMs,
    touches: [],
    changes: false,
  };
  const exit = await host.runner.run(command, signal);
  // Any other answer, such as that there is no such name, has not waited.
  if (exit.ok) return ok(undefined);
  if (exit.failure.kind !== "HostCommandTimedOut") return exit;
  return deviceBusy(
    mount.source,
    `the file system at ${mount.path} is frozen, or its disk does not answer: thaw it ` +
      `(fsfreeze --unfreeze ${mount.path})`,
  );
}
