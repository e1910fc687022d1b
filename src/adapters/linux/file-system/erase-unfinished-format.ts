import type { Result } from "../../../core/failure/result.ts";
import { ok } from "../../../core/failure/result.ts";
import type { FileSystemOn } from "../../../ports/host/host-provisioner.ts";
import { runToSuccess } from "../command/command-failed.ts";
import { making } from "../command/device-commands.ts";
import { refuseHeld } from "../device/exclusive-open.ts";
import type { HostContext } from "../host-context.ts";
import { refuseUnserved } from "./refuse-unserved.ts";

/**
 * More than `inspectDevice` reads at both ends; a file system's superblock lies in the first of these MiB.
 * mkfs.btrfs writes its first blocks right behind it.
 */
const END_MIB = 2n;
const MIB = 1024n * 1024n;

/**
 * Zeroes both ends of a device, which makes it blank for the checks; a new file system overwrites what
 * an unfinished one left between.
 */
export async function eraseUnfinishedFormat(
  host: HostContext,
  { device, fsType }: FileSystemOn,
  signal: AbortSignal,
): Promise<Result<void>> {
  const served = await refuseUnserved(host, fsType, signal);
  if (!served.ok) return served;
  const free = await refuseHeld(host, device, signal);
  if (!free.ok) return free;
  const lastMib = device.sizeBytes / MIB - END_MIB;
  for (const seek of [0n, lastMib]) {
    const place = [`of=${device.path}`, "bs=1M", `count=${END_MIB}`, `seek=${seek}`];
    const args = ["if=/dev/zero", ...place, "conv=fsync,notrunc", "status=none"];
    const command = making(device, host.limits.formatMs, "dd", args);
    const exit = await runToSuccess(host, command, signal);
    if (!exit.ok) return exit;
  }
  return ok(undefined);
}
