import { parseSnapshotUri } from "../../core/azure/snapshot-uri.ts";
import type { Failure } from "../../core/failure/failure.ts";
import type { Result } from "../../core/failure/result.ts";
import { fail, ok } from "../../core/failure/result.ts";
import type { DeleteSnapshotRequest, DeleteSnapshotResponse } from "../gen/csi/v1/csi.ts";
import { missingField } from "../messages/required.ts";
import { otherOwner } from "../messages/snapshot-identity.ts";
import type { CallContext } from "../server/unary-handler.ts";
import type { ControllerContext } from "./controller-context.ts";

/** DeleteSnapshot: deletes a snapshot of this cluster's, and of no other. */
export async function deleteSnapshot(
  { snapshots, clusterId, locks }: Pick<ControllerContext, "snapshots" | "clusterId" | "locks">,
  { snapshotId: snapshotUri }: DeleteSnapshotRequest,
  { signal }: Pick<CallContext, "signal">,
): Promise<Result<DeleteSnapshotResponse, Failure>> {
  const missing = missingField({ snapshot_id: snapshotUri });
  if (missing !== undefined) return fail(missing);
  // CSI: a snapshot that does not exist is deleted. Nothing of Azure's has such an id.
  if (parseSnapshotUri(snapshotUri) === undefined) return ok({});
  const deleted = await locks.run(snapshotUri, "DeleteSnapshot", () =>
    snapshots.deleteSnapshot(
      {
        snapshotUri,
        objection: ({ tags }) => {
          const owner = otherOwner(tags, clusterId);
          return owner === undefined ? undefined : { kind: "SnapshotOfOther", snapshotUri, owner };
        },
      },
      signal,
    ),
  );
  return deleted.ok ? ok({}) : deleted;
}
