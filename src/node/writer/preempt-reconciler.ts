import { LUNS_MAX } from "../../core/azure/choose-luns.ts";
import { isRetryable } from "../../core/failure/is-retryable.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { fencedGrant, mayPreempt } from "../../core/writer/reservation/fenced-grant.ts";
import { preemptorKey, type ReservationKey } from "../../core/writer/reservation/reservation-key.ts";
import { changeStatus } from "../../objects/update-object.ts";
import type { Reconciled, Reconciler } from "../../runtime/queue/control-loop.ts";
import type { NodePorts } from "../node-ports.ts";
import { checkpointOf, ownAttachment } from "../own-state.ts";
import { lunHere } from "./lun-here.ts";

/** How often a volume is tried again while a call has it, in milliseconds. */
const BUSY_AGAIN_MS = 100;

interface Preemption {
  readonly volumeName: string;
  /** The key of the grant that is being fenced. Another disk at that LUN is not reserved under it. */
  readonly victim: ReservationKey;
}

/**
 * Cuts off a node that is being fenced, where its disk is a replica's here and that node has reserved it:
 * this node takes the reservation, from which on the disk refuses the writes of the other, and reports that
 * in its attachment. Each node with a replica tries; the disk lets one of them. Azure's fence continues
 * beside it, and decides alone where this finds nothing to preempt.
 */
export function preemptReconciler(ports: NodePorts): Reconciler {
  return {
    name: "preempt",
    workers: LUNS_MAX,
    backoff: { baseMs: 200, maxMs: 5_000 },
    reconcile: async (volumeName, signal) => {
      if (!ports.settings.reservations) return ok({});
      const grant = fencedGrant(ports.cache.get("AzVolume", volumeName));
      const attachment = ownAttachment(ports, volumeName);
      const lun = lunHere(ports.node, attachment);
      if (grant === undefined || attachment === undefined || lun === undefined) return ok({});
      // A stage must not begin in between: it would reserve the disk under the key of its own grant.
      const preempted = await ports.locks.runConcurrently(attachment.spec.volumeId, "preempt", () =>
        preemptAt(ports, { volumeName, victim: grant.key }, lun, signal),
      );
      if (preempted.ok) return preempted;
      if (preempted.failure.kind === "OperationInProgress") return ok({ requeueAfterMs: BUSY_AGAIN_MS });
      if (isRetryable(preempted.failure)) return preempted;
      ports.logger.info("no reservation preempted", { volumeName, failure: preempted.failure });
      return ok({});
    },
  };
}

async function preemptAt(
  ports: NodePorts,
  { volumeName, victim }: Preemption,
  lun: number,
  signal: AbortSignal,
): Promise<Reconciled> {
  const found = await ports.host.findDevice({ lun }, signal);
  if (!found.ok) return found;
  const device = found.value;
  const key = preemptorKey(victim, ports.node);
  const holder = await ports.host.readReservation(device, signal);
  if (!holder.ok) return holder;
  if (holder.value === key) {
    // Preempted before, and not reported. What an earlier process of this plug-in has sent for that may still
    // abort writes of the victim; `preempt` waits for what this one has sent.
    const alive = await ports.host.earlierChildrenAlive(signal);
    if (!alive.ok) return alive;
    if (alive.value) return ok({ requeueAfterMs: BUSY_AGAIN_MS });
  } else {
    if (holder.value !== victim) return ok({});
    const fresh = await ports.store.get("AzVolume", volumeName, signal);
    if (!fresh.ok) return fresh;
    const isUsedHere = checkpointOf(ports, volumeName) !== undefined;
    if (isUsedHere || !mayPreempt(fresh.value, ports.node, victim)) return ok({});
  }
  const preempted = await ports.steps.run("preempt", () =>
    ports.host.preempt({ device, key, victim }, signal),
  );
  if (!preempted.ok) return preempted;
  ports.logger.info("reservation preempted", { volumeName, devicePath: device.path, victim });
  return reportPreempted(ports, { volumeName, victim }, signal);
}

async function reportPreempted(
  ports: NodePorts,
  { volumeName, victim }: Preemption,
  signal: AbortSignal,
): Promise<Reconciled> {
  const attachment = ownAttachment(ports, volumeName);
  if (attachment === undefined) return ok({});
  const { name, uid } = attachment.metadata;
  const reported: Result<unknown> = await ports.steps.run("report-preempted", () =>
    changeStatus(
      ports.store,
      { kind: "AzVolumeAttachment", name, uid },
      (present) =>
        present.status === undefined || present.status.preempted === victim
          ? undefined
          : { ...present, status: { ...present.status, preempted: victim } },
      signal,
    ),
  );
  return reported.ok || reported.failure.kind === "ObjectNotFound" ? ok({}) : reported;
}
