import { readdir, readFile, realpath } from "node:fs/promises";
import { join } from "node:path";
import { hostNotReady, wrongDevice } from "../../../core/failure/frequent-failures.ts";
import type { Result } from "../../../core/failure/result.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import { candidatesOf, chooseDevice } from "../../../core/node/device/choose-device.ts";
import type {
  ChosenDevice,
  DeviceChoice,
  LunSight,
  SeenLink,
} from "../../../core/node/device/choose-device.ts";
import { remoteDiskController } from "../../../core/node/device/device-address.ts";
import { undefinedIfMissing } from "../../../core/primitives/error-code.ts";
import { bytes } from "../../../core/primitives/units.ts";
import type { Device } from "../../../ports/host/host-provisioner.ts";
import type { HostContext } from "../host-context.ts";
import { blockDeviceAt, sizeOfDevice } from "./block-device.ts";
import { addressOfDevice, dataDisksAt } from "./device-address.ts";
import { writeAttribute } from "./write-attribute.ts";

/** Where the devices of a node are looked up. */
export type DeviceSources = Pick<HostContext, "deviceRoot" | "sysRoot" | "sharesKernel">;

/** A device that may have a LUN; `path`: its node, if there is one. */
export interface DeviceAtLun {
  readonly majorMinor: string;
  readonly path: string | undefined;
}

/**
 * How often a LUN is checked while its device is awaited, and how often the controllers are rescanned
 * for it, in milliseconds.
 */
const lookEveryMs = 100;
const rescanEveryMs = 10_000;

/**
 * Where udev links data disks: by the Azure Linux agent's rules (SCSI), then by azure-vm-utils' (SCSI and
 * NVMe). A LUN's link is `<directory>/<prefix><lun>`.
 */
const linkPlaces = [
  { directory: "dev/disk/azure/scsi1", prefix: "lun" },
  { directory: "dev/disk/azure/data/by-lun", prefix: "" },
] as const;

/**
 * Finds the device of a LUN. While it isn't there, or link and kernel disagree on it, the
 * controllers are asked to rescan and it is looked for again, until the wait is over.
 */
export async function findDevice(
  host: HostContext,
  { lun }: { readonly lun: number },
  signal: AbortSignal,
): Promise<Result<Device>> {
  const beganAtMs = host.clock.elapsedMs();
  let scanAtMs = beganAtMs;
  let isFirstLook = true;
  for (;;) {
    const choice = await chooseAtLun(host, lun);
    if (choice.kind === "found") return ok(toDevice(choice.device));
    if (signal.aborted) return fail({ kind: "Cancelled" });
    const nowMs = host.clock.elapsedMs();
    if (nowMs >= scanAtMs) {
      const scanned = await host.rescan.run(signal);
      if (scanned === undefined) return fail({ kind: "Cancelled" });
      if (!scanned.ok) return scanned;
      scanAtMs = nowMs + rescanEveryMs;
      // What the scan has found is there at once.
      if (isFirstLook) {
        isFirstLook = false;
        continue;
      }
    }
    if (nowMs - beganAtMs >= host.deviceWaitMs) return notFound(host, lun, choice);
    try {
      await host.clock.sleep(lookEveryMs, signal);
    } catch {
      return fail({ kind: "Cancelled" });
    }
  }
}

function notFound(
  host: HostContext,
  lun: number,
  choice: Exclude<DeviceChoice, { readonly kind: "found" }>,
): Result<never> {
  if (choice.kind === "contradiction") return wrongDevice(choice.devicePath, choice.problem);
  return fail({
    kind: "DeviceNotFound",
    lun,
    searched: searchedFor(host, lun),
    seen: choice.seen,
    waitedMs: host.deviceWaitMs,
  });
}

/** The device that a LUN means now. */
async function chooseAtLun(host: DeviceSources, lun: number): Promise<DeviceChoice> {
  return chooseDevice(await lookAtLun(host, lun));
}

async function lookAtLun(host: DeviceSources, lun: number): Promise<LunSight> {
  const { sysRoot, sharesKernel } = host;
  const [links, disks] = await Promise.all([
    Promise.all(linksOf(host.deviceRoot, lun).map((link) => followLink(sysRoot, link))),
    sharesKernel ? [] : dataDisksAt(sysRoot, new Set([lun])),
  ]);
  return { lun, links: links.filter((link) => link !== undefined), disks, sharesKernel };
}

