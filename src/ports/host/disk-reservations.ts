import { fail, type Result } from "../../core/failure/result.ts";
import type { ReservationKey } from "../../core/writer/reservation/reservation-key.ts";
import type { Device } from "./device.ts";

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
   * The same, and whether that is this machine: where it is another one, the disk refuses the writes of this
   * one.
   */
  readHolder(device: Device, signal: AbortSignal): Promise<Result<ReservationHolder | undefined>>;
  /**
   * Reserves the disk for this machine under `key`; success if it is. `earlier`: the key that holds it now,
   * of a machine that writes no more, and that loses it in the same step. Where another machine holds it
   * under any other key, nothing changes, and it fails with `DeviceBusy`.
   */
  reserve(
    request: {
      readonly device: Device;
      readonly key: ReservationKey;
      readonly earlier?: ReservationKey | undefined;
    },
    signal: AbortSignal,
  ): Promise<Result<void>>;
  /**
   * Takes the reservation from the machine that holds it under `victim` (*preempt and abort*), for this
   * machine under `key`. On success no write of that machine reaches the disk any more, also none that the
   * disk had accepted. A machine that is the victim itself holds it under `key` then. Where another key holds
   * it, nothing changes, and it fails with `DeviceBusy`. `Unsupported`, too, where the disk can't abort what
   * it has accepted.
   */
  preempt(
    request: { readonly device: Device; readonly key: ReservationKey; readonly victim: ReservationKey },
    signal: AbortSignal,
  ): Promise<Result<void>>;
  /**
   * Ends the registration of this machine under `key`, and its reservation. Success if this machine has no
   * registration under that key.
   */
  releaseReservation(
    request: { readonly device: Device; readonly key: ReservationKey },
    signal: AbortSignal,
  ): Promise<Result<void>>;
}

export interface ReservationHolder {
  readonly key: ReservationKey;
  readonly isThisMachine: boolean;
}

/** Of a host whose disks have none. */
export const noReservations: DiskReservations = {
  readReservation: unsupported,
  readHolder: unsupported,
  reserve: unsupported,
  preempt: unsupported,
  releaseReservation: unsupported,
};

function unsupported(): Promise<Result<never>> {
  return Promise.resolve(
    fail({ kind: "Unsupported", what: "a persistent reservation of a disk on this host" }),
  );
}
