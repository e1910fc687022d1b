import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { isSameVmId, type NodeIdentity } from "../../core/api/identity/node-identity.ts";
import { isPrimaryOrRequested } from "../../core/attachment/attachment-state.ts";
import type { ObservedVolume } from "../../core/attachment/observed-volume.ts";
import { type AttachmentAction, planAttachment } from "../../core/attachment/plan-attachment.ts";
import { planMountEvents } from "../../core/attachment/plan-mount-events.ts";
import { unreachable } from "../../core/failure/invariant.ts";
import { ok } from "../../core/failure/result.ts";
import { ignoreNotFound } from "../../objects/ignore-not-found.ts";
import { changeStatus } from "../../objects/update-object.ts";
import type { Reconciled, Reconciler } from "../../runtime/queue/control-loop.ts";
import { KeyPace } from "../../runtime/queue/key-pace.ts";
import { emitAttachmentEvent } from "../attachment-events.ts";
import type { AttachmentPorts } from "../controller-ports.ts";
import { limitedStore } from "../limited-store.ts";
import { observeVolume } from "../observe-volume.ts";
import { attach } from "./attach.ts";
import { attachmentTarget } from "./attachment-object.ts";
import { removeIgnored } from "./ignored-attachment.ts";
import { recreateAttachment } from "./recreate-attachment.ts";
import { detach, leaveDisk, removeProvenOff } from "./removal/detach.ts";
import { removeIfUnattached } from "./removal/remove-if-unattached.ts";
import { removeOrphan } from "./removal/remove-orphan.ts";
import { takeBackDetach } from "./removal/take-back-detach.ts";
import { hasLabels, restoreLabels } from "./restore-labels.ts";
import { showProblems } from "./show-mount-problems.ts";

/** How often an attachment without a pod is examined again, in milliseconds. Reads caches alone. */
const UNBACKED_AGAIN_MS = 1_000;
/** How often Azure is read for the same node's report of a missing device, in milliseconds. */
const LOOK_AGAIN_MS = 10_000;
/**
 * How often an object of one name that is no attachment of the driver's is deleted, in milliseconds. A
 * node may create it again at once.
 */
const REMOVE_AGAIN_MS = 1_000;
/** The most calls of the store that all workers make at once. */
const STORE_CALLS_MAX = 256;

/** Attaches and detaches: one cloud operation at a time for each attachment, beside all others. */
export function attachmentReconciler(ports: AttachmentPorts): Reconciler {
  const lookups = new KeyPace(ports.clock, LOOK_AGAIN_MS);
  const removals = new KeyPace(ports.clock, REMOVE_AGAIN_MS);
  const store = limitedStore(ports.store, STORE_CALLS_MAX);
  return {
    name: "attachment",
    // As many as the disks of a zone: Azure may work on each detach from its VMs for a quarter of an hour.
    workers: 4096,
    backoff: { baseMs: 200, maxMs: 30_000 },
    reconcile: (attachmentName, signal) =>
      reconcileAttachment({ ...ports, store, lookups, removals }, attachmentName, signal),
  };
}

/** `lookups`: by the uid of an attachment. `removals`: by its name. */
type PacedPorts = AttachmentPorts & { readonly lookups: KeyPace; readonly removals: KeyPace };

async function reconcileAttachment(
  ports: PacedPorts,
  attachmentName: string,
  signal: AbortSignal,
): Promise<Reconciled> {
  const attachment = ports.cache.get("AzVolumeAttachment", attachmentName);
  if (attachment === undefined) {
    return ports.cache.ignoredAttachment(attachmentName) === undefined
      ? ok({})
      : inPace(ports, attachmentName, () => removeIgnored(ports, attachmentName, signal));
  }
  if (hasLabels(attachment)) return reconcileShown(ports, attachment, signal);
  const labelled = await restoreLabels(ports, attachment, signal);
  // Whatever becomes of the labels: a policy of the cluster may remove them each time.
  const reconciled = await reconcileShown(ports, attachment, signal);
  return reconciled.ok && !labelled.ok ? labelled : reconciled;
}

/** Carries out what is planned for an attachment that is not ignored. */
async function reconcileShown(
  ports: PacedPorts,
  attachment: AzVolumeAttachment,
  signal: AbortSignal,
): Promise<Reconciled> {
  const attachmentName = attachment.metadata.name;
  const observed = observeVolume(ports, attachment.spec.volumeName);
  if (observed === undefined)
    return inPace(ports, attachmentName, () => removeOrphan(ports, attachment, signal));
  const backed = observed.attachments.find(
    (known) => known.attachment.metadata.name === attachmentName,
  )?.attachment;
  if (backed === undefined)
    return inPace(ports, attachmentName, () => leaveUnbacked(ports, attachment, signal));
  const action = planAttachment(observed, backed);
  if (action === undefined) return ok({});
  return execute(ports, observed, backed, action, signal);
}

