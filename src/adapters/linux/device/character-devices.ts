import { readdir, readFile, realpath } from "node:fs/promises";
import { basename, join } from "node:path";
import { undefinedIfMissing } from "../../../core/primitives/error-code.ts";
import { diskOf } from "./block-device.ts";

/**
 * The numbers of the character devices of the disks that have these numbers, or a partition with one, through
 * which commands are sent past the block layer: `/dev/sg2` and `/dev/bsg/0:0:0:2` of SCSI, and `/dev/ng0n1`
 * of NVMe.
 */
export async function characterDevicesOf(
  sysRoot: string,
  numbers: ReadonlySet<string>,
): Promise<readonly string[]> {
  const found: string[] = [];
  const disks = new Set(await Promise.all([...numbers].map((majorMinor) => diskOf(sysRoot, majorMinor))));
  for (const disk of disks) {
    const block = join(sysRoot, "dev/block", disk);
    const folders: string[] = [];
    for (const kind of ["scsi_generic", "bsg"]) {
      const folder = join(block, "device", kind);
      for (const name of (await readdir(folder).catch(undefinedIfMissing)) ?? [])
        folders.push(join(folder, name));
    }
    const own = await realpath(block).catch(undefinedIfMissing);
    const namespace = /^nvme(\d+n\d+)$/u.exec(basename(own ?? ""))?.[1];
    if (namespace !== undefined) folders.push(join(sysRoot, "class/nvme-generic", `ng${namespace}`));
    for (const folder of folders) {
      const number = await readFile(join(folder, "dev"), "utf8").catch(undefinedIfMissing);
      if (number !== undefined) found.push(number.trim());
    }
  }
  return found;
}
