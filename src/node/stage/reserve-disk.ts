import type { AzVolume, WriterRecord } from "../../core/api/az-volume.ts";
import { maxSharesOf } from "../../core/attachment/observed-volume.ts";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { notWriter, stillWaiting } from "../../core/failure/frequent-failures.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { isNamed, nodesIn } from "../../core/writer/record/record-nodes.ts";
import { planReservation, type SeenReservation } from "../../core/writer/reservation/plan-reservation.ts";
import { grantKeyOf, type ReservationKey } from "../../core/writer/reservation/reservation-key.ts";
import type { Device } from "../../ports/host/host-provisioner.ts";
import type { NodePorts } from "../node-ports.ts";
import type { FoundVolume } from "./find-device.ts";

/** A reservation that the writer of a volume is to have before it uses the disk. */
export interface PlannedReservation {
  readonly key: ReservationKey;
  readonly earlier: ReservationKey | undefined;
}

/**
 * The key under which this node, which has acquired the volume, is to reserve its disk, if that can be
 * reserved; undefined: it needs none.
 */
export function keyToReserve(ports: NodePorts, volume: AzVolume): ReservationKey | undefined {
  const isFencing = fencedIn(volume.status?.record) !== undefined;
  const isDue = isFencing || (ports.settings.reservations && maxSharesOf(volume) > 1);
  return isDue ? grantKeyOf(volume) : undefined;
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
  const key = keyToReserve(ports, volume);
  if (key === undefined) return ok(undefined);
  const seen = await seeReservation(ports, disk, signal);
  if (!seen.ok) return seen;
  const plan = planReservation({ seen: seen.value, fenced: fencedIn(volume.status?.record) });
  switch (plan.kind) {
    case "none":
      ports.logger.warn("disk not reserved", {
        volumeName: volume.metadata.name,
        devicePath: disk.path,
        because: plan.because,
      });
      return ok(undefined);
    case "wait":
      return stillWaiting(volumeIdOf(volume), plan.forWhat);
    case "reserve":
      return ok({ key, earlier: plan.earlier });
  }
}

/**
 * Reserves the disk of a volume that this node has acquired. What holds the reservation was read before the
 * record is read here: so the record shows a fence of this node by which another one holds it.
 */
export async function reserveDisk(
  ports: NodePorts,
  { volume, disk }: Pick<FoundVolume, "volume" | "disk">,
  { key, earlier }: PlannedReservation,
  signal: AbortSignal,
): Promise<Result<void>> {
  const volumeName = volume.metadata.name;
  const fresh = await ports.store.get("AzVolume", volumeName, signal);
  if (!fresh.ok) return fresh;
  const record = fresh.value.status?.record;
  const isHolder = isNamed(record, ports.node, "holder") && !isNamed(record, ports.node, "fencing");
  if (!isHolder || grantKeyOf(fresh.value) !== key)
    return notWriter(
      volumeIdOf(volume),
      ports.node.nodeName,
      "the record has changed since this node acquired the volume",
    );
  const fenced = fencedIn(record);
  const reserved = await ports.steps.run("reserve", () =>
    // If the disk has lost the earlier one since, or can't abort, a write of the fenced node may land late.
    fenced !== undefined && earlier !== undefined
      ? ports.host.preempt({ device: disk, key, victim: earlier }, signal)
      : ports.host.reserve({ device: disk, key, earlier }, signal),
  );
  if (reserved.ok) ports.logger.info("disk reserved", { volumeName, devicePath: disk.path, key, earlier });
  if (reserved.ok) return reserved;
  if (reserved.failure.kind !== "Unsupported") return fail(retried(disk, reserved.failure));
  // Some disks show reservations, and take none.
  const seen = { kind: "unsupported", because: describeFailure(reserved.failure) } as const;
  const plan = planReservation({ seen, fenced });
  if (plan.kind === "wait") return stillWaiting(volumeIdOf(volume), plan.forWhat);
  return earlier === undefined ? ok(undefined) : reserved;
}

/** What a disk shows of its reservation; a device without any is no failure. */
async function seeReservation(
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

/** The node that only a reservation keeps from writing. */
function fencedIn(record: WriterRecord | undefined): string | undefined {
  return nodesIn(record, "preempted")[0]?.nodeName;
}

function volumeIdOf({ metadata, status }: AzVolume): string {
  return status?.detail?.diskUri ?? metadata.name;
}
