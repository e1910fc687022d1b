import { wrongDevice } from "../../../core/failure/frequent-failures.ts";
import type { Result } from "../../../core/failure/result.ts";
import { ok } from "../../../core/failure/result.ts";
import type { Device } from "../../../ports/host/host-provisioner.ts";
import { runToSuccess } from "../command/command-failed.ts";
import { inspecting } from "../command/device-commands.ts";
import type { HostContext } from "../host-context.ts";

/** A part of a device; what is beyond the device's end does not count. */
export interface DevicePart {
  /** In bytes, a multiple of 4096: the largest sector size that Azure's disks have. */
  readonly offset: bigint;
  /** In bytes, a multiple of 4096. */
  readonly sizeBytes: bigint;
}

/**
 * Reads parts of a device, each by its size and its offset, past the kernel's cache: another node may have
 * written a shared disk. dd reads one place only, and to start it costs the shell a fraction of what it costs
 * the plug-in.
 */
const READ_PARTS =
  'device=$1; shift; while [ $# -gt 0 ]; do dd if="$device" bs="$1" count=1 skip="$2" ' +
  "iflag=direct,skip_bytes,fullblock status=none || exit; shift 2; done";

/**
 * Whether each of these parts holds anything but zeros; one command reads them all. By dd, not by our own
 * read: a read of a hanging device would block one of Node's few I/O threads. Fails with `WrongDevice` if the
 * device has fewer bytes, or none.
 */
export async function holdsData(
  host: Pick<HostContext, "runner" | "limits">,
  device: Device,
  parts: readonly DevicePart[],
  signal: AbortSignal,
): Promise<Result<readonly boolean[]>> {
  const sizes = parts.map(({ offset, sizeBytes }) =>
    Number(sizeBytes < device.sizeBytes - offset ? sizeBytes : device.sizeBytes - offset),
  );
  const requestedBytes = sizes.reduce((sum, size) => sum + size, 0);
  const places = parts.flatMap(({ offset }, at) => [`${sizes[at]}`, `${offset}`]);
  const args = ["-c", READ_PARTS, "sh", device.path, ...places];
  const command = {
    ...inspecting(host, "sh", args, [device.majorMinor]),
    outputBytesMax: requestedBytes + 1,
  };
  const exit = await runToSuccess(host, command, signal);
  if (!exit.ok) return exit;
  const { stdout } = exit.value;
  // An empty read is no proof of zeros: the device may have been detached or shrunk.
  if (stdout.length !== requestedBytes || requestedBytes === 0)
    return wrongDevice(
      device.path,
      `${stdout.length} bytes were read instead of ${requestedBytes}: look for the LUN again`,
    );
  let first = 0;
  return ok(
    sizes.map((size) => {
      const part = stdout.subarray(first, (first += size));
      return !part.equals(Buffer.alloc(size));
    }),
  );
}
