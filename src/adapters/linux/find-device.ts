import { readdir, realpath, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Failure } from "../../core/failure.ts";
import { chooseDevice } from "../../core/host/choose-device.ts";
import type { DeviceCandidate } from "../../core/host/choose-device.ts";
import type { Result } from "../../core/result.ts";
import { fail, ok } from "../../core/result.ts";
import { bytes } from "../../core/units.ts";
import type { Device } from "../../ports/host-provisioner.ts";
import { blockDeviceAt, sizeOfDevice } from "./block-device.ts";
import { errorCode, undefinedIfMissing } from "./error-code.ts";
import type { HostContext } from "./host-context.ts";

/** How often the links of a LUN are looked at while its device is awaited, in milliseconds. */
const lookEveryMs = 100;

/** Where udev links data disks: by the Azure Linux agent's rules (SCSI), then by azure-vm-utils' (SCSI and NVMe). A LUN's link is `<directory>/<prefix><lun>`. */
const linkPlaces = [
  { directory: "dev/disk/azure/scsi1", prefix: "lun" },
  { directory: "dev/disk/azure/data/by-lun", prefix: "" },
] as const;

/** Finds the device of a LUN; if it isn't there, rescans the SCSI hosts and waits a bounded time for udev. */
export async function findDevice(host: HostContext, { lun }: { readonly lun: number }, signal: AbortSignal): Promise<Result<Device, Failure>> {
  const giveUpAtMs = host.clock.elapsedMs() + host.deviceWaitMs;
  for (let rescanned = false; ;) {
    const found = await deviceAtLun(host, lun);
    if (!found.ok) return found;
    if (found.value !== undefined) return ok(found.value);
    if (signal.aborted) return fail({ kind: "Cancelled" });
    if (!rescanned) {
      const scanned = await rescanScsiHosts(host.sysRoot);
      if (!scanned.ok) return scanned;
      rescanned = true;
      continue;
    }
    if (host.clock.elapsedMs() >= giveUpAtMs) return fail({ kind: "DeviceNotFound", lun, searched: linksOf(host.deviceRoot, lun) });
    try {
      await host.clock.sleep(lookEveryMs, signal);
    } catch {
      return fail({ kind: "Cancelled" });
    }
  }
}

/** The device of a LUN as it is now; undefined if there is none. Fails with `WrongDevice` if its links contradict each other. */
export async function deviceAtLun(host: Pick<HostContext, "deviceRoot" | "sysRoot">, lun: number): Promise<Result<Device | undefined, Failure>> {
  const candidates = await Promise.all(linksOf(host.deviceRoot, lun).map((link) => followLink(host.sysRoot, link)));
  const choice = chooseDevice(candidates.filter((candidate) => candidate !== undefined));
  if (choice.kind === "contradiction") return fail({ kind: "WrongDevice", devicePath: choice.devicePath, problem: choice.problem });
  if (choice.kind === "none") return ok(undefined);
  const { path, majorMinor, sizeBytes } = choice.device;
  return ok({ path, majorMinor, sizeBytes: bytes(sizeBytes) });
}

/** The device numbers that the links of some LUNs lead to. */
export async function devicesAtLuns(host: Pick<HostContext, "deviceRoot">, luns: readonly number[]): Promise<readonly string[]> {
  const devices = await Promise.all(luns.flatMap((lun) => linksOf(host.deviceRoot, lun)).map(blockDeviceAt));
  return devices.filter((device) => device !== undefined);
}

/** The device numbers that any LUN's link leads to. */
export async function linkedDevices(host: Pick<HostContext, "deviceRoot">): Promise<readonly string[]> {
  const links = await Promise.all(
    linkPlaces.map(async ({ directory }) => {
      const path = join(host.deviceRoot, "/", directory);
      return ((await readdir(path).catch(undefinedIfMissing)) ?? []).map((name) => join(path, name));
    }),
  );
  const devices = await Promise.all(links.flat().map(blockDeviceAt));
  return devices.filter((device) => device !== undefined);
}

function linksOf(deviceRoot: string, lun: number): readonly string[] {
  return linkPlaces.map(({ directory, prefix }) => join(deviceRoot, "/", directory, `${prefix}${lun}`));
}

async function followLink(sysRoot: string, link: string): Promise<DeviceCandidate | undefined> {
  const path = await realpath(link).catch(undefinedIfMissing);
  const majorMinor = path === undefined ? undefined : await blockDeviceAt(path);
  if (path === undefined || majorMinor === undefined) return undefined;
  const sizeBytes = await sizeOfDevice(sysRoot, majorMinor);
  // A node whose device the kernel has dropped is a left-over.
  return sizeBytes === undefined ? undefined : { link, path, majorMinor, sizeBytes };
}

/** Asks every SCSI host to look for new devices: all channels, targets and LUNs. NVMe needs no asking: the controller announces namespaces. */
async function rescanScsiHosts(sysRoot: string): Promise<Result<void, Failure>> {
  const directory = join(sysRoot, "class/scsi_host");
  const hosts = ((await readdir(directory).catch(undefinedIfMissing)) ?? []).toSorted();
  for (const host of hosts) {
    const path = join(directory, host, "scan");
    try {
      await writeFile(path, "- - -");
    } catch (error) {
      const code = errorCode(error);
      // Other errors come from hosts that can't scan (EINVAL) or have just gone (ENOENT): the next one may have the device.
      if (code === "EACCES" || code === "EPERM" || code === "EROFS")
        return fail({ kind: "HostNotReady", detail: `${path} can't be written (${code}): the node plug-in must be privileged and see /sys writable` });
    }
  }
  return ok(undefined);
}
