import { isSameResourceUri } from "../../../core/azure/ids/disk-uri.ts";
import { describeFailure } from "../../../core/failure/describe-failure.ts";
import { failureTable } from "../../../core/failure/failure-table.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import { stillWaiting } from "../../../core/failure/frequent-failures.ts";
import { fail, type Result } from "../../../core/failure/result.ts";
import { recentSnapshotsOf } from "../../../core/volume/copies/recent-snapshots.ts";
import { readVolume } from "../../../objects/read-volume.ts";
import type { ControllerContext } from "../controller-context.ts";
import { sourceUriOf } from "./copy-snapshot.ts";
import type { NotedSnapshot } from "./snapshot-note.ts";

/** After these csi-snapshotter asks on, also once the VolumeSnapshot is deleted. */
const NOT_FINAL = ["CANCELLED", "DEADLINE_EXCEEDED", "UNAVAILABLE", "ABORTED", "RESOURCE_EXHAUSTED"];

/**
 * A refusal of CreateSnapshot, final or not. After a final one csi-snapshotter lets the VolumeSnapshot be
 * deleted without DeleteSnapshot, and what an earlier request makes later would be no one's. So none is final
 * as long as such a request may arrive, by the notes on the volume.
 */
export async function finalRefusal(
  context: ControllerContext,
  { snapshotUri, sourceUri }: NotedSnapshot,
  failure: Failure,
  signal: AbortSignal,
): Promise<Result<never>> {
  if (NOT_FINAL.includes(failureTable[failure.kind].code)) return fail(failure);
  const read = await readVolume(context, sourceUri, signal);
  if (!read.ok) return fail(read.failure.kind === "VolumeNotFound" ? failure : read.failure);
  const own = [snapshotUri, sourceUriOf(snapshotUri)];
  const late = recentSnapshotsOf(read.value, context.clock.nowMs()).find((recent) =>
    own.some((uri) => isSameResourceUri(uri, recent.snapshotUri)),
  );
  if (late === undefined) return fail(failure);
  return stillWaiting(
    sourceUri,
    `an earlier request for snapshot ${late.snapshotUri}, of ${late.time}, to arrive in Azure, which may ` +
      `take 20 minutes; the last one was refused: ${describeFailure(failure)}`,
  );
}
