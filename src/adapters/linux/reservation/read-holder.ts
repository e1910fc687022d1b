import { ok, type Result } from "../../../core/failure/result.ts";
import type { ReservationHolder } from "../../../ports/host/disk-reservations.ts";
import { readReservation } from "./read-reservation.ts";
import { changeReservation, type NamedDisk, type ReservingHost } from "./sg-persist.ts";

/**
 * Who holds the reservation of a disk. It asks for the holder's key in place of the holder's key, which the
 * disk gives the holder only: that changes nothing.
 */
export async function readHolder(
  host: ReservingHost,
  device: NamedDisk,
  signal: AbortSignal,
): Promise<Result<ReservationHolder | undefined>> {
  const held = await readReservation(host, device, signal);
  if (!held.ok) return held;
  const key = held.value;
  if (key === undefined) return ok(undefined);
  const keys = [`--param-rk=${key}`, `--param-sark=${key}`];
  const renewed = await changeReservation(host, device, ["--register", ...keys, "--param-aptpl"], signal);
  return renewed.ok ? ok({ key, isThisMachine: renewed.value === "done" }) : renewed;
}
