import type { AzVolume } from "../../../core/api/az-volume.ts";
import { RECENT_SNAPSHOTS_MAX } from "../../../core/api/schema/az-volume.schema.ts";
import { isDeleting } from "../../../core/attachment/observed-volume.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import { deletionInProgress, stillWaiting } from "../../../core/failure/frequent-failures.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import {
  mayCopySnapshots,
  type RecentSnapshot,
  recentSnapshotIn,
  withoutRefusedSnapshot,
  withRecentSnapshot,
} from "../../../core/volume/copies/recent-snapshots.ts";
import { readVolume } from "../../../objects/read-volume.ts";
import { changeSpec, targetOf } from "../../../objects/update-object.ts";
import type { SnapshotNote } from "../../../ports/cloud/snapshot-provisioner.ts";
import type { ControllerContext } from "../controller-context.ts";
import { refuseWhileGrowing } from "./growth-under-way.ts";

/** A snapshot, and the disk that it is of. */
export interface NotedSnapshot {
  readonly snapshotUri: string;
  readonly sourceUri: string;
}

/**
 * Keeps the note of a snapshot's request on its volume, where Azure copies it in the background. A growth is
 * asked for by a write of the same object, and either write is on the version that was read: only one of the
 * two is made. A disk without an object has no place for the note.
 */
export function noteOf(context: ControllerContext, { snapshotUri, sourceUri }: NotedSnapshot): SnapshotNote {
  const { store, clock, logger } = context;
  let written:
    | {
        readonly volume: AzVolume;
        readonly recent: RecentSnapshot;
        readonly before: RecentSnapshot | undefined;
      }
    | undefined;

  async function write(signal: AbortSignal): Promise<Result<void>> {
    written = undefined;
    const read = await readVolume(context, sourceUri, signal);
    if (!read.ok) return read.failure.kind === "VolumeNotFound" ? ok(undefined) : read;
    if (!mayCopySnapshots(read.value)) return ok(undefined);
    let refused: Result<void> = ok(undefined);
    let before: RecentSnapshot | undefined;
    const change = (present: AzVolume): AzVolume | undefined => {
      refused = refuseWhileGrowing(present, sourceUri, clock.nowMs());
      // A disk is deleted only once Azure copies no snapshot of it.
      if (isDeleting(present)) refused = fail(deletionInProgress(present.spec.volumeName));
      before = recentSnapshotIn(present, snapshotUri);
      const next = withRecentSnapshot(present, { snapshotUri, nowMs: clock.nowMs() });
      if (refused.ok && next === undefined) refused = stillWaiting(sourceUri, NO_ROOM);
      return refused.ok ? next : undefined;
    };
    const noted = await changeSpec(store, targetOf(read.value), change, signal);
    if (!noted.ok && noted.failure.kind === "ObjectNotFound")
      return stillWaiting(sourceUri, "its AzVolume, which was deleted during the call");
    if (!noted.ok || !refused.ok) return noted.ok ? refused : noted;
    const recent = recentSnapshotIn(noted.value, snapshotUri);
    if (recent === undefined) return fail(notKept(noted.value));
    written = { volume: noted.value, recent, before };
    return ok(undefined);
  }

  /** A note that can't be removed counts until its time has passed. */
  async function end(signal: AbortSignal): Promise<void> {
    if (written === undefined) return;
    const { volume, recent, before } = written;
    const change = (present: AzVolume): AzVolume | undefined =>
      withoutRefusedSnapshot(present, recent, before);
    const ended = await changeSpec(store, targetOf(volume), change, signal);
    if (!ended.ok)
      logger.warn("the note of a refused snapshot stays", { snapshotUri, failure: ended.failure });
  }

  return { write, end };
}

const NO_ROOM =
  `one of the ${RECENT_SNAPSHOTS_MAX} snapshots of it that were asked for in the last 20 minutes to be ` +
  "deleted, or to be older";

/** The API server drops fields that a definition does not have. */
function notKept({ metadata: { name } }: AzVolume): Failure {
  const problem =
    "its definition in the cluster is older than this controller and has no spec.recentSnapshots; apply " +
    "the CustomResourceDefinitions of this release";
  return { kind: "ObjectInvalid", objectKind: "AzVolume", name, problem };
}
