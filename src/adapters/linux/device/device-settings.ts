import { join } from "node:path";
import type { Failure } from "../../../core/failure/failure.ts";
import type { Result } from "../../../core/failure/result.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import {
  type DeviceSetting,
  type DeviceSettingName,
  deviceSettingNames,
} from "../../../core/volume/device/device-settings.ts";
import type { Device } from "../../../ports/host/host-provisioner.ts";
import { errorCode, undefinedIfMissing } from "../error-code.ts";
import type { HostContext } from "../host-context.ts";
import { blockDeviceAt, readDeviceAttribute } from "./block-device.ts";
import { writeAttribute } from "./write-attribute.ts";

/** Reads the settings of a device; one that the kernel does not have for it is absent. */
export async function readDeviceSettings(
  { sysRoot }: HostContext,
  { majorMinor }: Device,
): Promise<Result<Readonly<Partial<Record<DeviceSettingName, string>>>, Failure>> {
  const values: Partial<Record<DeviceSettingName, string>> = {};
  for (const name of deviceSettingNames) {
    const value = await valueOf(sysRoot, majorMinor, name);
    if (value !== undefined) values[name] = value;
  }
  return ok(values);
}

/** Writes one setting, unless the device has that value. */
export async function writeDeviceSetting(
  host: HostContext,
  { device, setting }: { readonly device: Device; readonly setting: DeviceSetting },
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  const { sysRoot } = host;
  const { path: devicePath, majorMinor } = device;
  const { name, value } = setting;
  if ((await blockDeviceAt(devicePath).catch(undefinedIfMissing)) !== majorMinor)
    return fail({
      kind: "WrongDevice",
      devicePath,
      problem: `it is no longer device ${majorMinor}: look for the LUN again`,
    });
  if ((await valueOf(sysRoot, majorMinor, name)) === value) return ok(undefined);
  const path = join(sysRoot, "dev/block", majorMinor, name);
  const written = await writeAttribute(host, path, value, signal);
  if (!written.ok) return written;
  const { exitCode, stderr: detail } = written.value;
  return exitCode === 0
    ? ok(undefined)
    : fail({ kind: "DeviceSettingRefused", devicePath, setting: name, value, detail });
}

async function valueOf(
  sysRoot: string,
  majorMinor: string,
  name: DeviceSettingName,
): Promise<string | undefined> {
  const text = await readDeviceAttribute(sysRoot, majorMinor, name).catch((error: unknown) => {
    // A setting that is off for this device, such as the latency of a write throttle that it lacks.
    if (errorCode(error) === "EINVAL") return undefined;
    throw error;
  });
  return name === "queue/scheduler" ? (/\[(.+)\]/u.exec(text ?? "")?.[1] ?? text) : text;
}
