import { CONTROLLER_LEASE, REBUILD_ANNOTATION, STORE_INCARNATION_ANNOTATION } from "../../core/api/lease.ts";
import { must } from "../../core/testing/value-of.ts";
import type { ReconcileWorld } from "./a-controller.ts";

/** Writes the store's incarnation, and the one that a rebuild is marked for, into the Lease. */
export async function setIncarnations(
  { other }: ReconcileWorld,
  incarnation: number,
  mark: number,
): Promise<void> {
  const never = new AbortController().signal;
  const lease = await must(other.get("Lease", CONTROLLER_LEASE, never));
  const annotations = {
    ...lease.metadata.annotations,
    [STORE_INCARNATION_ANNOTATION]: String(incarnation),
    [REBUILD_ANNOTATION]: String(mark),
  };
  await must(other.update("Lease", { ...lease, metadata: { ...lease.metadata, annotations } }, never));
}
