import { deviceBusy } from "../../../core/failure/frequent-failures.ts";
import { ok, type Result } from "../../../core/failure/result.ts";
import type { ReservationKey } from "../../../core/writer/reservation/reservation-key.ts";
import { askReservation, type NamedDisk, type ReservingHost } from "./sg-persist.ts";

/** SCSI's type 1, in sg_persist's words. */
const OWN_TYPE = "Write Exclusive";

/** The key of the machine that holds the reservation; fails with `DeviceBusy` where it is of another type. */
export async function readReservation(
  host: ReservingHost,
  device: NamedDisk,
  signal: AbortSignal,
): Promise<Result<ReservationKey | undefined>> {
  const seen = await askReservation(host, device, signal);
  if (!seen.ok) return seen;
  if (seen.value === "none") return ok(undefined);
  const { key, type } = seen.value;
  if (type === OWN_TYPE) return ok(key);
  return reservedOtherwise(device, `other software has reserved it with type "${type}" under key ${key}`);
}

/** A device that is not reserved as it was to be. */
export function reservedOtherwise({ path }: NamedDisk, detail: string): Result<never> {
  return deviceBusy(path, detail);
}
