import { isSameResourceUri } from "../../../core/azure/ids/disk-uri.ts";
import { wrongDevice } from "../../../core/failure/frequent-failures.ts";
import type { Result } from "../../../core/failure/result.ts";
import { ok } from "../../../core/failure/result.ts";
import {
  FORMAT_MARK_BYTES,
  type FormatMark,
  formatMarkOffset,
  formatMarkText,
  parseFormatMark,
} from "../../../core/node/file-system/format-mark.ts";
import type { Device, HostProvisioner } from "../../../ports/host/host-provisioner.ts";
import { runToSuccess } from "../command/command-failed.ts";
import { inspecting, making } from "../command/device-commands.ts";
import { refuseHeld } from "../device/exclusive-open.ts";
import type { HostContext } from "../host-context.ts";
import { refuseUnserved } from "./refuse-unserved.ts";

/**
 * Reads the block past the kernel's cache, by dd: a read of a hanging device would block one of Node's
 * few I/O threads.
 */
export async function readFormatMark(
  host: HostContext,
  device: Device,
  signal: AbortSignal,
): Promise<Result<FormatMark | undefined>> {
  const offset = formatMarkOffset(device.sizeBytes);
  const place = [`if=${device.path}`, `bs=${FORMAT_MARK_BYTES}`, "count=1", `skip=${offset}`];
  const args = [...place, "iflag=direct,skip_bytes,fullblock", "status=none"];
  const command = inspecting(host, "dd", args, [device.majorMinor]);
  const exit = await runToSuccess(host, command, signal);
  if (!exit.ok) return exit;
  const { stdout } = exit.value;
  // An empty read is no proof of zeros: the device may have been detached.
  if (stdout.length < FORMAT_MARK_BYTES) {
    const problem =
      `only ${stdout.length} of ${FORMAT_MARK_BYTES} bytes at offset ${offset} could be read: look for ` +
      "the LUN again";
    return wrongDevice(device.path, problem);
  }
  return ok(parseFormatMark(stdout.toString("latin1")));
}

/** Writes the mark, and returns once it is on the disk. dd fills its block with NUL. */
export async function writeFormatMark(
  host: HostContext,
  { device, fsType, mark }: Parameters<HostProvisioner["writeFormatMark"]>[0],
  signal: AbortSignal,
): Promise<Result<void>> {
  const served = await refuseUnserved(host, fsType, signal);
  if (!served.ok) return served;
  return writeBlock(
    host,
    device,
    `printf %s "$2" | dd iflag=fullblock conv=sync,fsync,notrunc`,
    [formatMarkText(mark)],
    signal,
  );
}

/** Zeroes the block if it is this disk's mark to the last byte, and returns once that is on the disk. */
export async function eraseFormatMark(
  host: HostContext,
  { device, diskUri }: Parameters<HostProvisioner["eraseFormatMark"]>[0],
  signal: AbortSignal,
): Promise<Result<void>> {
  const present = await readFormatMark(host, device, signal);
  if (!present.ok) return present;
  return present.value === undefined || !isSameResourceUri(present.value.diskUri, diskUri)
    ? ok(undefined)
    : writeBlock(host, device, "dd if=/dev/zero conv=fsync,notrunc", [], signal);
}

async function writeBlock(
  host: HostContext,
  device: Device,
  dd: string,
  texts: readonly string[],
  signal: AbortSignal,
): Promise<Result<void>> {
  const free = await refuseHeld(host, device, signal);
  if (!free.ok) return free;
  const place =
    `of="$1" bs=${FORMAT_MARK_BYTES} count=1 seek=${formatMarkOffset(device.sizeBytes)} ` +
    "oflag=direct,seek_bytes status=none";
  const args = ["-c", `${dd} ${place}`, "sh", device.path, ...texts];
  const command = making(device, host.limits.formatMs, "sh", args);
  const exit = await runToSuccess(host, command, signal);
  return exit.ok ? ok(undefined) : exit;
}
