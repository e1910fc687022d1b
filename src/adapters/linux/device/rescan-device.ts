import { access } from "node:fs/promises";
import { join } from "node:path";
import { deviceReplaced, hostNotReady } from "../../../core/failure/frequent-failures.ts";
import type { Result } from "../../../core/failure/result.ts";
import { ok } from "../../../core/failure/result.ts";
import { undefinedIfMissing } from "../../../core/primitives/error-code.ts";
import type { Device } from "../../../ports/host/host-provisioner.ts";
import type { HostContext } from "../host-context.ts";
import { blockDeviceAt, sizeOfDevice } from "./block-device.ts";
import { writeAttribute } from "./write-attribute.ts";

/**
 * The files, below the device's folder in sysfs, that make the kernel read sizes again from a SCSI disk
 * or an NVMe controller. A loop device has neither and needs none.
 */
const rescanFiles = ["device/rescan", "device/rescan_controller"] as const;

/** Makes the kernel read a device's size again, and returns the device with that size. */
export async function rescanDevice(
  host: HostContext,
  device: Device,
  signal: AbortSignal,
): Promise<Result<Device>> {
  const { sysRoot } = host;
  if ((await blockDeviceAt(device.path).catch(undefinedIfMissing)) !== device.majorMinor)
    return deviceReplaced(device);
  for (const file of rescanFiles) {
    const path = join(sysRoot, "dev/block", device.majorMinor, file);
    const exists = await access(path).then(
      () => true,
      () => false,
    );
    if (!exists) continue;
    const written = await writeAttribute(host, path, "1", signal);
    if (!written.ok) return written;
    if (written.value.exitCode !== 0)
      return hostNotReady(`${path} can't be written: ${written.value.stderr}`);
  }
  const sizeBytes = await sizeOfDevice(sysRoot, device.majorMinor);
  return sizeBytes === undefined ? deviceReplaced(device) : ok({ ...device, sizeBytes });
}
