import type { AzVolume } from "../../core/api/az-volume.ts";
import { isDeletedByHand, isDeleting } from "../../core/attachment/observed-volume.ts";
import { failureEventText } from "../../core/events/failure-local-key.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { isRetryable } from "../../core/failure/is-retryable.ts";
import { ok } from "../../core/failure/result.ts";
import { ownIdentity } from "../../core/volume/replaced-disk.ts";
import {
  planFailedStateTags,
  planStateTags,
  type StateTagsAction,
} from "../../core/volume/tags/plan-state-tags.ts";
import { ignoreNotFound } from "../../objects/ignore-not-found.ts";
import { changeVolumeStatus } from "../../objects/update-object.ts";
import type { Reconciled, Reconciler } from "../../runtime/queue/control-loop.ts";
import type { DiskPorts } from "../controller-ports.ts";
import { mayWriteDisk } from "./may-write-disk.ts";
import type { UntaggedTime } from "./untagged-time.ts";

/**
 * Keeps in a disk's tags what must outlive the volume's objects. Runs in a loop of its own: the disk's
 * loop may wait for a growth, with retries, for as long as Azure takes. No change of a volume triggers a
 * retry before its time.
 */
export function keepStateReconciler(ports: DiskPorts, untagged: UntaggedTime): Reconciler {
  return {
    name: "tags",
    workers: 64,
    backoff: { baseMs: 1_000, maxMs: 60_000 },
    reconcile: async (volumeName, signal) => {
      const volume = ports.cache.get("AzVolume", volumeName);
      return volume === undefined ? ok({}) : keepState(ports, volume, untagged, signal);
    },
  };
}

async function keepState(
  ports: DiskPorts,
  volume: AzVolume,
  untagged: UntaggedTime,
  signal: AbortSignal,
): Promise<Reconciled> {
  const { cache } = ports;
  const { name } = volume.metadata;
  const states = cache.byIndex("AzVolumeAttachment", "volumeName", name).map(({ status }) => status?.state);
  const isMoving = states.includes("Attaching") || states.includes("Detaching");
  const action = planStateTags({
    volume,
    unchangedMs: cache.unchangedMs("AzVolume", name) ?? 0,
    untaggedMs: untagged.untaggedMs(name),
    isMoving,
  });
  if (action === undefined) return ok({});
  if (action.kind === "Requeue") return ok({ requeueAfterMs: action.afterMs });
  untagged.recordTry(name);
  const kept = await writeStateTags(ports, volume, action, signal);
  if (kept.ok) return kept;
  const { failure } = kept;
  const refusedVolumes = isRetryable(failure) ? 0 : untagged.recordRefusal(name);
  const { isReported, requeueAfterMs } = planFailedStateTags({
    failure,
    isAwaited: isDeletedByHand(volume),
    triedMs: untagged.triedMs(name),
    refusedVolumes,
    chance: ports.random.next(),
  });
  if (isReported) emitNotKept(ports, volume, failure);
  return requeueAfterMs === undefined ? kept : ok({ requeueAfterMs });
}

/** Writes the tags that keep a volume's state, then records them. A crash in between repeats the write. */
async function writeStateTags(
  ports: DiskPorts,
  volume: AzVolume,
  { diskUri, tags }: Pick<Extract<StateTagsAction, { kind: "KeepState" }>, "diskUri" | "tags">,
  signal: AbortSignal,
): Promise<Reconciled> {
  const leftOver = Object.keys(volume.status?.detail?.stateTags ?? {}).filter((tag) => !(tag in tags));
  const changes = { ...Object.fromEntries(leftOver.map((tag) => [tag, undefined])), ...tags };
  const precondition = mayWriteDisk(ports, volume, (present) => !isDeleting(present));
  const tagged = await ports.steps.run("tag-disk", () =>
    ports.cloud.tagDisk({ diskUri, ...ownIdentity(volume), tags: changes, precondition }, signal),
  );
  if (!tagged.ok) return tagged;
  const recorded = await changeVolumeStatus(
    ports.store,
    volume,
    ({ detail, ...status }) =>
      detail === undefined ? undefined : { ...status, detail: { ...detail, stateTags: tags } },
    signal,
  );
  return ignoreNotFound(recorded);
}

function emitNotKept(
  { events, logger }: DiskPorts,
  { metadata: { name } }: AzVolume,
  failure: Failure,
): void {
  // A disk that is gone keeps nothing. Precondition failed: the volume has changed, and the next plan
  // uses that.
  if (failure.kind === "DiskNotFound" || failure.kind === "Refused" || failure.kind === "Cancelled") return;
  logger.warn("state tags not written to the disk", { volumeName: name, failure });
  events.emit({
    about: { kind: "AzVolume", name },
    reason: "StateNotKept",
    ...failureEventText("the disk's tags do not show its fences and file system yet", failure),
  });
}
