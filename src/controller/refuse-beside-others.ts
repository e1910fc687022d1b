import type { Failure } from "../core/failure/failure.ts";
import { fail, type Result } from "../core/failure/result.ts";
import type { CloudProvisioner, MayProceed } from "../ports/cloud/cloud-provisioner.ts";

/**
 * The same provisioner, except that it changes no VM while another Azure disk driver runs: attach,
 * detach, fence and the writes that prove something fail with `OtherDriver`. `why` is called again before
 * each write, since a request may have waited in a queue. Disks are created, grown and deleted, and all
 * reads are served.
 */
export function refuseBesideOthers(cloud: CloudProvisioner, why: () => string | undefined): CloudProvisioner {
  const alone = async <T, R extends { readonly precondition: MayProceed }>(
    request: R,
    change: (request: R) => Promise<Result<T, Failure>>,
  ): Promise<Result<T, Failure>> => {
    const detail = why();
    if (detail !== undefined) return fail({ kind: "OtherDriver", detail });
    return change({
      ...request,
      precondition: async (signal: AbortSignal) =>
        why() === undefined && (await request.precondition(signal)),
    });
  };
  return {
    ...cloud,
    attachDisk: (request, signal) => alone(request, (asked) => cloud.attachDisk(asked, signal)),
    detachDisk: (request, signal) => alone(request, (asked) => cloud.detachDisk(asked, signal)),
    fenceDisk: (request, signal) => alone(request, (asked) => cloud.fenceDisk(asked, signal)),
    proveDetached: (request, signal) => alone(request, (asked) => cloud.proveDetached(asked, signal)),
    writeBarrier: (request, signal) => alone(request, (asked) => cloud.writeBarrier(asked, signal)),
  };
}
