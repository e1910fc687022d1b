import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import type { EventReason } from "../../core/events/event-reasons.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { unreachable } from "../../core/failure/invariant.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import {
  planNodeVolume,
  type NodeVolumeAction,
  type ObservedNodeVolume,
} from "../../core/node/plan-node-volume.ts";
import { disownsMount } from "../../core/rollback/disowned-mount.ts";
import { isSingleWriter } from "../../core/volume/access-modes.ts";
import { isNamed } from "../../core/writer/record/record-nodes.ts";
import { reclaim, proveClean } from "../../core/writer/record/writer-steps.ts";
import { moveRecord } from "../../objects/update-record.ts";
import { requestWriter } from "../../objects/writer-request.ts";
import type { VolumeCheckpoint } from "../../ports/host/node-checkpoints.ts";
import type { Reconciled, Reconciler } from "../../runtime/queue/control-loop.ts";
import type { NodePorts } from "../node-ports.ts";
import { restoreDevice } from "../stage/device-tuning.ts";
import { observeTargets } from "../stage/published-targets.ts";
import { releaseVolume } from "../writer/acquire-volume.ts";
import type { KnownVolume } from "../writer/clean-check-target.ts";
import { olderThanCheckpoint, readTrustedIncarnation } from "../writer/rollback-detector.ts";
import { verifyClean } from "../writer/verify-clean.ts";
import { answerRecall, unmountUnderRecall } from "./answer-recall.ts";
import { findUntrackedMounts } from "./find-untracked-mounts.ts";

const BUSY_AGAIN_MS = 200;
/**
 * How often a recalled volume with workloads is checked, in milliseconds: no change of an object shows
 * that the last one has gone.
 */
const RECALLED_AGAIN_MS = 500;
/** How often a volume that was reclaimed while a pod uses it here is checked, in milliseconds. */
const DISPUTED_AGAIN_MS = 2_000;

/**
 * The work of a node on its own volumes: it reclaims what it uses, answers recalls, removes what the
 * record does not allow, and leaves quarantine.
 */
export function ownVolumesReconciler(ports: NodePorts): Reconciler {
  return {
    name: "own-volumes",
    workers: 4,
    backoff: { baseMs: 200, maxMs: 5_000 },
    reconcile: async (volumeName, signal) => {
      const volume = ports.cache.get("AzVolume", volumeName);
      const checkpoint = ports.checkpoints.volumes().find((other) => other.volumeName === volumeName);
      const volumeId =
        volume?.status?.detail?.diskUri ??
        checkpoint?.volumeId ??
        ownAttachment(ports, volumeName)?.spec.volumeId;
      if (volumeId === undefined) return ok({});
      // First a check without the lock: a call must not be answered with a retry because of a pass with
      // nothing to do. Uses the cache where it follows the volume: nothing is executed by it, and a later
      // cache change triggers this again.
      const seen =
        volume === undefined
          ? await readUncached(ports, volumeName, volumeId, signal)
          : await look(ports, { volumeName, volumeId, volume }, signal);
      if (!seen.ok) return seen;
      const planned = planNodeVolume(seen.value.observed);
      if (!planned.some(({ kind }) => kind === "ReportDispute")) ports.disputes.delete(volumeName);
      if (planned.length === 0) return ok({});
      const done = await ports.locks.runConcurrently(volumeId, "clean-up", () =>
        reconcileOwnVolume(ports, volumeName, volumeId, signal),
      );
      // A call holds the lock; it may leave something to do.
      return !done.ok && done.failure.kind === "OperationInProgress"
        ? ok({ requeueAfterMs: BUSY_AGAIN_MS })
        : done;
    },
  };
}

async function reconcileOwnVolume(
  ports: NodePorts,
  volumeName: string,
  volumeId: string,
  signal: AbortSignal,
): Promise<Reconciled> {
  const seen = await readUncached(ports, volumeName, volumeId, signal);
  if (!seen.ok) return seen;
  const actions = planNodeVolume(seen.value.observed);
  if (actions.length === 0) return ok({});
  const trusted = await trustRecord(ports, seen.value, signal);
  if (!trusted.ok) return trusted;
  for (const action of actions) {
    const done = await execute(ports, seen.value, action, signal);
    // Refused by the record: another pass or a controller was faster, and the rest of the plan still
    // applies.
    if (!done.ok && done.failure.kind !== "NotWriter") return done;
  }
  if (actions.some(({ kind }) => kind === "ReportDispute")) return ok({ requeueAfterMs: DISPUTED_AGAIN_MS });
  return ok(actions.some(({ kind }) => kind === "AnswerRecall") ? { requeueAfterMs: RECALLED_AGAIN_MS } : {});
}

