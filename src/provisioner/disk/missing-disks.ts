import type { Lane } from "../../core/azure/lane.ts";
import type { ArmDataDisk, ArmError, ArmVm } from "../arm/arm-api.ts";
import type { ArmSession } from "../arm/arm-session.ts";
import { saysGone } from "../arm/error-table.ts";
import { namesDisk } from "../arm/names-disk.ts";
import { diskKeyOf } from "./disk-key.ts";
import { readDisk } from "./disk-owners.ts";

/**
 * Which of these entries are of disks that do not exist, so that Azure has refused an update: a disk that is
 * deleted while it is being attached leaves such an entry, and each update that lists it is refused. The
 * error has to name the disk, and a read not to find it.
 */
export async function missingDisks(
  session: ArmSession,
  refused: { readonly error: ArmError; readonly entries: readonly ArmDataDisk[]; readonly lane: Lane },
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { error, entries, lane } = refused;
  if (error.statusCode !== 404) return [];
  const missing = await Promise.all(
    entries.map(async (entry) => {
      const diskUri = entry.managedDisk?.id ?? "";
      if (!namesDisk(error, diskUri)) return [];
      const read = await readDisk(session, { diskUri, lane }, signal);
      return !read.ok && saysGone(read.failure) ? [diskKeyOf(entry)] : [];
    }),
  );
  return missing.flat();
}

/** The VM without the entries of disks that do not exist. */
export function withoutMissing(model: ArmVm, missing: ReadonlySet<string>): ArmVm {
  return { ...model, dataDisks: model.dataDisks.filter((entry) => !missing.has(diskKeyOf(entry))) };
}
