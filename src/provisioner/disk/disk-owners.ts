import { parseArmId } from "../../core/azure/ids/arm-id.ts";
import type { Lane } from "../../core/azure/lane.ts";
import { type Result, fail, ok } from "../../core/failure/result.ts";
import type { ArmDisk, ArmError, ArmGroup, ArmName } from "../arm/arm-api.ts";
import { ownError } from "../arm/arm-error.ts";
import type { ArmSession } from "../arm/arm-session.ts";
import { saysNotThere } from "../arm/error-table.ts";

/** The VMs that a disk names as its owners, each once whatever its case. */
export function ownersOf(disk: ArmDisk): readonly string[] {
  const named = [...(disk.managedBy === undefined ? [] : [disk.managedBy]), ...disk.managedByExtended];
  return named.filter(
    (owner, index) => named.findIndex((other) => other.toLowerCase() === owner.toLowerCase()) === index,
  );
}

/** A disk's full id in ARM's parts; undefined for anything that is no managed disk. */
export function diskIdOf(diskUri: string): ArmName | undefined {
  const id = parseArmId(diskUri);
  return id?.type === "disks"
    ? { subscriptionId: id.subscriptionId, resourceGroup: id.resourceGroup, name: id.name }
    : undefined;
}

export function listKeyOf({ subscriptionId, resourceGroup }: ArmGroup): string {
  return `${subscriptionId}/${resourceGroup}/disks`.toLowerCase();
}

/** Reads a disk, never from a cache. A URI that is no disk's is an error of code `InvalidResourceId`. */
export function readDisk(
  session: ArmSession,
  disk: { readonly diskUri: string; readonly lane: Lane; readonly patience?: "none" },
  signal: AbortSignal,
): Promise<Result<ArmDisk, ArmError>> {
  const id = diskIdOf(disk.diskUri);
  if (id === undefined)
    return Promise.resolve(
      fail({ ...ownError("InvalidResourceId", `${disk.diskUri} is no managed disk`), statusCode: 400 }),
    );
  return session.call(
    { group: "diskRead", resource: disk.diskUri, lane: disk.lane, patience: disk.patience },
    (clientRequestId) => session.arm.getDisk({ ...id, clientRequestId }, signal),
    signal,
  );
}

/** The VMs that a disk names as its owners now; none if the disk is gone. */
export async function diskOwners(
  session: ArmSession,
  disk: { readonly diskUri: string; readonly lane: Lane },
  signal: AbortSignal,
): Promise<Result<readonly string[], ArmError>> {
  const read = await readDisk(session, disk, signal);
  if (read.ok) return ok(ownersOf(read.value));
  return saysNotThere(read.failure) ? ok([]) : read;
}