/**
 * A restored backup may lack a mount that a workload writes to: nothing is unmounted, reclaimed or
 * reported clean by such a record.
 */
async function trustRecord(
  ports: NodePorts,
  { volume, checkpoint, observed }: Target,
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  const incarnation = await readTrustedIncarnation(ports, signal);
  if (!incarnation.ok) return incarnation;
  const record = volume?.status?.record;
  if (volume === undefined || record === undefined) return ok(undefined);
  const { name, uid } = volume.metadata;
  if (record.storeIncarnation !== incarnation.value)
    return fail({
      kind: "StoreRolledBack",
      detail: `${name} is of store incarnation ${record.storeIncarnation}, the store of ${incarnation.value}`,
    });
  const older = olderThanCheckpoint(ports, volume);
  if (older !== undefined) return fail({ kind: "StoreRolledBack", detail: older });
  const mount = {
    checkpointedUid: checkpoint?.uid ?? uid,
    isLive: observed.mount === "live",
    isPublished: observed.targets.length > 0,
  };
  if (!disownsMount({ uid, record }, ports.node, mount)) return ok(undefined);
  // Only the mount shows it: the next heartbeat reports what this node has recorded.
  const recorded = await ports.checkpoints.putRollback(incarnation.value, signal);
  return recorded.ok
    ? fail({
        kind: "StoreRolledBack",
        detail: `${name} (uid ${uid}) is not the object by which a pod's mount here was made`,
      })
    : recorded;
}

function ownAttachment(ports: NodePorts, volumeName: string): AzVolumeAttachment | undefined {
  return ports.cache
    .byIndex("AzVolumeAttachment", "volumeName", volumeName)
    .find((other) => other.spec.nodeName === ports.node.nodeName);
}

async function readUncached(
  ports: NodePorts,
  volumeName: string,
  volumeId: string,
  signal: AbortSignal,
): Promise<Result<Target, Failure>> {
  const read = await ports.store.get("AzVolume", volumeName, signal);
  return read.ok || read.failure.kind === "ObjectNotFound"
    ? look(ports, { volumeName, volumeId, volume: read.ok ? read.value : undefined }, signal)
    : read;
}

async function look(
  ports: NodePorts,
  {
    volumeName,
    volumeId,
    volume,
  }: { readonly volumeName: string; readonly volumeId: string; readonly volume: AzVolume | undefined },
  signal: AbortSignal,
): Promise<Result<Target, Failure>> {
  const attachment = ownAttachment(ports, volumeName);
  const checkpointed = ports.checkpoints.volumes().find((other) => other.volumeName === volumeName);
  const found =
    checkpointed === undefined && volume !== undefined && attachment !== undefined
      ? await findUntrackedMounts(ports, volume, attachment, signal)
      : ok(checkpointed);
  if (!found.ok) return found;
  const checkpoint = found.value;
  const known: KnownVolume = { volume, checkpoint, attachment };
  const observed = await observe(ports, known, signal);
  return observed.ok ? ok({ ...known, volumeId, volumeName, observed: observed.value }) : observed;
}

async function observe(
  ports: NodePorts,
  known: KnownVolume,
  signal: AbortSignal,
): Promise<Result<ObservedNodeVolume, Failure>> {
  const { checkpoint, volume } = known;
  const targets =
    checkpoint === undefined ? ok({ bound: [], bare: [] }) : await observeTargets(ports, checkpoint, signal);
  if (!targets.ok) return targets;
  const staged =
    checkpoint === undefined ? ok(undefined) : await ports.host.mountAt(checkpoint.stagingPath, signal);
  if (!staged.ok) return staged;
  const isBlock = checkpoint?.accessType === "block";
  const mount =
    staged.value === undefined
      ? isBlock && targets.value.bound.length > 0
        ? "live"
        : "none"
      : staged.value.isDead
        ? "dead"
        : "live";
  return ok({
    node: ports.node,
    record: volume?.status?.record,
    isMultiWriter: volume !== undefined && !isSingleWriter(volume.spec.capabilities),
    attachment: known.attachment,
    statesRequests: ports.settings.attach === "driver",
    checkpoint:
      checkpoint === undefined ? undefined : { epoch: checkpoint.epoch, accessType: checkpoint.accessType },
    mount,
    targets: targets.value.bound,
    bareTargets: targets.value.bare,
  });
}

interface Target extends KnownVolume {
  readonly volumeId: string;
  readonly volumeName: string;
  readonly observed: ObservedNodeVolume;
}

