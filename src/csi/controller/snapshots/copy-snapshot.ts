import { checkCopiedDisk } from "../../../controller/disk/copies/check-copied-disk.ts";
import { copySourceUriOf } from "../../../core/azure/ids/copy-source-uri.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import { invariant } from "../../../core/failure/invariant.ts";
import { isRetryable } from "../../../core/failure/is-retryable.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import { planSnapshotCopy } from "../../../core/volume/copies/plan-snapshot-copy.ts";
import { placeOf, type SnapshotPlace } from "../../../core/volume/parameters/snapshot-parameters.ts";
import type { SnapshotFacts } from "../../../ports/cloud/snapshot-provisioner.ts";
import {
  copySourceTags,
  copyTags,
  isCopySourceOf,
  otherOwner,
  otherRequest,
} from "../../messages/snapshot-identity.ts";
import type { SnapshotRequest } from "../../messages/snapshot-request.ts";
import type { ControllerContext } from "../controller-context.ts";
import { noteOf } from "./snapshot-note.ts";

/** A snapshot in another region than its disk's. */
export interface CopyRequest extends SnapshotRequest {
  readonly location: string;
  /** Undefined if the source or the copy exists: then it is not needed. */
  readonly diskPlace: SnapshotPlace | undefined;
  /** The copy, and its source in the disk's region, as just read. */
  readonly target: SnapshotFacts | undefined;
  readonly source: SnapshotFacts | undefined;
}

/** Take, copy, delete the source, answer; and one more for an operation of another controller. */
const STEPS_MAX = 5;

/**
 * Makes a snapshot in another region: a source in the disk's region, then its copy, then without the source.
 * Azure copies in the background, and no call waits for that: answered is how far it is.
 */
export async function copySnapshot(
  context: ControllerContext,
  request: CopyRequest,
  signal: AbortSignal,
): Promise<Result<SnapshotFacts>> {
  let { source, target } = request;
  const sourceUri = sourceUriOf(request.snapshotUri);
  for (let step = 1; step <= STEPS_MAX; step++)
    switch (planSnapshotCopy({ source, target })) {
      case "take": {
        const observed = { ...request, source };
        const taken = await context.steps.run("take-snapshot", () => takeSource(context, observed, signal));
        if (!taken.ok) return taken;
        source = taken.value;
        break;
      }
      case "copy": {
        const observed = { ...request, source };
        const ofVolume =
          source === undefined ? ok(undefined) : await checkCopiedDisk(context, source, signal);
        if (!ofVolume.ok) return ofVolume;
        const copied = await context.steps.run("copy-snapshot", () => startCopy(context, observed, signal));
        if (!copied.ok) return afterRefusedCopy(context, { request, source }, copied.failure, signal);
        target = copied.value;
        break;
      }
      case "deleteSource": {
        const removed = await deleteCopySource(context, ownSource(context, request.snapshotUri), signal);
        if (!removed.ok) return removed;
        source = undefined;
        break;
      }
      case "lost": {
        const detail = target?.copyError ?? target?.state ?? "";
        return fail({ kind: "SnapshotCopyFailed", snapshotUri: request.snapshotUri, detail });
      }
      case "wait":
      case "answer":
        // Before the copy has begun, its source says what it will be.
        return answered(request, target ?? source, target?.isRestorable);
    }
  return fail({
    kind: "OperationInProgress",
    volumeId: target === undefined ? sourceUri : request.snapshotUri,
    operation: "another operation",
  });
}

/** The answer of a call whose copy Azure has not begun. */
async function afterRefusedCopy(
  context: ControllerContext,
  { request, source }: { readonly request: CopyRequest; readonly source: SnapshotFacts | undefined },
  failure: Failure,
  signal: AbortSignal,
): Promise<Result<SnapshotFacts>> {
  const { snapshotUri } = request;
  if (failure.kind === "SnapshotCopyDelayed") {
    // With its handle the caller can also delete what never begins.
    context.logger.warn("the copy of a snapshot can't begin yet", { snapshotUri, failure });
    return answered(request, source);
  }
  if (isRetryable(failure)) return fail(failure);
  // A caller that is refused for good has no handle to delete. What an earlier call may have answered stays:
  // its content is the moment that the caller knows.
  if (request.source === undefined && request.target === undefined) {
    const removed = await deleteCopySource(context, ownSource(context, snapshotUri), signal);
    if (!removed.ok) return removed;
  } else if (source !== undefined) {
    context.logger.warn("the copy of a snapshot is refused, and its source stays until DeleteSnapshot", {
      snapshotUri: source.snapshotUri,
      failure,
    });
  }
  return fail(failure);
}

