import { ok, type Result } from "../../../core/failure/result.ts";
import type { ReservationKey } from "../../../core/writer/reservation-key.ts";
import type { Device } from "../../../ports/host/host-provisioner.ts";
import { parseKeys } from "./parse-sg-persist.ts";
import { readReservation, reservedOtherwise } from "./read-reservation.ts";
import { askReservation, changeReservation, type ReservingHost } from "./sg-persist.ts";

/** SCSI's type 1, write exclusive: a machine that has only registered a key may not write. */
const OWN_TYPE = "--prout-type=1";

/** What a disk has done for a preemption; `nothing`: it knows no machine by that key. */
type Preempted = "nothing" | "aborted" | "notAborted";

/**
 * Reserves a disk, and reads back that it has. No step takes the disk from a machine whose key is not named:
 * of two that try, one finds the other's key.
 */
export async function reserveDisk(
  host: ReservingHost,
  { device, key, earlier }: Parameters<typeof readBack>[1],
  signal: AbortSignal,
): Promise<Result<{ readonly aborted: boolean }>> {
  // Where it is reserved with another type, a registration may be a permission to write.
  const before = await readReservation(host, device, signal);
  if (!before.ok) return before;
  // Replaces what this machine has registered before, and holds then under the new key what it held. The disk
  // keeps reservations through a loss of its power if the last registration says so.
  const register = ["--register-ignore", `--param-sark=${key}`, "--param-aptpl"] as const;
  const registered = await changeReservation(host, device, register, signal);
  if (!registered.ok) return registered;
  let preempted: Preempted = "nothing";
  if (earlier !== undefined && earlier !== key) {
    const ended = await preempt(host, { device, key, victim: earlier }, signal);
    if (!ended.ok) return ended;
    preempted = ended.value;
  }
  const reserved = await changeReservation(host, device, ["--reserve", ...keyAndType(key)], signal);
  if (!reserved.ok) return reserved;
  if (reserved.value === "conflict") {
    // This machine may hold it by a path to the disk that it had before, as under an earlier boot.
    const own: Result<Preempted> =
      before.value === key ? await preempt(host, { device, key, victim: key }, signal) : ok("nothing");
    if (!own.ok) return own;
    if (own.value === "nothing") return reservedOtherwise(device, "another machine has reserved it");
  }
  const proven = await readBack(host, { device, key, earlier }, signal);
  return proven.ok ? ok({ aborted: preempted !== "notAborted" }) : proven;
}

/** Preempts one key, which nothing has once this has been done or a machine has another key by now. */
async function preempt(
  host: ReservingHost,
  { device, key, victim }: { readonly device: Device } & Record<"key" | "victim", ReservationKey>,
  signal: AbortSignal,
): Promise<Result<Preempted>> {
  const parameters = [...keyAndType(key), `--param-sark=${victim}`];
  const aborting = await changeReservation(host, device, ["--preempt-abort", ...parameters], signal);
  if (aborting.ok) return ok(aborting.value === "done" ? "aborted" : "nothing");
  // The disk knows the other command.
  if (aborting.failure.kind !== "Unsupported") return aborting;
  const plain = await changeReservation(host, device, ["--preempt", ...parameters], signal);
  return plain.ok ? ok(plain.value === "done" ? "notAborted" : "nothing") : plain;
}

async function readBack(
  host: ReservingHost,
  {
    device,
    key,
    earlier,
  }: {
    readonly device: Device;
    readonly key: ReservationKey;
    readonly earlier?: ReservationKey | undefined;
  },
  signal: AbortSignal,
): Promise<Result<void>> {
  const holder = await readReservation(host, device, signal);
  if (!holder.ok) return holder;
  if (holder.value !== key)
    return reservedOtherwise(
      device,
      `another machine has reserved it since, under key ${holder.value ?? "unknown"}`,
    );
  if (earlier === undefined || earlier === key) return ok(undefined);
  const keys = await askReservation(host, device, "--read-keys", parseKeys, signal);
  if (!keys.ok) return keys;
  return keys.value.includes(earlier)
    ? reservedOtherwise(device, `a machine has registered the earlier key ${earlier} again`)
    : ok(undefined);
}

function keyAndType(key: ReservationKey): readonly string[] {
  return [`--param-rk=${key}`, OWN_TYPE];
}
