import type { AzVolume } from "../../core/api/az-volume.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { hasFailed } from "../../core/volume/copies/unfinished-copy.ts";
import { changeStatus } from "../../objects/update-object.ts";
import type { DiskFacts } from "../../ports/cloud/cloud-provisioner.ts";
import type { ControllerPorts } from "../controller-ports.ts";

type ShownSize = Pick<DiskFacts, "sizeGiB" | "state">;

/**
 * A disk grown by another client: with the recorded size, its device would be rejected as another
 * volume's and never staged again.
 */
export async function recordGrowth(
  ports: Pick<ControllerPorts, "store" | "logger">,
  volume: AzVolume,
  disk: ShownSize,
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  if (!hasGrown(volume, disk)) return ok(undefined);
  const { name, uid } = volume.metadata;
  const { sizeGiB } = disk;
  const recorded = await changeStatus(
    ports.store,
    { kind: "AzVolume", name, uid },
    (present) => {
      const detail = present.status?.detail;
      if (present.status === undefined || detail === undefined || !hasGrown(present, disk)) return undefined;
      return { ...present, status: { ...present.status, detail: { ...detail, sizeGiB } } };
    },
    signal,
  );
  if (!recorded.ok) return recorded.failure.kind === "ObjectNotFound" ? ok(undefined) : recorded;
  const recordedGiB = recorded.value.status?.detail?.sizeGiB;
  if (recordedGiB === sizeGiB) ports.logger.info("the disk has grown", { volumeName: name, sizeGiB });
  return ok(undefined);
}

/**
 * Whether a disk has a size that is not recorded. Recorded sizes never shrink, so one that the disk may lack
 * is left to the growth that the volume asks for, which proves it: what failed may be that very growth.
 */
function hasGrown({ spec, status }: AzVolume, { sizeGiB, state }: ShownSize): boolean {
  const recordedGiB = status?.detail?.sizeGiB;
  if (recordedGiB === undefined || recordedGiB >= sizeGiB) return false;
  // Azure may show the size of a growth that it still carries out, and a node would grow nothing yet.
  return state === "Succeeded" || (hasFailed({ state }) && spec.disk.sizeGiB <= recordedGiB);
}
