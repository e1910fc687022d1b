import type { Failure } from "../../core/failure.ts";
import type { AzVolume } from "../../core/model/az-volume.ts";
import { parseDiskUri } from "../../core/model/disk-uri.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type { DiskFacts } from "../../ports/cloud-provisioner.ts";
import { adoptVolume, type AdoptedUse } from "../../reconcile/adopt-volume.ts";
import { volumeFromTags } from "../../reconcile/disk-tags.ts";
import { findVolume } from "../../reconcile/find-volume.ts";
import type { ControllerContext } from "./controller-context.ts";

/**
 * The volume of an id. A disk that no AzVolume describes (static, migrated, of another resource group, or its object was lost) is adopted: made known with a record
 * that trusts nobody. `useIfUnknown` tells what it is for where its tags do not. Fails with `VolumeNotFound` where there is no such disk either, and with
 * `StillWaiting` while it is being looked at.
 */
export async function findOrAdopt(
  context: ControllerContext,
  volumeId: string,
  useIfUnknown: (disk: DiskFacts, diskName: string) => AdoptedUse,
  signal: AbortSignal,
): Promise<Result<AzVolume, Failure>> {
  const found = await findVolume(context, volumeId, signal);
  if (!found.ok) return found;
  const present = found.value === undefined ? await adopt(context, volumeId, useIfUnknown, signal) : ok(found.value);
  if (!present.ok || present.value.status?.detail !== undefined || found.value !== undefined) return present;
  const provisioned = await context.cache.waitFor(
    "AzVolume",
    present.value.metadata.name,
    (object) => object?.status?.detail !== undefined,
    { timeoutMs: context.settings.grantWaitMs, clock: context.clock },
    signal,
  );
  return provisioned === undefined ? fail({ kind: "StillWaiting", volumeId, what: "its disk to be looked at" }) : ok(provisioned);
}

async function adopt(
  context: ControllerContext,
  volumeId: string,
  useIfUnknown: (disk: DiskFacts, diskName: string) => AdoptedUse,
  signal: AbortSignal,
): Promise<Result<AzVolume, Failure>> {
  const parts = parseDiskUri(volumeId);
  if (parts === undefined) return fail({ kind: "VolumeNotFound", volumeId });
  const disk = await context.cloud.getDisk({ diskUri: volumeId }, signal);
  if (!disk.ok) return disk.failure.kind === "DiskNotFound" ? fail({ kind: "VolumeNotFound", volumeId }) : disk;
  // What the driver wrote on a disk of its own goes.
  const known = volumeFromTags(disk.value.tags);
  const asked = useIfUnknown(disk.value, parts.diskName);
  const adopted = await adoptVolume(
    context,
    { ...disk.value, diskUri: volumeId },
    known === undefined ? asked : { ...known, parameters: asked.parameters },
    signal,
  );
  return adopted.ok ? ok(adopted.value.volume) : adopted;
}

/** What a disk is taken for that is only to be unpublished or deleted: one node's file system, as nearly all are. */
export function singleWriterUse(_disk: DiskFacts, diskName: string): AdoptedUse {
  return { volumeName: diskName, capabilities: [{ accessType: "mount", accessMode: "SINGLE_NODE_WRITER" }], parameters: {}, maxMountReplicaCount: 0 };
}
