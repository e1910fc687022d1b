import { CONTROLLER_LEASE, type Lease } from "../../core/api/lease.ts";
import type { Result } from "../../core/failure/result.ts";
import { type LeaseAnnotations, withAnnotations } from "../../core/rollback/rebuild-mark.ts";
import { changeSpec } from "../../objects/update-object.ts";
import type { AdoptionPorts } from "../controller-ports.ts";

/** Changes the Lease's annotations where needed. The counter stays: it shows whether the holder is alive. */
export async function annotateLease(
  ports: AdoptionPorts,
  annotationsFor: (lease: Lease) => LeaseAnnotations | undefined,
  signal: AbortSignal,
): Promise<Result<Lease>> {
  const changed = await changeSpec(
    ports.store,
    { kind: "Lease", name: CONTROLLER_LEASE },
    (lease) => {
      const annotations = annotationsFor(lease);
      return annotations === undefined ? undefined : withAnnotations(lease, annotations);
    },
    signal,
  );
  if (changed.ok) ports.leaseHighWaterMark.saw(changed.value);
  return changed;
}
