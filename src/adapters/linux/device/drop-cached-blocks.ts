import type { Result } from "../../../core/failure/result.ts";
import { ok } from "../../../core/failure/result.ts";
import type { Device } from "../../../ports/host/host-provisioner.ts";
import { runToSuccess } from "../command/command-failed.ts";
import type { HostCommand } from "../command/command-runner.ts";
import type { HostContext } from "../host-context.ts";

/**
 * Drops this kernel's cache of a device's blocks (BLKFLSBUF), since the kernel drops them by itself
 * only with the last close of the device.
 */
export async function dropCachedBlocks(
  host: HostContext,
  device: Device,
  signal: AbortSignal,
): Promise<Result<void>> {
  const command: HostCommand = {
    program: "blockdev",
    args: ["--flushbufs", device.path],
    pool: "inspect",
    limitMs: host.limits.inspectMs,
    touches: [device.majorMinor],
    changes: true,
  };
  // Of an earlier use of the device, or of another disk that had its number.
  host.lateLosses.delete(device.majorMinor);
  const exit = await runToSuccess(host, command, signal);
  return exit.ok ? ok(undefined) : exit;
}
