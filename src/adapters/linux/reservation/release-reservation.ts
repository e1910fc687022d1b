import { ok, type Result } from "../../../core/failure/result.ts";
import type { ReservationKey } from "../../../core/writer/reservation/reservation-key.ts";
import type { Device } from "../../../ports/host/host-provisioner.ts";
import { changeReservation, type ReservingHost } from "./sg-persist.ts";

/**
 * Registers no key in place of `key`. The disk ends the reservation with the registration of its holder, and
 * refuses where this machine has none or another one.
 */
export async function releaseReservation(
  host: ReservingHost,
  { device, key }: { readonly device: Device; readonly key: ReservationKey },
  signal: AbortSignal,
): Promise<Result<void>> {
  const unregister = ["--register", `--param-rk=${key}`, "--param-sark=0", "--param-aptpl"] as const;
  const released = await changeReservation(host, device, unregister, signal);
  return released.ok ? ok(undefined) : released;
}
