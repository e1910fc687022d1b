import type { AzVolumeAttachment } from "../../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../../core/api/az-volume.ts";
import { parseSnapshotUri } from "../../../core/azure/ids/snapshot-uri.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import { invalidArgument } from "../../../core/failure/frequent-failures.ts";
import { isRetryable } from "../../../core/failure/is-retryable.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import { whyReleased } from "../../../core/node/plan-freeze.ts";
import type { planFrozenSnapshot } from "../../../core/volume/copies/plan-frozen-snapshot.ts";
import { hasFailed } from "../../../core/volume/copies/unfinished-copy.ts";
import type { SnapshotPlace } from "../../../core/volume/parameters/snapshot-parameters.ts";
import { readAttachment } from "../../../objects/named-attachment.ts";
import { readVolume } from "../../../objects/read-volume.ts";
import type { SnapshotFacts } from "../../../ports/cloud/snapshot-provisioner.ts";
import { freezeIdOf, isKnownFrozen } from "../../messages/snapshot-identity.ts";
import type { SnapshotRequest } from "../../messages/snapshot-request.ts";
import type { CallContext } from "../../server/unary-handler.ts";
import type { ControllerContext } from "../controller-context.ts";
import { requireIncarnation, trustedIncarnation } from "../store-incarnation.ts";

/** A snapshot to take of a frozen file system, in its disk's region. */
export interface FrozenSnapshotRequest extends SnapshotRequest, SnapshotPlace {
  /** As just read. */
  readonly target: SnapshotFacts | undefined;
}

/** What is known of a snapshot, and of the freeze on the writer's node. */
export interface ObservedFreeze {
  readonly snapshot: Parameters<typeof planFrozenSnapshot>[0]["snapshot"];
  readonly attachment: AzVolumeAttachment | undefined;
  /** The snapshot of the present request, where that is owed its confirmation. */
  readonly earlier: SnapshotFacts | undefined;
}

/** Looks at the volume, at its writer's attachment, and at what is owed to an earlier snapshot. */
export async function observeFreeze(
  context: ControllerContext,
  {
    target,
    sourceUri,
    snapshotUri,
    confirmedId,
  }: FrozenSnapshotRequest & { confirmedId: string | undefined },
  call: CallContext,
): Promise<Result<ObservedFreeze & Parameters<typeof planFrozenSnapshot>[0]>> {
  const { signal } = call;
  const snapshot =
    target === undefined
      ? undefined
      : {
          freezeId: freezeIdOf(target.tags),
          isTaken: target.isTaken,
          isKnownFrozen: isKnownFrozen(target),
          hasFailed: hasFailed(target) || target.copyError !== undefined,
        };
  const ownPrefix = `${parseSnapshotUri(snapshotUri)?.name ?? ""}/`;
  const none = { snapshot, ownPrefix, attachment: undefined, earlier: undefined };
  const unrequested = { record: undefined, request: undefined, answer: undefined, obstacle: undefined };
  const unknown = { ...none, ...unrequested, isOwed: false };
  if (snapshot?.isKnownFrozen === true) return ok(unknown);
  const read = await readTrusted(context, sourceUri, call);
  if (!read.ok) return read.failure.kind === "VolumeNotFound" && snapshot !== undefined ? ok(unknown) : read;
  const volume = read.value;
  const refused = snapshot === undefined ? whyNever(volume) : undefined;
  if (refused !== undefined) return fail(refused);
  const record = volume.status?.record;
  const diskUri = volume.status?.detail?.diskUri;
  const nodeName = record?.writer?.nodeName;
  if (nodeName === undefined || diskUri === undefined) return ok({ ...unknown, record });
  const identity = { volumeName: volume.metadata.name, diskUri, nodeName };
  const found = await readAttachment(context.store, identity, signal);
  if (!found.ok && found.failure.kind !== "ObjectNotFound") return found;
  const attachment = found.ok ? found.value : undefined;
  const isConfirmed = snapshot !== undefined || attachment?.spec.freeze?.id === confirmedId;
  const owed = isConfirmed ? ok(undefined) : await owedTo(context, attachment, signal);
  if (!owed.ok) return owed;
  return ok({
    ...unknown,
    earlier: owed.value,
    isOwed: owed.value !== undefined,
    record,
    attachment,
    request: attachment?.spec.freeze,
    answer: attachment?.status?.freeze,
    obstacle: attachment === undefined ? undefined : whyReleased(attachment),
  });
}

/**
 * Reads a volume. A record without a writer is read until it stays the same while the store's incarnation
 * is read: a restored backup may lack the writer, whose node has the volume mounted and answers no request.
 */
async function readTrusted(
  context: ControllerContext,
  sourceUri: string,
  call: CallContext,
): Promise<Result<AzVolume>> {
  let read = await readVolume(context, sourceUri, call.signal);
  while (read.ok && read.value.status?.record?.writer === undefined) {
    const trusted = await trustedIncarnation(context, call);
    if (!trusted.ok) return trusted;
    const again = await readVolume(context, sourceUri, call.signal);
    if (!again.ok) return again;
    const { metadata, status } = again.value;
    if (metadata.resourceVersion === read.value.metadata.resourceVersion) {
      const required = requireIncarnation(status?.record, trusted.value, sourceUri);
      return required.ok ? again : required;
    }
    read = again;
  }
  return read;
}

/** The snapshot whose freeze has held, while it does not say so: its controller stopped before. */
async function owedTo(
  { snapshots, logger }: ControllerContext,
  attachment: AzVolumeAttachment | undefined,
  signal: AbortSignal,
): Promise<Result<SnapshotFacts | undefined>> {
  const { id, snapshotUri } = attachment?.spec.freeze ?? {};
  const answer = attachment?.status?.freeze;
  if (snapshotUri === undefined || answer?.id !== id || answer?.state !== "Held") return ok(undefined);
  const read = await snapshots.getSnapshot({ snapshotUri }, signal);
  if (!read.ok && read.failure.kind === "SnapshotNotFound") return ok(undefined);
  if (!read.ok) return unlessRefused(logger, snapshotUri, read.failure);
  const isOwed = read.value.isTaken && freezeIdOf(read.value.tags) === id && !isKnownFrozen(read.value);
  return ok(isOwed ? read.value : undefined);
}

/**
 * A snapshot that can't be confirmed, such as one without permission or with too many tags, is owed nothing
 * more: it would keep all later ones of its volume from being taken. Its own call takes it again.
 */
export function unlessRefused(
  logger: ControllerContext["logger"],
  snapshotUri: string,
  failure: Failure,
): Result<undefined> {
  if (isRetryable(failure)) return fail(failure);
  logger.warn("an earlier snapshot stays unconfirmed: it is not known as frozen", { snapshotUri, failure });
  return ok(undefined);
}

function whyNever({ spec }: AzVolume): Failure | undefined {
  return spec.capabilities.every(({ accessType }) => accessType === "block")
    ? invalidArgument(
        "parameters.fileSystemFreezeSeconds",
        "",
        "must be left out for a raw block volume: it has no file system that a node could freeze",
      )
    : undefined;
}
