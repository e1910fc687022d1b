import { readdir, readFile, readlink, realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { SeenDevice } from "../../../core/node/device/choose-device.ts";
import { deviceAddress, isNvmeParent, scsiLunOf } from "../../../core/node/device/device-address.ts";
import type { DeviceAddress } from "../../../core/node/device/device-address.ts";
import { errorCode, undefinedIfMissing } from "../../../core/primitives/error-code.ts";
import { nodeOfDevice, readDeviceAttribute, sizeOfDevice } from "./block-device.ts";

/**
 * How far above a SCSI disk its controller is looked for: target, host, and the VMBus device, with room to
 * spare.
 */
const ancestorsMax = 8;

/** The address that the kernel shows for a block device. */
export async function addressOfDevice(sysRoot: string, majorMinor: string): Promise<DeviceAddress> {
  const parent = await parentOf(sysRoot, majorMinor);
  const isScsi = parent !== undefined && scsiLunOf(parent) !== undefined;
  const isNvme = parent !== undefined && isNvmeParent(parent);
  const [controllerId, namespaceId, controllerModel] = await Promise.all([
    isScsi ? controllerIdOf(sysRoot, majorMinor) : undefined,
    isNvme ? readDeviceAttribute(sysRoot, majorMinor, "nsid") : undefined,
    isNvme ? readDeviceAttribute(sysRoot, majorMinor, "device/model") : undefined,
  ]);
  return deviceAddress(majorMinor, { parent, controllerId, namespaceId, controllerModel });
}

/**
 * Every data disk of this VM that has one of these LUNs, by the kernel's own addresses: finding it
 * needs neither a link nor udev.
 */
export async function dataDisksAt(
  sysRoot: string,
  luns: ReadonlySet<number>,
): Promise<readonly SeenDevice[]> {
  const numbers = (await readdir(join(sysRoot, "dev/block")).catch(undefinedIfMissing)) ?? [];
  const found = await Promise.all(
    numbers.toSorted().map((majorMinor) => dataDiskAt(sysRoot, majorMinor, luns)),
  );
  return found.filter((device) => device !== undefined);
}

async function dataDiskAt(
  sysRoot: string,
  majorMinor: string,
  luns: ReadonlySet<number>,
): Promise<SeenDevice | undefined> {
  const parent = await parentOf(sysRoot, majorMinor);
  const scsiLun = parent === undefined ? undefined : scsiLunOf(parent);
  // Most devices can be excluded by one link.
  if (parent === undefined || (scsiLun === undefined ? !isNvmeParent(parent) : !luns.has(scsiLun)))
    return undefined;
  const address = await addressOfDevice(sysRoot, majorMinor);
  if (address.kind !== "dataDisk" || !luns.has(address.lun)) return undefined;
  const sizeBytes = await sizeOfDevice(sysRoot, majorMinor);
  return sizeBytes === undefined
    ? undefined
    : { path: await nodeOfDevice(sysRoot, majorMinor), majorMinor, sizeBytes, address };
}

/**
 * The last part of a block device's `device` link; undefined for a device without one (a loop device, a
 * partition) and one that has gone.
 */
export async function parentOf(sysRoot: string, majorMinor: string): Promise<string | undefined> {
  const link = await readlink(join(sysRoot, "dev/block", majorMinor, "device")).catch((error: unknown) =>
    errorCode(error) === "EINVAL" ? undefined : undefinedIfMissing(error),
  );
  return link === undefined ? undefined : basename(link);
}

/**
 * The `device_id` of the closest device above a SCSI disk that has one, which is the VMBus device of its
 * controller.
 */
async function controllerIdOf(sysRoot: string, majorMinor: string): Promise<string | undefined> {
  const disk = await realpath(join(sysRoot, "dev/block", majorMinor, "device")).catch(undefinedIfMissing);
  let folder = disk;
  for (
    let above = 0;
    folder !== undefined && folder !== dirname(folder) && above < ancestorsMax;
    above += 1
  ) {
    const text = await readFile(join(folder, "device_id"), "utf8").catch(undefinedIfMissing);
    if (text !== undefined) return text.trim();
    folder = dirname(folder);
  }
  return undefined;
}