/** Every device that may have a LUN now, for a search that must miss none. */
export async function devicesAtLun(host: DeviceSources, lun: number): Promise<readonly DeviceAtLun[]> {
  return candidatesOf(await lookAtLun(host, lun));
}

export async function numbersAtLuns(
  host: DeviceSources,
  luns: readonly number[],
): Promise<readonly string[]> {
  const choices = await Promise.all(luns.map((lun) => chooseAtLun(host, lun)));
  return choices.flatMap((choice) => (choice.kind === "found" ? [choice.device.majorMinor] : []));
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

function searchedFor({ deviceRoot, sysRoot, sharesKernel }: DeviceSources, lun: number): readonly string[] {
  return [...linksOf(deviceRoot, lun), ...(sharesKernel ? [] : [join(sysRoot, "dev/block")])];
}

function linksOf(deviceRoot: string, lun: number): readonly string[] {
  return linkPlaces.map(({ directory, prefix }) => join(deviceRoot, "/", directory, `${prefix}${lun}`));
}

/** Undefined where there is no such link, or it leads to no node of a block device. */
async function followLink(sysRoot: string, link: string): Promise<SeenLink | undefined> {
  const path = await realpath(link).catch(undefinedIfMissing);
  const majorMinor = path === undefined ? undefined : await blockDeviceAt(path);
  if (path === undefined || majorMinor === undefined) return undefined;
  const sizeBytes = await sizeOfDevice(sysRoot, majorMinor);
  // A node whose device the kernel has dropped is a left-over.
  if (sizeBytes === undefined) return { link, device: undefined };
  return {
    link,
    device: { path, majorMinor, sizeBytes, address: await addressOfDevice(sysRoot, majorMinor) },
  };
}

function toDevice({ path, majorMinor, sizeBytes }: ChosenDevice): Device {
  return { path, majorMinor, sizeBytes: bytes(sizeBytes) };
}

/** A file in sysfs, and what is written to it to have the kernel look for devices. */
interface Rescan {
  readonly path: string;
  readonly value: string;
}

/**
 * Asks every SCSI host to look for new devices, all channels, targets and LUNs, and every NVMe controller of
 * remote disks to read its list of namespaces. It announces a new one, but the guest may miss that.
 */
export async function rescanControllers(
  host: Pick<HostContext, "sysRoot" | "runner">,
  signal: AbortSignal,
): Promise<Result<void>> {
  for (const { path, value } of await rescansOf(host.sysRoot)) {
    const scanned = await writeAttribute(host, path, value, signal);
    // No command could be started, of which no controller could have a scan.
    if (!scanned.ok && scanned.failure.kind === "HostCommandFailed") return scanned;
    // Other errors come from those that can't scan (EINVAL) or have just gone (ENOENT), or hang: the next one
    // may have the device.
    const why = scanned.ok ? scanned.value.stderr : "";
    const refusal = refusals.exec(why)?.[0];
    if (refusal !== undefined)
      return hostNotReady(
        `${path} can't be written (${refusal}): the node plug-in must be privileged and see /sys ` +
          "writable",
      );
  }
  return ok(undefined);
}

async function rescansOf(sysRoot: string): Promise<readonly Rescan[]> {
  const [scsiHosts, controllers] = await Promise.all([
    namesIn(join(sysRoot, "class/scsi_host")),
    namesIn(join(sysRoot, "class/nvme")),
  ]);
  const remote = await Promise.all(
    controllers.map(async (name): Promise<readonly Rescan[]> => {
      const folder = join(sysRoot, "class/nvme", name);
      const model = await readFile(join(folder, "model"), "utf8").catch(undefinedIfMissing);
      return model !== undefined && remoteDiskController.test(model.trim())
        ? [{ path: join(folder, "rescan_controller"), value: "1" }]
        : [];
    }),
  );
  return [
    ...scsiHosts.map((name) => ({ path: join(sysRoot, "class/scsi_host", name, "scan"), value: "- - -" })),
    ...remote.flat(),
  ];
}

async function namesIn(directory: string): Promise<readonly string[]> {
  return ((await readdir(directory).catch(undefinedIfMissing)) ?? []).toSorted();
}

/** What dd says where the plug-in may not write: EACCES, EPERM and EROFS. */
const refusals = /Permission denied|Operation not permitted|Read-only file system/;
