import type { Result } from "../../../core/failure/result.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import { mkfsArguments } from "../../../core/node/file-system/mkfs-arguments.ts";
import type { HostProvisioner } from "../../../ports/host/host-provisioner.ts";
import { runToSuccess } from "../command/command-failed.ts";
import { making } from "../command/device-commands.ts";
import { refuseHeld } from "../device/exclusive-open.ts";
import { inspectEnds } from "../device/inspect-device.ts";
import type { HostContext } from "../host-context.ts";
import { readMkfsVersion } from "./refuse-unserved.ts";

/** Makes a file system on a device whose ends all three witnesses call blank. */
export async function formatDevice(
  host: HostContext,
  { device, fsType, uuid, geometry = {} }: Parameters<HostProvisioner["format"]>[0],
  signal: AbortSignal,
): Promise<Result<void>> {
  const version =
    fsType === "xfs" || fsType === "btrfs" ? await readMkfsVersion(host, fsType, signal) : ok("");
  if (!version.ok) return version;
  const args = [...mkfsArguments({ fsType, uuid, version: version.value, geometry }), device.path];
  const command = making(device, host.limits.formatMs, `mkfs.${fsType}`, args);
  const isRunning = host.runner
    .inFlightOn(device.majorMinor)
    .includes([command.program, ...command.args].join(" "));
  if (!isRunning) {
    const content = await inspectEnds(host, device, signal);
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
    const free = await refuseHeld(host, device, signal);
    if (!free.ok) return free;
  }
  const exit = await runToSuccess(host, command, signal);
  return exit.ok ? ok(undefined) : exit;
}