async function execute(
  ports: NodePorts,
  target: Target,
  action: NodeVolumeAction,
  signal: AbortSignal,
): Promise<Result<unknown, Failure>> {
  const { volumeName } = target;
  switch (action.kind) {
    case "Reclaim":
      return reclaimVolume(ports, target, action.epochKnown, signal);
    case "Checkpoint":
      return target.volume === undefined || target.checkpoint === undefined
        ? ok({})
        : checkpointEpoch(ports, target.volume, target.checkpoint, action.epoch, signal);
    case "ReportDispute":
      return reportDispute(ports, volumeName, action.reclaimedBy);
    case "RequestWriter":
      return restoreLostRequest(ports, target, signal);
    case "AnswerRecall":
      return target.attachment === undefined
        ? ok({})
        : answerRecall(
            ports,
            target.attachment,
            {
              id: action.recallId,
              published: target.observed.targets,
              majorMinor: target.checkpoint?.majorMinor,
              unmounting: false,
            },
            signal,
          );
    case "Release": {
      const { mount, targets } = target.observed;
      // What is unmounted already makes no progress: a report would only overwrite that the release was
      // refused.
      const recallId = mount === "none" && targets.length === 0 ? undefined : action.recallId;
      const unmounted = await unmountUnderRecall(
        ports,
        { attachment: target.attachment, recallId, majorMinor: target.checkpoint?.majorMinor },
        () => unmountAll(ports, target, action.placeholders, signal),
        signal,
      );
      const given = unmounted.ok ? await releaseAndDrop(ports, volumeName, signal) : unmounted;
      if (!given.ok) {
        const releaseRefused = unmounted.ok && given.failure.kind === "StoreUnavailable";
        await answerNotReleased(ports, target, { recallId: action.recallId, releaseRefused }, signal);
      }
      return given;
    }
    case "CleanUp":
      return cleanUp(ports, target, action, signal);
    default:
      return unreachable(action);
  }
}

type CleanUp = Extract<NodeVolumeAction, { kind: "CleanUp" }>;

async function cleanUp(
  ports: NodePorts,
  target: Target,
  { placeholders, from }: CleanUp,
  signal: AbortSignal,
): Promise<Result<unknown, Failure>> {
  const { volumeName, checkpoint, observed } = target;
  const { nodeName } = ports.node;
  const unmounted = await unmountAll(ports, target, placeholders, signal);
  if (!unmounted.ok) return unmounted;
  if (observed.mount !== "none") {
    const paths = [...observed.targets, ...(checkpoint === undefined ? [] : [checkpoint.stagingPath])];
    emit(
      ports,
      volumeName,
      "StaleMountsRemoved",
      `${nodeName} may not have the volume any more and has removed its mounts: ${paths.join(", ")}`,
    );
  }
  const proven = from === undefined ? ok(undefined) : await proveOwnClean(ports, target, from, signal);
  // Refused by the record: another pass was faster, and the checkpoint goes all the same.
  if (!proven.ok && proven.failure.kind !== "NotWriter") return proven;
  if (checkpoint === undefined) return ok(undefined);
  const clean = await verifyClean(ports, target, { needsDevice: false }, signal);
  return clean.ok ? ports.checkpoints.remove(volumeName, signal) : clean;
}

/** A node that had the disk needs a device to check; any other only shows that nothing is left of it. */
async function proveOwnClean(
  ports: NodePorts,
  target: Target,
  from: NonNullable<CleanUp["from"]>,
  signal: AbortSignal,
): Promise<Result<unknown, Failure>> {
  const { volumeName, volume } = target;
  const { nodeName } = ports.node;
  const clean = await verifyClean(ports, target, { needsDevice: from === "unverified" }, signal);
  if (!clean.ok) return clean;
  const proven = await moveRecord(
    ports,
    { volumeName, nodeName, step: "prove-clean" },
    (record) => proveClean(record, ports.node, from),
    signal,
  );
  // An adopted record quarantines every node: this is no event of this one.
  if (proven.ok && isNamed(volume?.status?.record, ports.node, "quarantined"))
    emit(ports, volumeName, "QuarantineLeft", `${nodeName} is clean of the volume that it was fenced from`);
  return proven;
}

/** The heartbeat reports it, too, for as long as it lasts. */
async function reportDispute(
  ports: NodePorts,
  volumeName: string,
  reclaimedBy: string,
): Promise<Result<void, Failure>> {
  const message = `${reclaimedBy} has reclaimed ${volumeName}, which a pod of ${ports.node.nodeName} uses`;
  ports.disputes.set(volumeName, message);
  emit(ports, volumeName, "ReclaimDisputed", message);
  return ok(undefined);
}

function emit(ports: NodePorts, volumeName: string, reason: EventReason, message: string): void {
  ports.events.emit({
    about: { kind: "AzVolume", name: volumeName },
    nodeName: ports.node.nodeName,
    reason,
    message,
  });
}

