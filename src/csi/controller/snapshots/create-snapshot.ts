import { checkCopiedDisk } from "../../../controller/disk/copies/check-copied-disk.ts";
import type { AzVolume } from "../../../core/api/az-volume.ts";
import { resourceUriKey } from "../../../core/azure/ids/disk-uri.ts";
import { parseSnapshotUri } from "../../../core/azure/ids/snapshot-uri.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import { whyNoFirstAttach } from "../../../core/volume/copies/copy-progress.ts";
import { hasFailed } from "../../../core/volume/copies/unfinished-copy.ts";
import {
  placeOf,
  placeSnapshot,
  type SnapshotPlace,
} from "../../../core/volume/parameters/snapshot-parameters.ts";
import { otherDiskThan } from "../../../core/volume/replaced-disk.ts";
import { readVolume } from "../../../objects/read-volume.ts";
import type { SnapshotFacts } from "../../../ports/cloud/snapshot-provisioner.ts";
import type { CreateSnapshotRequest, CreateSnapshotResponse } from "../../gen/csi/v1/csi.ts";
import { freezeIdOf, otherRequest } from "../../messages/snapshot-identity.ts";
import { snapshotMessage } from "../../messages/snapshot-message.ts";
import { type SnapshotRequest, snapshotRequestOf } from "../../messages/snapshot-request.ts";
import type { CallContext } from "../../server/unary-handler.ts";
import type { ControllerContext } from "../controller-context.ts";
import { type CopyRequest, copySnapshot, findCopySource } from "./copy-snapshot.ts";
import { finalRefusal } from "./final-refusal.ts";
import { refuseWhileGrowing } from "./growth-under-way.ts";
import { requireKnownSku } from "./require-known-sku.ts";
import { findInOtherGroup, noteSnapshotGroup } from "./snapshot-groups.ts";
import { noteOf } from "./snapshot-note.ts";
import { takeFrozenSnapshot } from "./take-frozen-snapshot.ts";

/**
 * CreateSnapshot: answers once the snapshot's content is fixed, and whether its copy in the background has
 * ended. A repeated call finds the same snapshot in Azure and reports how far it is.
 */
export async function createSnapshot(
  context: ControllerContext,
  request: CreateSnapshotRequest,
  call: CallContext,
): Promise<Result<CreateSnapshotResponse>> {
  const snapshot = snapshotRequestOf(request, context.clusterId);
  if (!snapshot.ok) return snapshot;
  return context.locks.run(snapshot.value.snapshotUri, "CreateSnapshot", async () => {
    const created = await create(context, snapshot.value, call);
    return created.ok ? created : finalRefusal(context, snapshot.value, created.failure, call.signal);
  });
}

async function create(
  context: ControllerContext,
  snapshot: SnapshotRequest,
  call: CallContext,
): Promise<Result<CreateSnapshotResponse>> {
  const { snapshots, steps } = context;
  const { signal } = call;
  const observed = await observe(context, snapshot, signal);
  if (!observed.ok) return observed;
  const { snapshotUri, sourceUri, parameters } = snapshot;
  const { target, source, isCopy } = observed.value;
  const place = placeOf(observed.value);
  const isBegun = target !== undefined || source !== undefined;
  const objection = (present: SnapshotFacts): Failure | undefined =>
    otherRequest(present, { ...snapshot, ...parameters, clusterId: context.clusterId });
  const checked = await checkObserved(context, snapshot, { ...observed.value, objection }, signal);
  if (!checked.ok) return checked;
  const [volume] = context.cache.byIndex("AzVolume", "diskUri", resourceUriKey(sourceUri));
  const noted = await noteSnapshotGroup(context, snapshot, signal);
  if (!noted.ok) return noted;
  const isFrozen = parameters.freezeSeconds !== undefined || freezeIdOf(target?.tags ?? {}) !== undefined;
  // A backup of a failed copy would lack data without a word. What a node has written to one can be saved.
  const failedCopy = volume === undefined || isBegun ? undefined : whyNoFirstAttach(volume);
  if (failedCopy !== undefined) return fail(failedCopy);
  // No file system is frozen in vain; the note of the snapshot's request refuses each one once more.
  const isToFreeze = isFrozen && target === undefined;
  const notGrowing = isToFreeze ? await refuseIfGrowing(context, sourceUri, signal) : ok(undefined);
  if (!notGrowing.ok) return notGrowing;
  const filling = isCopy || target !== undefined ? undefined : fillingDisk(volume);
  // Learn, Instant access snapshots: "you can't create an instant access snapshot of that disk".
  if (filling !== undefined && (isToFreeze || parameters.instantAccessMinutes !== undefined))
    return fail(filling);
  const frozenRequest = { ...snapshot, target, ...place };
  const copyRequest = { ...snapshot, ...observed.value };
  const created = isCopy
    ? await copySnapshot(context, copyRequest, signal)
    : isFrozen
      ? await takeFrozenSnapshot(context, frozenRequest, call)
      : await steps.run("take-snapshot", () =>
          snapshots.createSnapshot(
            { ...parameters, snapshotUri, sourceUri, ...place, objection, note: noteOf(context, snapshot) },
            signal,
          ),
        );
  // A refusal that ends with the copy is not final. Of others Azure's words say more.
  if (!created.ok)
    return created.failure.kind === "CloudRejected" ? fail(filling ?? created.failure) : created;
  // A backup of another disk would pass for one of the volume's. It stays: someone may need it.
  const copied = await checkCopiedDisk(context, created.value, signal);
  if (!copied.ok) return copied;
  reportFailed(context, volume, created.value);
  return ok({ snapshot: snapshotMessage(created.value) });
}

