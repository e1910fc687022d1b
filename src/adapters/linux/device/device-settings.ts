import { join } from "node:path";
import { deviceReplaced } from "../../../core/failure/frequent-failures.ts";
import type { Result } from "../../../core/failure/result.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import { undefinedIfMissing } from "../../../core/primitives/error-code.ts";
import {
  type DeviceSetting,
  type DeviceSettingName,
  deviceSettingNames,
} from "../../../core/volume/device/device-settings.ts";
import type { Device } from "../../../ports/host/host-provisioner.ts";
import { commandFailed } from "../command/command-failed.ts";
import type { HostContext } from "../host-context.ts";
import { blockDeviceAt } from "./block-device.ts";
import { writeAttribute } from "./write-attribute.ts";

/** How long the kernel may take to show settings, in milliseconds. */
const READ_MAX_MS = 10_000;

/**
 * What grep says of a setting that the kernel does not have for a device, that is off for it, such as the
 * latency of a write throttle that it lacks, or whose device has gone.
 */
const absent =
  /: (?:No such file or directory|Not a directory|Invalid argument|No such device|No such device or address)$/;

/** Reads the settings of a device; one that the kernel does not have for it is absent. */
export function readDeviceSettings(
  host: HostContext,
  { majorMinor }: Device,
  signal: AbortSignal,
): Promise<Result<Readonly<Partial<Record<DeviceSettingName, string>>>>> {
  return valuesOf(host, majorMinor, deviceSettingNames, signal);
}

/** Writes one setting, unless the device has that value. */
export async function writeDeviceSetting(
  host: HostContext,
  { device, setting }: { readonly device: Device; readonly setting: DeviceSetting },
  signal: AbortSignal,
): Promise<Result<void>> {
  const { path: devicePath, majorMinor } = device;
  const { name, value } = setting;
  if ((await blockDeviceAt(devicePath).catch(undefinedIfMissing)) !== majorMinor)
    return deviceReplaced(device);
  const present = await valuesOf(host, majorMinor, [name], signal);
  if (!present.ok) return present;
  if (present.value[name] === value) return ok(undefined);
  const written = await writeAttribute(host, fileOf(host, majorMinor, name), value, signal);
  if (!written.ok) return written;
  const { exitCode, stderr: detail } = written.value;
  return exitCode === 0
    ? ok(undefined)
    : fail({ kind: "DeviceSettingRefused", devicePath, setting: name, value, detail });
}

function fileOf({ sysRoot }: Pick<HostContext, "sysRoot">, majorMinor: string, name: string): string {
  return join(sysRoot, "dev/block", majorMinor, name);
}

/**
 * By a command: while the kernel changes a setting of a queue it shows none of them, and for some changes it
 * waits for the disk. A read of our own would keep one of the few threads on which Node works with files.
 */
async function valuesOf(
  host: HostContext,
  majorMinor: string,
  names: readonly DeviceSettingName[],
  signal: AbortSignal,
): Promise<Result<Readonly<Partial<Record<DeviceSettingName, string>>>>> {
  const command = {
    program: "grep",
    args: ["--with-filename", "--text", "", "--", ...names.map((name) => fileOf(host, majorMinor, name))],
    pool: "attributes",
    limitMs: READ_MAX_MS,
    touches: [],
    changes: false,
  } as const;
  const exit = await host.runner.run(command, signal);
  if (!exit.ok) return exit;
  const { exitCode, stdout, stderr } = exit.value;
  const messages = stderr.split("\n").filter((line) => line !== "");
  if (exitCode === null || messages.some((line) => !absent.test(line)))
    return commandFailed(command, exit.value);
  const values: Partial<Record<DeviceSettingName, string>> = {};
  for (const line of stdout.toString("utf8").split("\n")) {
    const name = names.find((known) => line.startsWith(`${fileOf(host, majorMinor, known)}:`));
    if (name === undefined) continue;
    const text = line.slice(fileOf(host, majorMinor, name).length + 1).trim();
    values[name] = name === "queue/scheduler" ? (/\[(.+)\]/u.exec(text)?.[1] ?? text) : text;
  }
  return ok(values);
}
