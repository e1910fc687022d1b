import { ok, type Result } from "../../../core/failure/result.ts";
import type { ReservationKey } from "../../../core/writer/reservation/reservation-key.ts";
import type { DiskReservations } from "../../../ports/host/disk-reservations.ts";
import type { Device } from "../../../ports/host/host-provisioner.ts";
import { readReservation, reservedOtherwise } from "./read-reservation.ts";
import { type Answer, changeReservation, type ReservingHost } from "./sg-persist.ts";

/**
 * SCSI's type 1, write exclusive: a machine that has only registered a key may not write, also one that was
 * preempted and registers again.
 */
const OWN_TYPE = "--prout-type=1";

type Preemption = Parameters<DiskReservations["preempt"]>[0];

/**
 * Reserves a disk, and reads back that it has. No step takes the disk from a machine whose key is not named:
 * of two that try, one finds the other's key.
 */
export async function reserveDisk(
  host: ReservingHost,
  { device, key, earlier }: Parameters<DiskReservations["reserve"]>[0],
  signal: AbortSignal,
): Promise<Result<void>> {
  // Where it is reserved with another type, a registration may be a permission to write.
  const before = await readReservation(host, device, signal);
  if (!before.ok) return before;
  const registered = await register(host, device, key, signal);
  if (!registered.ok) return registered;
  if (earlier !== undefined && earlier !== key) {
    const ended = await takeFrom(host, { device, key, victim: earlier }, signal);
    if (!ended.ok) return ended;
  }
  const reserved = await changeReservation(host, device, ["--reserve", ...keyAndType(key)], signal);
  if (!reserved.ok) return reserved;
  if (reserved.value === "conflict") {
    // This machine may hold it by a path to the disk that it had before, as under an earlier boot.
    const own: Result<Answer> =
      before.value === key ? await takeFrom(host, { device, key, victim: key }, signal) : ok("conflict");
    if (!own.ok) return own;
    if (own.value === "conflict") return reservedOtherwise(device, "another machine has reserved it");
  }
  return readBack(host, { device, key }, signal);
}

/**
 * Takes the reservation of a disk from the machine that holds it under `victim`, with all that this one has
 * sent, and reads back that it has. Its registration stays where that fails: the disk may have carried out a
 * command whose answer was lost, and an end of the registration would leave the disk open to the victim.
 */
export async function preemptDisk(
  host: ReservingHost,
  { device, key, victim }: Parameters<DiskReservations["preempt"]>[0],
  signal: AbortSignal,
): Promise<Result<void>> {
  const before = await readReservation(host, device, signal);
  if (!before.ok) return before;
  if (before.value !== key && before.value !== victim)
    return reservedOtherwise(device, "not under the key that is to be preempted");
  // Where this machine holds it by an earlier call, this waits for the end of what that call has sent: until
  // then the disk may not have aborted all that it had accepted.
  const registered = await register(host, device, key, signal);
  if (!registered.ok) return registered;
  if (before.value === victim) {
    // Where this machine was the victim itself, it holds the disk under its new key now: a conflict.
    const preempted = await preempt(host, "--preempt-abort", { device, key, victim }, signal);
    if (!preempted.ok) return preempted;
  }
  return readBack(host, { device, key }, signal);
}

/**
 * Replaces what this machine has registered before, and holds then under the new key what it held. The disk
 * keeps reservations through a loss of its power if the last registration says so.
 */
function register(
  host: ReservingHost,
  device: Device,
  key: ReservationKey,
  signal: AbortSignal,
): Promise<Result<Answer>> {
  return changeReservation(
    host,
    device,
    ["--register-ignore", `--param-sark=${key}`, "--param-aptpl"],
    signal,
  );
}

/** Preempts a machine that writes no more: a disk that can't abort what it has sent may carry that out. */
async function takeFrom(
  host: ReservingHost,
  preemption: Preemption,
  signal: AbortSignal,
): Promise<Result<Answer>> {
  const aborting = await preempt(host, "--preempt-abort", preemption, signal);
  if (aborting.ok || aborting.failure.kind !== "Unsupported") return aborting;
  return preempt(host, "--preempt", preemption, signal);
}

/** Preempts one key; `conflict`: no machine has it any more, or this one has another by now. */
function preempt(
  host: ReservingHost,
  action: "--preempt" | "--preempt-abort",
  { device, key, victim }: Preemption,
  signal: AbortSignal,
): Promise<Result<Answer>> {
  return changeReservation(host, device, [action, ...keyAndType(key), `--param-sark=${victim}`], signal);
}

async function readBack(
  host: ReservingHost,
  { device, key }: Parameters<DiskReservations["reserve"]>[0],
  signal: AbortSignal,
): Promise<Result<void>> {
  const holder = await readReservation(host, device, signal);
  if (!holder.ok) return holder;
  return holder.value === key
    ? ok(undefined)
    : reservedOtherwise(
        device,
        `another machine has reserved it since, under key ${holder.value ?? "unknown"}`,
      );
}

function keyAndType(key: ReservationKey): readonly string[] {
  return [`--param-rk=${key}`, OWN_TYPE];
}