function answered(
  { snapshotUri }: CopyRequest,
  known: SnapshotFacts | undefined,
  isRestorable = false,
): Result<SnapshotFacts, never> {
  invariant(known !== undefined, `nothing is known of snapshot ${snapshotUri}`);
  return ok({ ...known, snapshotUri, isRestorable });
}

/** The source of the copy `snapshotUri`. */
interface CopySource {
  readonly snapshotUri: string;
  /** Ids of this cluster, and of lost ones whose snapshots it deletes. */
  readonly ownIds: readonly string[];
}

/** The source of a copy, if it is in Azure and is of a cluster with one of these ids; undefined if not. */
export async function findCopySource(
  { snapshots }: ControllerContext,
  { snapshotUri, ownIds }: CopySource,
  signal: AbortSignal,
): Promise<Result<SnapshotFacts | undefined>> {
  const read = await snapshots.getSnapshot({ snapshotUri: sourceUriOf(snapshotUri) }, signal);
  if (read.ok) {
    const { tags } = read.value;
    const isOwn = otherOwner(tags, ownIds) === undefined && isCopySourceOf(tags, snapshotUri);
    return ok(isOwn ? read.value : undefined);
  }
  return read.failure.kind === "SnapshotNotFound" ? ok(undefined) : read;
}

/** Deletes the source of a copy; success if there is none. */
export async function deleteCopySource(
  context: ControllerContext,
  source: CopySource,
  signal: AbortSignal,
): Promise<Result<void>> {
  const { snapshots, clusterId, steps } = context;
  const { snapshotUri, ownIds } = source;
  const found = await findCopySource(context, source, signal);
  if (!found.ok) return found;
  if (found.value === undefined) return ok(undefined);
  const sourceUri = found.value.snapshotUri;
  const objection = ({ tags }: SnapshotFacts): Failure | undefined => {
    const owner =
      otherOwner(tags, ownIds) ??
      (isCopySourceOf(tags, snapshotUri) ? undefined : `it is not the source of ${snapshotUri}`);
    return owner === undefined
      ? undefined
      : { kind: "SnapshotOfOther", snapshotUri: sourceUri, owner, clusterId };
  };
  return steps.run("delete-copy-source", () =>
    snapshots.deleteSnapshot({ snapshotUri: sourceUri, objection }, signal),
  );
}

function takeSource(
  context: ControllerContext,
  { name, snapshotUri, sourceUri: diskUri, parameters, source, diskPlace }: CopyRequest,
  signal: AbortSignal,
): Promise<Result<SnapshotFacts>> {
  const { snapshots, clusterId } = context;
  const known = source ?? diskPlace;
  invariant(known !== undefined, `the region of disk ${diskUri} is not known`);
  const { location } = known;
  return snapshots.createSnapshot(
    {
      ...parameters,
      tags: { ...parameters.tags, ...copySourceTags(snapshotUri) },
      snapshotUri: sourceUriOf(snapshotUri),
      sourceUri: diskUri,
      ...placeOf(known),
      objection: (present) =>
        otherRequest(present, { clusterId, name, sourceUri: diskUri, isIncremental: true, location }) ??
        (isCopySourceOf(present.tags, snapshotUri)
          ? undefined
          : {
              kind: "SnapshotExistsWithOtherRequest",
              snapshotUri: present.snapshotUri,
              difference: `it is not the source of ${snapshotUri}`,
            }),
      note: noteOf(context, { snapshotUri: sourceUriOf(snapshotUri), sourceUri: diskUri }),
    },
    signal,
  );
}

function startCopy(
  { snapshots, clusterId }: ControllerContext,
  { name, snapshotUri, sourceUri: diskUri, parameters, source, location }: CopyRequest,
  signal: AbortSignal,
): Promise<Result<SnapshotFacts>> {
  return snapshots.createSnapshot(
    {
      ...parameters,
      tags: { ...parameters.tags, ...(source === undefined ? {} : copyTags(source)) },
      snapshotUri,
      sourceUri: sourceUriOf(snapshotUri),
      location,
      objection: (present) =>
        otherRequest(present, { clusterId, name, sourceUri: diskUri, isIncremental: true, location }),
      note: undefined,
    },
    signal,
  );
}

function ownSource({ clusterId }: ControllerContext, snapshotUri: string): CopySource {
  return { snapshotUri, ownIds: [clusterId] };
}

export function sourceUriOf(snapshotUri: string): string {
  const sourceUri = copySourceUriOf(snapshotUri);
  invariant(sourceUri !== undefined, `${snapshotUri} is not the id of a snapshot`);
  return sourceUri;
}
