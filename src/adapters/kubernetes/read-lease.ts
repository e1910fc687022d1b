import { ok, type Result } from "../../core/failure/result.ts";
import type { ApiClient } from "./api/api-client.ts";
import type { ApiObject } from "./api/api-object.ts";
import { readCoreObject } from "./core/core-object-calls.ts";

/** coordination/v1 Lease of another program, as far as it is read here. */
interface Lease extends ApiObject {
  readonly spec?: { readonly holderIdentity?: string | null; readonly renewTime?: string | null };
}

/**
 * Who holds another program's Lease, and its renewal (`renewTime`, as text), which no other edit changes;
 * undefined if there is none. Needs the verb get on it.
 */
export async function readLease(
  client: ApiClient,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  signal: AbortSignal,
): Promise<Result<{ readonly holder: string; readonly version: string } | undefined>> {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/leases`;
  const lease = await readCoreObject<Lease>(client, path, name, signal);
  if (!lease.ok || lease.value === undefined) return lease.ok ? ok(undefined) : lease;
  return ok({ holder: lease.value.spec?.holderIdentity ?? "", version: lease.value.spec?.renewTime ?? "" });
}
