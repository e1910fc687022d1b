import type { AzVolume } from "../../core/api/az-volume.ts";
import type { EventReason } from "../../core/events/event-reasons.ts";
import { unreachable } from "../../core/failure/invariant.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import type { NodeVolumeAction } from "../../core/node/plan-node-volume.ts";
import { isNamed } from "../../core/writer/record/record-nodes.ts";
import { proveClean, reclaim } from "../../core/writer/record/writer-steps.ts";
import { ignoreNotFound } from "../../objects/ignore-not-found.ts";
import { takeBackStaged } from "../../objects/staged-mark.ts";
import { updateRecord } from "../../objects/update-record.ts";
import { requestWriter } from "../../objects/writer-request.ts";
import type { VolumeCheckpoint } from "../../ports/host/node-checkpoints.ts";
import type { NodePorts } from "../node-ports.ts";
import { restoreDevice } from "../stage/device-tuning.ts";
import { releaseVolume } from "../writer/acquire-volume.ts";
import { cleanCheckTarget } from "../writer/clean-check-target.ts";
import { verifyClean } from "../writer/verify-clean.ts";
import { answerRecall, type RecallAnswer, unmountUnderRecall } from "./answer-recall.ts";
import type { OwnVolume } from "./own-volume.ts";

/** Executes one action of a plan. */
export async function executeVolumeAction(
  ports: NodePorts,
  target: OwnVolume,
  action: NodeVolumeAction,
  signal: AbortSignal,
): Promise<Result<unknown>> {
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
    case "TakeBackStaged":
      return takeBackOwnMark(ports, target, signal);
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
      const released = unmounted.ok ? await releaseAndRemoveCheckpoint(ports, target, signal) : unmounted;
      if (!released.ok) {
        const releaseRefused = unmounted.ok && released.failure.kind === "StoreUnavailable";
        await answerNotReleased(ports, target, { recallId: action.recallId, releaseRefused }, signal);
      }
      return released;
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
  target: OwnVolume,
  { placeholders, from }: CleanUp,
  signal: AbortSignal,
): Promise<Result<unknown>> {
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
  // The disk of a volume without a record stays attached, and the next stage would take these for its own.
  if (observed.isMultiWriter) await restoreDevice(ports, volumeName, signal);
  const isFlushed = observed.mount === "live";
  const flushes = !observed.isMultiWriter;
  const clean = await verifyClean(ports, target, { needsDevice: false, isFlushed, flushes }, signal);
  return clean.ok ? ports.checkpoints.remove(volumeName, signal) : clean;
}

/** A node that had the disk needs a device to check; any other only shows that nothing is left of it. */
async function proveOwnClean(
  ports: NodePorts,
  target: OwnVolume,
  from: NonNullable<CleanUp["from"]>,
  signal: AbortSignal,
): Promise<Result<unknown>> {
  const { volumeName, volume, observed } = target;
  const { nodeName } = ports.node;
  const check = { needsDevice: from === "unverified", isFlushed: observed.mount === "live" };
  const clean = await verifyClean(ports, target, check, signal);
  if (!clean.ok) return clean;
  const proven = await updateRecord(
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
): Promise<Result<void>> {
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
  target: OwnVolume,
  {
    recallId: id,
    releaseRefused,
  }: { readonly recallId: string | undefined; readonly releaseRefused: boolean },
  signal: AbortSignal,
): Promise<void> {
  const { attachment } = target;
  if (attachment === undefined || id === undefined) return;
  const use = await useBesidesOwn(ports, target, signal);
  const answered = use.ok
    ? await answerRecall(
        ports,
        attachment,
        { id, ...use.value, unmounting: use.value.published.length === 0, releaseRefused },
        signal,
      )
    : use;
  if (!answered.ok && !signal.aborted)
    ports.logger.warn("recall not answered", {
      attachmentName: attachment.metadata.name,
      failure: answered.failure,
    });
}

/**
 * How the volume is in use here beside what this node has unmounted. A pod may have it raw where the
 * checkpoint was lost: without the writes of its device it would be fenced as one that makes no progress.
 */
async function useBesidesOwn(
  ports: NodePorts,
  target: OwnVolume,
  signal: AbortSignal,
): Promise<Result<Pick<RecallAnswer, "published" | "majorMinor">>> {
  const unknown = { published: [], majorMinor: target.checkpoint?.majorMinor };
  const { lun } = cleanCheckTarget(ports, target);
  if (target.checkpoint !== undefined || lun === undefined) return ok(unknown);
  const device = await ports.host.findDevice({ lun }, signal);
  if (!device.ok) return device.failure.kind === "DeviceNotFound" ? ok(unknown) : device;
  const { majorMinor } = device.value;
  const mounts = await ports.host.mountsOf(majorMinor, signal);
  return mounts.ok ? ok({ published: mounts.value.map(({ path }) => path).toSorted(), majorMinor }) : mounts;
}

async function releaseAndRemoveCheckpoint(
  ports: NodePorts,
  { volumeName, observed }: OwnVolume,
  signal: AbortSignal,
): Promise<Result<void>> {
  await restoreDevice(ports, volumeName, signal);
  const released = await releaseVolume(ports, { volumeName, isFlushed: observed.mount === "live" }, signal);
  return released.ok ? ports.checkpoints.remove(volumeName, signal) : released;
}

/**
 * A live mount with users, whose record was lost: this node continues to write, under an epoch above all
 * that it knows.
 */
async function reclaimVolume(
  ports: NodePorts,
  target: OwnVolume,
  epochKnown: number,
  signal: AbortSignal,
): Promise<Result<unknown>> {
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
  const reclaimed = await updateRecord(
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
  { volume, volumeName }: OwnVolume,
  signal: AbortSignal,
): Promise<Result<unknown>> {
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

/** Only a clean node takes the mark back. An attachment that is gone by now has none. */
async function takeBackOwnMark(
  ports: NodePorts,
  target: OwnVolume,
  signal: AbortSignal,
): Promise<Result<unknown>> {
  const { volumeId, volumeName } = target;
  const { nodeName } = ports.node;
  const check = { needsDevice: false, isFlushed: true, flushes: false };
  const clean = await verifyClean(ports, target, check, signal);
  if (!clean.ok) return clean;
  const takenBack = await takeBackStaged(ports, { volumeId, nodeName }, signal);
  if (takenBack.ok) ports.logger.info("mark of a staged volume taken back", { volumeName, nodeName });
  return ignoreNotFound(takenBack);
}

function checkpointEpoch(
  ports: NodePorts,
  volume: AzVolume,
  checkpoint: VolumeCheckpoint,
  epoch: number,
  signal: AbortSignal,
): Promise<Result<void>> {
  const { vmId, instanceUri } = ports.node;
  return ports.checkpoints.put(
    { ...checkpoint, uid: volume.metadata.uid, epoch, vm: { vmId, instanceUri } },
    signal,
  );
}

/**
 * Targets first, then the staging mount; never lazily. A target that a terminated workload still keeps
 * busy is retried later.
 */
async function unmountAll(
  ports: NodePorts,
  target: OwnVolume,
  placeholders: readonly string[],
  signal: AbortSignal,
): Promise<Result<void>> {
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
