import type { AzVolume } from "../../core/api/az-volume.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { sameJson } from "../../core/primitives/same-json.ts";
import { repeatedModification } from "../../core/volume/modification/late-modification.ts";
import { otherDiskThan } from "../../core/volume/replaced-disk.ts";
import { ignoreNotFound } from "../../objects/ignore-not-found.ts";
import { readStoreIncarnation } from "../../objects/store-incarnation.ts";
import { changeSpec, changeVolumeStatus, targetOf } from "../../objects/update-object.ts";
import type { CloudProvisioner, DiskFacts } from "../../ports/cloud/cloud-provisioner.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import type { AdoptionPorts, DiskPorts } from "../controller-ports.ts";

/**
 * Asks again for a modification that an earlier request has replaced in Azure: one that a stopped
 * controller had sent, and that landed after the end of the later one. A disk that is shown as it was
 * before costs another read of it, and changes nothing.
 */
export async function keepModification(
  ports: Pick<AdoptionPorts, "clock" | "logger" | "steps" | "store" | "leaseHighWaterMark">,
  volume: AzVolume,
  shown: DiskFacts,
  signal: AbortSignal,
): Promise<Result<void>> {
  const nowMs = ports.clock.nowMs();
  // Of nearly every disk the list tells nothing new: only the others cost a read of the store.
  if (repeatedModification(volume, shown, { nowMs, isOfThisStore: true }) === undefined) return ok(undefined);
  const incarnation = await readStoreIncarnation(ports, signal);
  if (!incarnation.ok) return incarnation;
  const repeat = (present: AzVolume): AzVolume | undefined => {
    const isOfThisStore = present.status?.recentModification?.storeIncarnation === incarnation.value;
    const modification = repeatedModification(present, shown, { nowMs, isOfThisStore });
    return modification === undefined ? undefined : { ...present, spec: { ...present.spec, modification } };
  };
  const repeated = await ports.steps.run("repeat-modification", () =>
    changeSpec(ports.store, targetOf(volume), repeat, signal),
  );
  if (!repeated.ok) return repeated.failure.kind === "ObjectNotFound" ? ok(undefined) : repeated;
  const { modification } = repeated.value.spec;
  if (modification !== undefined)
    ports.logger.info("the disk differs from its last modification", {
      volumeName: volume.metadata.name,
      modification,
    });
  return ok(undefined);
}

/**
 * Reads a disk and compares it as `keepModification` does; one that Azure does not have is left to its own
 * loop. Fails as Azure or the store does.
 */
export async function lookAtDisk(
  ports: Parameters<typeof keepModification>[0] & { readonly cloud: Pick<CloudProvisioner, "getDisk"> },
  volume: AzVolume,
  diskUri: string,
  signal: AbortSignal,
): Promise<Result<void>> {
  const disk = await ports.cloud.getDisk({ diskUri }, signal);
  if (!disk.ok) return disk.failure.kind === "DiskNotFound" ? ok(undefined) : disk;
  if (otherDiskThan(volume, disk.value) !== undefined) return ok(undefined);
  return keepModification(ports, volume, disk.value, signal);
}

/**
 * Reads a modified disk once more, since recovery may list it only after hours, and requests the modification
 * again if a late request has changed it. Otherwise the status drops `recentModification`.
 */
export async function lookForLateRequest(
  ports: DiskPorts,
  volume: AzVolume,
  diskUri: string,
  signal: AbortSignal,
): Promise<Reconciled> {
  const looked = await lookAtDisk(ports, volume, diskUri, signal);
  if (!looked.ok) return looked;
  const seenModification = volume.status?.recentModification;
  const forgotten = await changeVolumeStatus(
    ports.store,
    volume,
    ({ recentModification, ...status }, { spec }) =>
      spec.modification === undefined && sameJson(recentModification, seenModification) ? status : undefined,
    signal,
  );
  return ignoreNotFound(forgotten);
}