/** Whether what is in Azure allows the request: a known SKU, and no snapshot of its name made for another. */
async function checkObserved(
  context: ControllerContext,
  snapshot: SnapshotRequest,
  {
    skuName,
    target,
    objection,
  }: Observed & { readonly objection: (present: SnapshotFacts) => Failure | undefined },
  signal: AbortSignal,
): Promise<Result<void>> {
  const { sourceUri } = snapshot;
  const known =
    skuName === undefined ? ok(undefined) : await requireKnownSku(context, { sourceUri, skuName }, signal);
  if (!known.ok) return known;
  if (target !== undefined) {
    const refused = objection(target);
    return refused === undefined ? ok(undefined) : fail(refused);
  }
  const elsewhere = await findInOtherGroup(context, snapshot, signal);
  if (!elsewhere.ok) return elsewhere;
  return elsewhere.value === undefined
    ? ok(undefined)
    : fail({
        kind: "SnapshotExistsWithOtherRequest",
        snapshotUri: elsewhere.value.snapshotUri,
        difference: "it is in another resource group",
      });
}

/** What may keep Azure from making a snapshot of a volume's disk for now: it still fills the disk. */
function fillingDisk(volume: AzVolume | undefined): Failure | undefined {
  const { copy, detail } = volume?.status ?? {};
  return copy === undefined || detail === undefined
    ? undefined
    : { kind: "DiskBeingCopied", diskUri: detail.diskUri, percent: copy.percent ?? 0 };
}

/** Reads the volume past the cache. */
async function refuseIfGrowing(
  context: ControllerContext,
  sourceUri: string,
  signal: AbortSignal,
): Promise<Result<void>> {
  const read = await readVolume(context, sourceUri, signal);
  if (!read.ok) return read.failure.kind === "VolumeNotFound" ? ok(undefined) : read;
  return refuseWhileGrowing(read.value, sourceUri, context.clock.nowMs());
}

/**
 * A snapshot that Azure shows as failed is answered, so that it can be deleted, and csi-snapshotter asks on
 * without a word. A later change may have failed, too, which is no error of this call.
 */
function reportFailed(
  { events }: ControllerContext,
  volume: AzVolume | undefined,
  { snapshotUri, state, isRestorable }: SnapshotFacts,
): void {
  if (isRestorable || !hasFailed({ state }) || volume === undefined) return;
  events.emit({
    about: { kind: "AzVolume", name: volume.metadata.name },
    reason: "SnapshotFailed",
    message: `Azure shows snapshot ${snapshotUri} as ${state}, and it is not ready`,
  });
}

/** What is in Azure of a snapshot, and where it is to be. */
interface Observed extends Pick<CopyRequest, "target" | "source" | "diskPlace">, SnapshotPlace {
  /** Whether it comes from another region. */
  readonly isCopy: boolean;
  /** The disk's; undefined if it was not read. */
  readonly skuName?: string;
}

/** A snapshot outlives its disk, so one that exists needs none. */
async function observe(
  context: ControllerContext,
  { snapshotUri, sourceUri, parameters }: SnapshotRequest,
  signal: AbortSignal,
): Promise<Result<Observed>> {
  const { snapshots, cloud } = context;
  const read = await snapshots.getSnapshot({ snapshotUri }, signal);
  if (!read.ok && read.failure.kind !== "SnapshotNotFound") return read;
  const target = read.ok ? read.value : undefined;
  const isCopy = target !== undefined && parseSnapshotUri(target.sourceUri) !== undefined;
  const mayBeCopy = target === undefined ? parameters.location !== undefined : isCopy;
  const found = mayBeCopy
    ? await findCopySource(context, { snapshotUri, ownIds: [context.clusterId] }, signal)
    : ok(undefined);
  if (!found.ok) return found;
  const source = found.value;
  const known = { target, source, diskPlace: undefined };
  if (target !== undefined) return ok({ ...known, isCopy, ...placeOf(target) });
  if (source !== undefined && parameters.location !== undefined)
    return ok({ ...known, isCopy: true, location: parameters.location });
  const disk = await cloud.getDisk({ diskUri: sourceUri }, signal);
  if (!disk.ok) return disk;
  const [volume] = context.cache.byIndex("AzVolume", "diskUri", resourceUriKey(sourceUri));
  const replaced = otherDiskThan(volume, disk.value);
  // A backup of another disk would pass for one of the volume's.
  if (replaced !== undefined) return fail(replaced);
  const place = placeSnapshot(parameters, disk.value);
  const { skuName } = disk.value;
  return place.ok ? ok({ ...known, ...place.value, diskPlace: placeOf(disk.value), skuName }) : place;
}
