import type { AzVolume, WriterRecord } from "../../core/api/az-volume.ts";
import { maxSharesOf } from "../../core/attachment/observed-volume.ts";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { stillWaiting } from "../../core/failure/frequent-failures.ts";
import { invariant } from "../../core/failure/invariant.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { isNamed } from "../../core/writer/record/record-nodes.ts";
import { planReservation, type SeenReservation } from "../../core/writer/reservation/plan-reservation.ts";
import { grantKey, type ReservationKey } from "../../core/writer/reservation/reservation-key.ts";
import type { Device } from "../../ports/host/host-provisioner.ts";
import type { NodePorts } from "../node-ports.ts";
import type { FoundVolume } from "./find-device.ts";

/** A reservation that the writer of a volume is to have before it uses the disk. */
export interface PlannedReservation {
  readonly key: ReservationKey;
  readonly earlier: ReservationKey | undefined;
  /** The node that only a reservation keeps from writing. */
  readonly fenced: string | undefined;
}

/**
 * Decides whether this node, which has acquired the volume, reserves its disk, and under which key;
 * undefined: it uses it without. Changes nothing. Fails with `StillWaiting` while it must not use the disk.
 */
export async function findReservation(
  ports: NodePorts,
  { volume, disk }: FoundVolume,
  signal: AbortSignal,
): Promise<Result<PlannedReservation | undefined>> {
  const record = volume.status?.record;
  const fenced = record?.fencing?.preempted === true ? record.fencing.nodeName : undefined;
  const isDue = fenced !== undefined || (ports.settings.reservations && maxSharesOf(volume) > 1);
  if (record?.writer === undefined || !isDue) return ok(undefined);
  const seen = await seeReservation(ports, disk, signal);
  if (!seen.ok) return seen;
  const plan = planReservation({ seen: seen.value, fenced });
  switch (plan.kind) {
    case "none":
      return ok(undefined);
    case "wait":
      return stillWaiting(volumeIdOf(volume), plan.forWhat);
    case "reserve":
      return ok({ key: keyOf(volume.metadata.uid, record), earlier: plan.earlier, fenced });
  }
}

/**
 * Reserves the disk of a volume that this node has acquired. What holds the reservation was read before the
 * record is read here: so the record shows a fence of this node by which another one holds it.
 */
export async function reserveDisk(
  ports: NodePorts,
  { volume, disk }: FoundVolume,
  { key, earlier, fenced }: PlannedReservation,
  signal: AbortSignal,
): Promise<Result<void>> {
  const volumeName = volume.metadata.name;
  const fresh = await ports.store.get("AzVolume", volumeName, signal);
  if (!fresh.ok) return fresh;
  const record = fresh.value.status?.record;
  const isHolder = isNamed(record, ports.node, "holder") && !isNamed(record, ports.node, "fencing");
  if (record === undefined || !isHolder || keyOf(fresh.value.metadata.uid, record) !== key)
    return fail({
      kind: "NotWriter",
      volumeId: volumeIdOf(volume),
      nodeName: ports.node.nodeName,
      reason: "the record has changed since this node acquired the volume",
    });
  // The key may be the fenced node's after all, by a report that was wrong: what it has sent must not land.
  const mustAbort = fenced !== undefined && earlier !== undefined;
  const reserved = await ports.steps.run("reserve", () =>
    mustAbort
      ? ports.host.preempt({ device: disk, key, victim: earlier }, signal)
      : ports.host.reserve({ device: disk, key, earlier }, signal),
  );
  if (mustAbort && !reserved.ok && reserved.failure.kind === "Unsupported")
    return stillWaiting(volumeIdOf(volume), `proof from Azure that ${fenced} is off the disk`);
  if (!reserved.ok) return fail(retried(disk, reserved.failure));
  ports.logger.info("disk reserved", { volumeName, devicePath: disk.path, key, earlier });
  return ok(undefined);
}

/** What a disk shows of its reservation; a device without any is no failure. */
export async function seeReservation(
  { host }: Pick<NodePorts, "host">,
  disk: Device,
  signal: AbortSignal,
): Promise<Result<SeenReservation>> {
  const read = await host.readReservation(disk, signal);
  if (read.ok) return ok({ kind: "read", holder: read.value });
  return read.failure.kind === "Unsupported"
    ? ok({ kind: "unsupported", because: describeFailure(read.failure) })
    : fail(retried(disk, read.failure));
}

/** A disk that answers a command with an error may do without one the next time. */
function retried({ path }: Device, failure: Failure): Failure {
  return failure.kind === "HostCommandFailed"
    ? { kind: "HostNotReady", detail: `the reservation of ${path}: ${describeFailure(failure)}` }
    : failure;
}

function volumeIdOf({ metadata, status }: AzVolume): string {
  return status?.detail?.diskUri ?? metadata.name;
}

function keyOf(volumeUid: string, { writer, storeIncarnation }: WriterRecord): ReservationKey {
  invariant(writer !== undefined, "a key of no grant was asked for");
  return grantKey({ volumeUid, storeIncarnation, writer });
}
