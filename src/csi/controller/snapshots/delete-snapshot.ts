import { parseSnapshotUri } from "../../../core/azure/ids/snapshot-uri.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import type { SnapshotFacts } from "../../../ports/cloud/snapshot-provisioner.ts";
import type { DeleteSnapshotRequest, DeleteSnapshotResponse } from "../../gen/csi/v1/csi.ts";
import { missingField } from "../../messages/required.ts";
import { otherOwner } from "../../messages/snapshot-identity.ts";
import type { CallContext } from "../../server/unary-handler.ts";
import type { ControllerContext } from "../controller-context.ts";
import { deleteCopySource } from "./copy-snapshot.ts";

/**
 * DeleteSnapshot: deletes a snapshot of this cluster's, and of no other; and what is left of its copy from
 * another region.
 */
export async function deleteSnapshot(
  {
    snapshots,
    clusterId,
    locks,
    steps,
  }: Pick<ControllerContext, "snapshots" | "clusterId" | "locks" | "steps">,
  { snapshotId: snapshotUri }: DeleteSnapshotRequest,
  { signal }: Pick<CallContext, "signal">,
): Promise<Result<DeleteSnapshotResponse, Failure>> {
  const missing = missingField({ snapshot_id: snapshotUri });
  if (missing !== undefined) return fail(missing);
  // CSI: a snapshot that does not exist is deleted. Nothing of Azure's has such an id.
  if (parseSnapshotUri(snapshotUri) === undefined) return ok({});
  return locks.run(snapshotUri, "DeleteSnapshot", async () => {
    const objection = ({ tags }: SnapshotFacts): Failure | undefined => {
      const owner = otherOwner(tags, clusterId);
      return owner === undefined ? undefined : { kind: "SnapshotOfOther", snapshotUri, owner };
    };
    const deleted = await steps.run("delete-snapshot", () =>
      snapshots.deleteSnapshot({ snapshotUri, objection }, signal),
    );
    if (!deleted.ok) return deleted;
    // A copy may be incomplete, or not have begun.
    const removed = await deleteCopySource({ snapshots, clusterId, steps }, snapshotUri, signal);
    return removed.ok ? ok({}) : removed;
  });
}
