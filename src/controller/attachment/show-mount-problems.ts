import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { planMountEvents, withShown } from "../../core/attachment/plan-mount-events.ts";
import { mountProblemMessage } from "../../core/events/mount-problem-message.ts";
import { ok } from "../../core/failure/result.ts";
import { ignoreNotFound } from "../../objects/ignore-not-found.ts";
import { changeStatus } from "../../objects/update-object.ts";
import type { Reconciled, Reconciler } from "../../runtime/queue/control-loop.ts";
import { backedPart } from "../backed-attachment.ts";
import type { AttachmentPorts } from "../controller-ports.ts";
import { attachmentTarget } from "./attachment-object.ts";

/**
 * Shows what nodes state to be wrong with their mounts, on the claim and on the pods of that node: a node's
 * token may not write about these. Decides nothing else by it.
 */
export function mountEventsReconciler(ports: AttachmentPorts): Reconciler {
  return {
    name: "mount-events",
    workers: 4,
    backoff: { baseMs: 1_000, maxMs: 60_000 },
    reconcile: async (attachmentName, signal) => {
      const attachment = ports.cache.get("AzVolumeAttachment", attachmentName);
      const volume =
        attachment === undefined ? undefined : ports.cache.get("AzVolume", attachment.spec.volumeName);
      if (attachment === undefined || volume === undefined) return ok({});
      const backed = backedPart(ports, volume, attachment);
      return backed === undefined ? ok({}) : showProblems(ports, volume, backed, signal);
    },
  };
}

/**
 * Shows what is due now. Emits first: a crash before the write shows an event once more, and one after it
 * would hide it. A failed write is repeated soon, and then the same event is not shown again.
 */
export async function showProblems(
  ports: AttachmentPorts,
  volume: AzVolume,
  attachment: AzVolumeAttachment,
  signal: AbortSignal,
): Promise<Reconciled> {
  const nowMs = ports.clock.nowMs();
  const { show, dueAfterMs } = planMountEvents(volume, attachment, nowMs);
  const again = ok(dueAfterMs === undefined ? {} : { requeueAfterMs: dueAfterMs });
  if (show.length === 0) return again;
  const { nodeName, volumeName } = attachment.spec;
  for (const problem of show)
    ports.events.emit({
      about: { kind: "AzVolume", name: volumeName },
      nodeName,
      reason: problem.reason,
      message: mountProblemMessage(nodeName, problem),
      // As on the node: a further sign of the same is not news, that of a later mount is.
      localKey: `${nodeName} ${problem.reason} ${problem.since}`,
    });
  const recorded = await changeStatus(
    ports.store,
    attachmentTarget(ports, attachment),
    (present) => {
      if (present.status === undefined) return undefined;
      const mountProblemsShown = withShown(present.status.mountProblemsShown, show, nowMs);
      return { ...present, status: { ...present.status, mountProblemsShown } };
    },
    signal,
  );
  return recorded.ok ? again : ignoreNotFound(recorded);
}
