import type { AzVolume } from "../../core/api/az-volume.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { repeatedModification } from "../../core/volume/late-modification.ts";
import { readStoreIncarnation } from "../../objects/store-incarnation.ts";
import { changeSpec } from "../../objects/update-object.ts";
import type { DiskFacts } from "../../ports/cloud/cloud-provisioner.ts";
import type { RecoveryPorts } from "../controller-ports.ts";

/**
 * Asks again for a modification that an earlier request has replaced in Azure: one that a stopped
 * controller had sent, and that landed after the end of the later one. An outdated list costs a read of
 * the disk, and changes nothing.
 */
export async function keepModification(
  ports: RecoveryPorts,
  volume: AzVolume,
  listed: DiskFacts,
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  const nowMs = ports.clock.nowMs();
  // Of nearly every disk the list tells nothing new: only the others cost a read of the store.
  if (repeatedModification(volume, listed, { nowMs, isOfThisStore: true }) === undefined)
    return ok(undefined);
  const incarnation = await readStoreIncarnation(ports, signal);
  if (!incarnation.ok) return incarnation;
  const { name, uid } = volume.metadata;
  const repeat = (present: AzVolume): AzVolume | undefined => {
    const isOfThisStore = present.status?.modification?.storeIncarnation === incarnation.value;
    const modification = repeatedModification(present, listed, { nowMs, isOfThisStore });
    return modification === undefined ? undefined : { ...present, spec: { ...present.spec, modification } };
  };
  const asked = await changeSpec(ports.store, { kind: "AzVolume", name, uid }, repeat, signal);
  if (!asked.ok) return asked.failure.kind === "ObjectNotFound" ? ok(undefined) : asked;
  const { modification } = asked.value.spec;
  if (modification !== undefined)
    ports.logger.info("the disk differs from its last modification", { volumeName: name, modification });
  return ok(undefined);
}
