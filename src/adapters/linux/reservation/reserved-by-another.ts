import { ok, type Result } from "../../../core/failure/result.ts";
import { readReservation } from "./read-reservation.ts";
import { changeReservation, type NamedDisk, type ReservingHost } from "./sg-persist.ts";

/**
 * Whether the disk refuses the writes of this machine, since another one has reserved it. It asks for the
 * holder's key in place of the holder's key, which the disk gives the holder only: that changes nothing.
 */
export async function isReservedByAnother(
  host: ReservingHost,
  device: NamedDisk,
  signal: AbortSignal,
): Promise<Result<boolean>> {
  const holder = await readReservation(host, device, signal);
  if (!holder.ok) return holder;
  if (holder.value === undefined) return ok(false);
  const keys = [`--param-rk=${holder.value}`, `--param-sark=${holder.value}`];
  const renewed = await changeReservation(host, device, ["--register", ...keys, "--param-aptpl"], signal);
  return renewed.ok ? ok(renewed.value === "conflict") : renewed;
}
