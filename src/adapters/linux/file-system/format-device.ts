import type { Failure } from "../../../core/failure/failure.ts";
import type { Result } from "../../../core/failure/result.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import type { FileSystemType } from "../../../core/volume/file-system.ts";
import type { Device } from "../../../ports/host/host-provisioner.ts";
import { runToSuccess } from "../command/command-failed.ts";
import type { HostCommand } from "../command/command-runner.ts";
import { refuseHeld } from "../device/exclusive-open.ts";
import { inspectDevice } from "../device/inspect-device.ts";
import type { HostContext } from "../host-context.ts";

/** Makes a file system on a device that all three witnesses call blank. */
export async function formatDevice(
  host: HostContext,
  {
    device,
    fsType,
    uuid,
  }: { readonly device: Device; readonly fsType: FileSystemType; readonly uuid: string },
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  const command = formatCommand(host, device, fsType, uuid);
  const alreadyAtIt = host.runner
    .inFlightOn(device.majorMinor)
    .includes([command.program, ...command.args].join(" "));
  if (!alreadyAtIt) {
    const content = await inspectDevice(host, device, signal);
    if (!content.ok) return content;
    if (content.value.kind !== "blank") {
      const found = content.value.kind === "fileSystem" ? content.value.fsType : content.value.detail;
      return fail({
        kind: "WrongFileSystem",
        devicePath: device.path,
        found,
        requested: `a blank device to make ${fsType} on`,
      });
    }
    const free = await refuseHeld(device);
    if (!free.ok) return free;
  }
  const exit = await runToSuccess(host, command, signal);
  return exit.ok ? ok(undefined) : exit;
}

function formatCommand(host: HostContext, device: Device, fsType: FileSystemType, uuid: string): HostCommand {
  return {
    program: `mkfs.${fsType}`,
    args: [...formatOptions(fsType, uuid), device.path],
    pool: "make",
    limitMs: host.limits.formatMs,
    touches: [device.majorMinor],
    changes: true,
  };
}

/**
 * A new disk is all zeros, so a discard first would only take time, and erase the format mark. ext: no
 * blocks reserved for root, and `-F` since no user is there to answer questions. xfs and btrfs: without
 * `-f`, so that mkfs checks once more and refuses a device that is not blank. btrfs: with blocks that a node
 * of any architecture mounts, whatever the page size of this one is.
 */
function formatOptions(fsType: FileSystemType, uuid: string): readonly string[] {
  switch (fsType) {
    case "xfs":
      return ["-q", "-K", "-m", `uuid=${uuid}`];
    case "btrfs":
      return ["-q", "-K", "-s", "4096", "-U", uuid];
    default:
      return ["-q", "-F", "-m0", "-E", "nodiscard", "-U", uuid];
  }
}