/** Runs `remove`, but not right after it has ended for the same name. A failure has its own back-off. */
async function inPace(
  { removals }: Pick<PacedPorts, "removals">,
  attachmentName: string,
  remove: () => Promise<Reconciled>,
): Promise<Reconciled> {
  const waitMs = removals.waitMs(attachmentName);
  if (waitMs > 0) return ok({ requeueAfterMs: waitMs });
  const removed = await remove();
  if (removed.ok && removed.value.requeueAfterMs === undefined) removals.acted(attachmentName);
  return removed;
}

/**
 * Keeps an attachment that its node has created, and attaches nothing until a pod is seen there. Once the
 * node no longer requests it, it is deleted, since the node can't delete it.
 */
async function leaveUnbacked(
  ports: AttachmentPorts,
  attachment: AzVolumeAttachment,
  signal: AbortSignal,
): Promise<Reconciled> {
  if (isPrimaryOrRequested(attachment)) return ok({ requeueAfterMs: UNBACKED_AGAIN_MS });
  const { name, uid, resourceVersion } = attachment.metadata;
  const deleted = await ports.store.delete("AzVolumeAttachment", name, { uid, resourceVersion }, signal);
  return ignoreNotFound(deleted);
}

async function execute(
  ports: PacedPorts,
  observed: ObservedVolume,
  attachment: AzVolumeAttachment,
  action: AttachmentAction,
  signal: AbortSignal,
): Promise<Reconciled> {
  switch (action.kind) {
    case "Attach": {
      const attachThere = (): Promise<Reconciled> =>
        attach(ports, observed.volume, attachment, action, signal);
      // An attach of a disk that is already attached reads where it is. A failed one has its own back-off.
      return isMissedThere(attachment, action.node)
        ? ports.lookups.run(attachment.metadata.uid, attachThere)
        : attachThere();
    }
    case "Detach":
    case "DetachEarlier":
      return detach(ports, attachment, action, signal);
    case "TakeBackDetach":
      return takeBackDetach(ports, attachment, action.node, signal);
    case "RemoveUnattached":
      return removeIfUnattached(ports, observed.volume, attachment, action, signal);
    case "RemoveProvenOff":
      return removeProvenOff(ports, attachment, action.node, signal);
    case "LeaveDisk":
      return leaveDisk(ports, attachment, action, signal);
    case "RecordRole":
      return recordRole(ports, observed.volume, attachment, action.role, signal);
    case "Recreate":
      return recreateAttachment(ports, attachment, action.node, signal);
    case "Wait":
      ports.logger.debug("attachment waits", {
        attachmentName: attachment.metadata.name,
        because: action.because,
      });
      if (action.reason !== undefined) emitAttachmentEvent(ports, attachment, action.reason, action.because);
      return ok(action.afterMs === undefined ? {} : { requeueAfterMs: action.afterMs });
    default:
      return unreachable(action);
  }
}

/** Whether only the node reports the disk as missing: it was attached to this very VM. */
function isMissedThere({ status }: AzVolumeAttachment, { vmId }: NodeIdentity): boolean {
  return status?.state === "Attached" && status.deviceMissing === true && isSameVmId(status.vmId, vmId);
}

/**
 * A role is replaced only once what it makes believed is shown: a node states its lost writes right before
 * its release, and the cache may show that first.
 */
async function recordRole(
  ports: AttachmentPorts,
  volume: AzVolume,
  attachment: AzVolumeAttachment,
  role: "Primary" | "Replica",
  signal: AbortSignal,
): Promise<Reconciled> {
  const isUnshown = (present: AzVolumeAttachment): boolean =>
    role === "Replica" && planMountEvents(volume, present, ports.clock.nowMs()).show.length > 0;
  const recorded = await ports.steps.run(role === "Primary" ? "promote" : "demote", () =>
    changeStatus(
      ports.store,
      attachmentTarget(ports, attachment),
      (present) => {
        const { status = { state: "Pending" } } = present;
        return isUnshown(present) ? undefined : { ...present, status: { ...status, role } };
      },
      signal,
    ),
  );
  if (!recorded.ok) return ignoreNotFound(recorded);
  if (recorded.value.status?.role !== role) {
    const shown = await showProblems(ports, volume, recorded.value, signal);
    return shown.ok ? ok({ requeueAfterMs: 0 }) : shown;
  }
  if (role === "Primary" && attachment.status?.role === "Replica")
    emitAttachmentEvent(
      ports,
      attachment,
      "ReplicaPromoted",
      `the replica on ${attachment.spec.nodeName} is the primary now: nothing had to be attached`,
    );
  if (attachment.status?.role !== undefined)
    ports.logger.info("role reached", {
      role,
      volumeName: attachment.spec.volumeName,
      nodeName: attachment.spec.nodeName,
    });
  return ok({});
}