/**
 * The unmount may have ended before it could report progress, and the node still can't release: without
 * an answer the controller would wait for the recall endlessly.
 */
async function answerNotReleased(
  ports: NodePorts,
  { attachment, checkpoint }: Target,
  {
    recallId: id,
    releaseRefused,
  }: { readonly recallId: string | undefined; readonly releaseRefused: boolean },
  signal: AbortSignal,
): Promise<void> {
  if (attachment === undefined || id === undefined) return;
  const answer = { id, published: [], majorMinor: checkpoint?.majorMinor, unmounting: true, releaseRefused };
  const answered = await answerRecall(ports, attachment, answer, signal);
  if (!answered.ok && !signal.aborted)
    ports.logger.warn("recall not answered", {
      attachmentName: attachment.metadata.name,
      failure: answered.failure,
    });
}

async function releaseAndDrop(
  ports: NodePorts,
  volumeName: string,
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  await restoreDevice(ports, volumeName, signal);
  const given = await releaseVolume(ports, volumeName, signal);
  return given.ok ? ports.checkpoints.remove(volumeName, signal) : given;
}

/** A live mount with users, its record lost: this node writes on, with an epoch above all that it knows. */
async function reclaimVolume(
  ports: NodePorts,
  target: Target,
  epochKnown: number,
  signal: AbortSignal,
): Promise<Result<unknown, Failure>> {
  const { volume, checkpoint, volumeName } = target;
  if (volume === undefined || checkpoint === undefined) return ok({});
  // The request first: an interrupted reclaim is repeated, and one without a request would look like a
  // leaked one.
  const requested = await requestWriter(
    ports,
    { volume, nodeName: ports.node.nodeName, volumeContext: {}, creates: ports.settings.attach === "driver" },
    signal,
  );
  // A terminating attachment takes no request; but it stays for as long as its node may write, which only
  // a reclaim can show. Where the orchestrator publishes, the controller creates the missing attachment.
  if (
    !requested.ok &&
    requested.failure.kind !== "OperationInProgress" &&
    requested.failure.kind !== "ObjectNotFound"
  )
    return requested;
  const reclaimed = await moveRecord(
    ports,
    { volumeName, nodeName: ports.node.nodeName, step: "reclaim" },
    (record) => reclaim(record, ports.node, epochKnown),
    signal,
  );
  if (!reclaimed.ok) return reclaimed;
  const epoch = reclaimed.value.status?.record?.epoch ?? epochKnown;
  emit(
    ports,
    volumeName,
    "WriterReclaimed",
    `${ports.node.nodeName} continues to write the volume, ` +
      `whose record was lost while a pod used it there (epoch ${epoch})`,
  );
  return checkpointEpoch(ports, volume, checkpoint, epoch, signal);
}

async function restoreLostRequest(
  ports: NodePorts,
  { volume, volumeName }: Target,
  signal: AbortSignal,
): Promise<Result<unknown, Failure>> {
  if (volume === undefined) return ok({});
  const stated = await requestWriter(
    ports,
    { volume, nodeName: ports.node.nodeName, volumeContext: volume.spec.volumeContext },
    signal,
  );
  if (stated.ok)
    ports.logger.warn("request renewed: its attachment was lost", {
      volumeName,
      nodeName: ports.node.nodeName,
    });
  return stated;
}

function checkpointEpoch(
  ports: NodePorts,
  volume: AzVolume,
  checkpoint: VolumeCheckpoint,
  epoch: number,
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  const { vmId, instanceUri } = ports.node;
  return ports.checkpoints.put(
    { ...checkpoint, uid: volume.metadata.uid, epoch, vm: { vmId, instanceUri } },
    signal,
  );
}

/** Targets first, then the staging mount; never lazily. A target still kept busy is retried later. */
async function unmountAll(
  ports: NodePorts,
  target: Target,
  placeholders: readonly string[],
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  for (const path of target.observed.targets.filter((other) => !placeholders.includes(other))) {
    const unbound = await ports.host.unmount(path, signal);
    if (!unbound.ok) return unbound;
  }
  for (const path of placeholders) {
    const left = await ports.host.mountPlaceholder(path, signal);
    if (!left.ok) return left;
  }
  if (placeholders.length > 0) {
    const lost =
      `pods of ${ports.node.nodeName} have lost the volume, ` +
      "and find an empty read-only folder in its place";
    emit(ports, target.volumeName, "PodLostDisk", `${lost}: ${placeholders.join(", ")}`);
  }
  if (target.checkpoint === undefined) return ok(undefined);
  const { stagingPath } = target.checkpoint;
  return ports.steps.run("unmount", () => ports.host.unmount(stagingPath, signal));
}
