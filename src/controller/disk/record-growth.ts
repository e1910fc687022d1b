import type { AzVolume } from "../../core/api/az-volume.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { hasFailed } from "../../core/volume/copies/unfinished-copy.ts";
import { changeStatus } from "../../objects/update-object.ts";
import type { DiskFacts } from "../../ports/cloud/cloud-provisioner.ts";
import type { ControllerPorts } from "../controller-ports.ts";

/**
 * A disk grown by another client: with the recorded size, its device would be rejected as another
 * volume's and never staged again.
 */
export async function recordGrowth(
  ports: Pick<ControllerPorts, "store" | "logger">,
  { metadata: { name, uid }, status }: AzVolume,
  { sizeGiB, state }: Pick<DiskFacts, "sizeGiB" | "state">,
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  // Azure may show the size of a growth that it still carries out, and a node would grow nothing yet.
  if (state !== "Succeeded" && !hasFailed({ state })) return ok(undefined);
  if (status?.detail === undefined || status.detail.sizeGiB >= sizeGiB) return ok(undefined);
  const recorded = await changeStatus(
    ports.store,
    { kind: "AzVolume", name, uid },
    (present) => {
      const detail = present.status?.detail;
      if (present.status === undefined || detail === undefined || detail.sizeGiB >= sizeGiB) return undefined;
      return { ...present, status: { ...present.status, detail: { ...detail, sizeGiB } } };
    },
    signal,
  );
  if (!recorded.ok) return recorded.failure.kind === "ObjectNotFound" ? ok(undefined) : recorded;
  ports.logger.info("the disk has grown", { volumeName: name, sizeGiB });
  return ok(undefined);
}
