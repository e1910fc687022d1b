import type { AzVolume } from "../../../core/api/az-volume.ts";
import { copySourceUriOf } from "../../../core/azure/ids/copy-source-uri.ts";
import { parseSnapshotUri } from "../../../core/azure/ids/snapshot-uri.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import { withoutDeletedSnapshots } from "../../../core/volume/copies/recent-snapshots.ts";
import { checkNoCopyNeeds } from "../../../objects/source-to-keep.ts";
import { changeSpec, targetOf } from "../../../objects/update-object.ts";
import type { SnapshotFacts } from "../../../ports/cloud/snapshot-provisioner.ts";
import type { DeleteSnapshotRequest, DeleteSnapshotResponse } from "../../gen/csi/v1/csi.ts";
import { missingField } from "../../messages/required.ts";
import { otherOwner } from "../../messages/snapshot-identity.ts";
import type { CallContext } from "../../server/unary-handler.ts";
import type { ControllerContext } from "../controller-context.ts";
import { deleteCopySource } from "./copy-snapshot.ts";

/**
 * DeleteSnapshot: deletes a snapshot of this cluster's, or of a lost one's, and of no other; and what is left
 * of its copy from another region, and of its note on the volume. Fails with `SourceBeingCopied` while Azure
 * fills a volume's disk from it.
 */
export async function deleteSnapshot(
  context: ControllerContext,
  { snapshotId: snapshotUri }: DeleteSnapshotRequest,
  { signal }: Pick<CallContext, "signal">,
): Promise<Result<DeleteSnapshotResponse>> {
  const missing = missingField({ snapshot_id: snapshotUri });
  if (missing !== undefined) return fail(missing);
  // CSI: a snapshot that does not exist is deleted. Nothing of Azure's has such an id.
  if (parseSnapshotUri(snapshotUri) === undefined) return ok({});
  const { snapshots, clusterId, locks, steps } = context;
  const ownIds = [clusterId, ...context.lostClusterIds];
  return locks.run(snapshotUri, "DeleteSnapshot", async () => {
    const objection = ({ tags }: SnapshotFacts): Failure | undefined => {
      const owner = otherOwner(tags, ownIds);
      return owner === undefined ? undefined : { kind: "SnapshotOfOther", snapshotUri, owner, clusterId };
    };
    const needed = await checkNoCopyNeeds(context, snapshotUri, signal);
    if (!needed.ok) return needed;
    const deleted = await steps.run("delete-snapshot", () =>
      snapshots.deleteSnapshot({ snapshotUri, objection }, signal),
    );
    if (!deleted.ok) return deleted;
    // A copy may be incomplete, or not have begun.
    const removed = await deleteCopySource(context, { snapshotUri, ownIds }, signal);
    if (!removed.ok) return removed;
    const forgotten = await forgetSnapshot(context, snapshotUri, signal);
    return forgotten.ok ? ok({}) : forgotten;
  });
}

/**
 * Its disk may grow now. A note that the cache does not show yet counts until its time has passed. Any other
 * reader would take a snapshot that is gone for one that is still to come.
 */
async function forgetSnapshot(
  { store, cache }: ControllerContext,
  snapshotUri: string,
  signal: AbortSignal,
): Promise<Result<void>> {
  const uris = [snapshotUri, copySourceUriOf(snapshotUri) ?? snapshotUri];
  const forget = (volume: AzVolume): AzVolume | undefined => withoutDeletedSnapshots(volume, uris);
  for (const volume of cache.list("AzVolume")) {
    if (forget(volume) === undefined) continue;
    const forgotten = await changeSpec(store, targetOf(volume), forget, signal);
    if (!forgotten.ok && forgotten.failure.kind !== "ObjectNotFound") return forgotten;
  }
  return ok(undefined);
}
