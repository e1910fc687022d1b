import type { BarrierMode, CloudProvisioner } from "../../ports/cloud/cloud-provisioner.ts";

type Barrier = CloudProvisioner["barrier"];

/** Azure's barrier, except for the modes that a test replaces. */
export function barrierByMode(
  { barrier }: Pick<CloudProvisioner, "barrier">,
  replaced: Partial<Record<BarrierMode, Barrier>>,
): { readonly barrier: Barrier } {
  return { barrier: (request, signal) => (replaced[request.mode] ?? barrier)(request, signal) };
}
