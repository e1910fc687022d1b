import { fail, type Result } from "../../core/failure/result.ts";
import type { ReservationKey } from "../../core/writer/reservation-key.ts";
import type { Device } from "./host-provisioner.ts";

/**
 * Persistent reservations of the type *write exclusive* (SPC-4, 5.13; type 1): the disk takes the writes of
 * the machine that holds its reservation, and refuses those of every other one. All may read. It checks each
 * write, so that one which comes late is refused, too. A reservation outlasts reboots of machines.
 *
 * Each method fails with `Unsupported` where the device has no such reservations, and with `WrongDevice` if
 * its name leads to another number.
 */
export interface DiskReservations {
  /**
   * The key of the machine that holds the reservation; undefined: none does. Changes nothing. Fails with
   * `DeviceBusy` where the disk is reserved with another type, by other software.
   */
  readReservation(device: Device, signal: AbortSignal): Promise<Result<ReservationKey | undefined>>;
  /**
   * Reserves the disk for this machine under `key`; success if it is. `earlier`: the key that holds it now,
   * which loses the reservation in the same step. No other one does: then it fails with `DeviceBusy`, as where
   * there is no `earlier` and another machine holds it.
   *
   * Answers whether the disk has aborted the writes of `earlier` that it had accepted and not carried out:
   * then none of them lands any more. True if nothing was preempted.
   */
  reserve(
    request: {
      readonly device: Device;
      readonly key: ReservationKey;
      readonly earlier?: ReservationKey | undefined;
    },
    signal: AbortSignal,
  ): Promise<Result<{ readonly aborted: boolean }>>;
  /**
   * Ends the registration of this machine under `key`, and its reservation. Success if this machine has no
   * registration under that key.
   */
  releaseReservation(
    request: { readonly device: Device; readonly key: ReservationKey },
    signal: AbortSignal,
  ): Promise<Result<void>>;
}

/** Of a host whose disks have none. */
export const noReservations: DiskReservations = {
  readReservation: unsupported,
  reserve: unsupported,
  releaseReservation: unsupported,
};

function unsupported(): Promise<Result<never>> {
  return Promise.resolve(
    fail({ kind: "Unsupported", what: "a persistent reservation of a disk on this host" }),
  );
}
