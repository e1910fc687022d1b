import { ok, type Result } from "../core/failure/result.ts";
import { toTimestamp } from "../core/primitives/timestamp.ts";
import type { Clock } from "../ports/clock.ts";
import type { ObjectStore } from "../ports/store/object-store.ts";

/** A Lease that no process holds: its uid is the id of the cluster without Kubernetes. */
const CLUSTER_LEASE = "disk-csi-azure-com-cluster";

/** The id of the cluster of an embedded store: created by the first call, then kept in the store. */
export async function storedClusterId(
  ports: { readonly store: ObjectStore; readonly clock: Clock },
  signal: AbortSignal,
): Promise<Result<string>> {
  const present = await ports.store.get("Lease", CLUSTER_LEASE, signal);
  if (present.ok) return ok(present.value.metadata.uid);
  if (present.failure.kind !== "ObjectNotFound") return present;
  const spec = {
    holderIdentity: "",
    leaseDurationSeconds: 1,
    renewTime: toTimestamp(ports.clock.nowMs()),
    leaseTransitions: 0,
  };
  const made = await ports.store.create("Lease", { metadata: { name: CLUSTER_LEASE }, spec }, signal);
  if (made.ok) return ok(made.value.metadata.uid);
  if (made.failure.kind !== "ObjectAlreadyExists") return made;
  const others = await ports.store.get("Lease", CLUSTER_LEASE, signal);
  return others.ok ? ok(others.value.metadata.uid) : others;
}
