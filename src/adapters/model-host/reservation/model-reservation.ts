import type { ReservationKey } from "../../../core/writer/reservation/reservation-key.ts";

/** A disk at one machine. */
export interface ReservedDevice {
  /** What the disk knows the machine by. */
  readonly machine: object;
  readonly disk: { readonly reservation: ModelReservation };
  /** `present`: while the machine has the disk. */
  readonly state: "present" | "cutOff" | "gone";
  /** Another machine has reserved the disk, which took the writes of this one until now. */
  readonly refused: (how: { readonly isAborted: boolean }) => void;
}

/**
 * What a disk knows of persistent reservations, of the type *write exclusive*. It outlasts reboots of
 * machines, and detaches.
 */
export interface ModelReservation {
  /** `withoutAbort`: the disk knows no PREEMPT AND ABORT. */
  support: "full" | "withoutAbort" | "none";
  /** Other software has reserved it, with another type. */
  isForeign: boolean;
  /** The keys under which machines are registered. */
  readonly keys: Map<object, ReservationKey>;
  /** One of them. */
  holder: object | undefined;
  /** The disk forgets all of it once no machine has the disk any more. */
  isLostWithLastDetach: boolean;
  /** The devices of the machines that have the disk. */
  readonly devices: Set<ReservedDevice>;
  /** Writes that the disk has accepted and not carried out: no preemption without abort stops them. */
  readonly accepted: (() => void)[];
}

/** Nothing is reserved. */
export function createModelReservation(): ModelReservation {
  return {
    support: "full",
    isForeign: false,
    keys: new Map(),
    holder: undefined,
    isLostWithLastDetach: false,
    devices: new Set(),
    accepted: [],
  };
}

export function acceptsWrites({ state, machine, disk: { reservation } }: ReservedDevice): boolean {
  return state === "present" && (reservation.holder === undefined || reservation.holder === machine);
}

export function heldKey({ holder, keys }: ModelReservation): ReservationKey | undefined {
  return holder === undefined ? undefined : keys.get(holder);
}

/**
 * Carries out RESERVE, or PREEMPT of `earlier` without abort; whether the machine holds the reservation then.
 */
export function reserve(
  device: ReservedDevice,
  { key, earlier }: { readonly key: ReservationKey; readonly earlier?: ReservationKey | undefined },
): boolean {
  const {
    machine,
    disk: { reservation },
  } = device;
  const held = heldKey(reservation);
  if (held !== undefined && held !== earlier && reservation.holder !== machine) return false;
  take(device, { key, earlier: held, isAborting: false });
  return true;
}

/** Carries out PREEMPT AND ABORT of `victim`; whether the machine holds the reservation then. */
export function preempt(
  device: ReservedDevice,
  { key, victim }: { readonly key: ReservationKey; readonly victim: ReservationKey },
): boolean {
  const {
    machine,
    disk: { reservation },
  } = device;
  const held = heldKey(reservation);
  if (reservation.holder === machine && held === key) return true;
  if (held !== victim) return false;
  take(device, { key, earlier: victim, isAborting: true });
  return true;
}

function take(
  { machine, disk }: ReservedDevice,
  {
    key,
    earlier,
    isAborting,
  }: {
    readonly key: ReservationKey;
    readonly earlier: ReservationKey | undefined;
    readonly isAborting: boolean;
  },
): void {
  const { reservation } = disk;
  const victims = [...reservation.devices].filter(acceptsWrites);
  for (const [other, itsKey] of reservation.keys) if (itsKey === earlier) reservation.keys.delete(other);
  reservation.keys.set(machine, key);
  reservation.holder = machine;
  for (const victim of victims) if (victim.machine !== machine) victim.refused({ isAborted: isAborting });
}

/** Ends the registration of a machine under a key, and with it its reservation. */
export function unregister({ machine, disk: { reservation } }: ReservedDevice, key: ReservationKey): void {
  if (reservation.keys.get(machine) !== key) return;
  reservation.keys.delete(machine);
  if (reservation.holder === machine) reservation.holder = undefined;
}

/** The disk forgets registrations and reservation, as a target without persistence does at its reset. */
export function forgetReservation({ reservation }: ReservedDevice["disk"]): void {
  reservation.keys.clear();
  reservation.holder = undefined;
}

/** Carries out what the disk had accepted before a preemption without abort. */
export function landAccepted({ reservation }: ReservedDevice["disk"]): void {
  for (const write of reservation.accepted.splice(0)) write();
}
