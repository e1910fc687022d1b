import { readdir, readlink, rename, rm, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeFolder } from "../make-folder.ts";
import type { DiskControllerType } from "../model/data-plane-port.ts";
import { attempt, errorCode } from "./attempt.ts";

const LINK_DIRECTORIES: Readonly<Record<DiskControllerType, string>> = {
  SCSI: "dev/disk/azure/scsi1",
  NVMe: "dev/disk/azure/data/by-lun",
};

/** The name of a link until it points somewhere; no guest looks for it. */
const UNFINISHED_PREFIX = ".unfinished-";

/** A place where a guest looks for the disk of a LUN. */
export interface DeviceLinkPlace {
  readonly vmName: string;
  readonly controllerType: DiskControllerType;
  readonly lun: number;
}

/** The links that each guest's udev rules would make, below a root for each VM. */
export interface DeviceLinks {
  pathOf(place: DeviceLinkPlace): string;
  /**
   * Points the link at a device. The change is atomic: a concurrent reader sees the old link (if any) or
   * the new one.
   */
  put(place: DeviceLinkPlace, devicePath: string): Promise<void>;
  remove(place: DeviceLinkPlace, devicePath: string): Promise<void>;
  removeAll(): Promise<void>;
}

/** Links under `<deviceRoot>/<vmName>/dev/disk/azure`. */
export function deviceLinks(deviceRoot: string): DeviceLinks {
  function pathOf({ vmName, controllerType, lun }: DeviceLinkPlace): string {
    return join(
      deviceRoot,
      vmName,
      LINK_DIRECTORIES[controllerType],
      controllerType === "SCSI" ? `lun${lun}` : `${lun}`,
    );
  }

  async function put(place: DeviceLinkPlace, devicePath: string): Promise<void> {
    const path = pathOf(place);
    const unfinishedPath = join(dirname(path), `${UNFINISHED_PREFIX}${place.lun}`);
    await attempt(`link ${path} to ${devicePath}`, async () => {
      await makeFolder(dirname(path));
      await rm(unfinishedPath, { force: true });
      await symlink(devicePath, unfinishedPath);
      await rename(unfinishedPath, path);
    });
  }

  async function remove(place: DeviceLinkPlace, devicePath: string): Promise<void> {
    const path = pathOf(place);
    await attempt(`remove the link ${path} to ${devicePath}`, async () => {
      if ((await unlessAbsent(readlink(path))) === devicePath) await rm(path, { force: true });
    });
  }

  async function removeAll(): Promise<void> {
    await attempt(`remove the links under ${deviceRoot}`, async () => {
      for (const vmName of (await unlessAbsent(readdir(deviceRoot))) ?? []) {
        for (const directory of Object.values(LINK_DIRECTORIES))
          await removeLinksIn(join(deviceRoot, vmName, directory));
      }
    });
  }

  return { pathOf, put, remove, removeAll };
}

async function removeLinksIn(directory: string): Promise<void> {
  const entries = (await unlessAbsent(readdir(directory, { withFileTypes: true }))) ?? [];
  await Promise.all(
    entries
      .filter((entry) => entry.isSymbolicLink())
      .map((entry) => rm(join(directory, entry.name), { force: true })),
  );
}

async function unlessAbsent<Value>(looking: Promise<Value>): Promise<Value | undefined> {
  try {
    return await looking;
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(errorCode(error) ?? "")) return undefined;
    throw error;
  }
}
