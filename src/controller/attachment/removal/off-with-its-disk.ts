import type { Failure } from "../../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import { readDiskUnlessGone } from "../../adoption/confirm-disk-gone.ts";
import type { AttachmentPorts } from "../../controller-ports.ts";

/**
 * A disk that is gone together with a VM is on no VM, and no proof of that will come. Both may have been
 * moved instead, so that nothing is concluded of a writer. `failure`: of the proof that the VM is gone.
 */
export async function offWithItsDisk(
  { cloud }: Pick<AttachmentPorts, "cloud">,
  diskUri: string,
  failure: Failure,
  signal: AbortSignal,
): Promise<Result<undefined>> {
  if (failure.kind !== "InstanceUnknown") return fail(failure);
  // A region of ARM's that is behind finds neither of the two.
  const disk = await readDiskUnlessGone(cloud, diskUri, signal);
  return disk.ok && disk.value === undefined ? ok(undefined) : fail(failure);
}
