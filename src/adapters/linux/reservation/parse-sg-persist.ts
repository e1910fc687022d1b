import type { ReservationKey } from "../../../core/writer/reservation/reservation-key.ts";

/** The reservation of a disk. */
export interface SeenReservation {
  readonly key: ReservationKey;
  /** In sg_persist's words, such as `Write Exclusive, registrants only`. */
  readonly type: string;
}

/** What sg_persist prints of a disk that is reserved under a key, or is not. */
const HELD = /^ *Key=0x([0-9a-f]{1,16})\n *scope: LU_SCOPE, +type: (\S.*?) *$/mu;
const NOT_HELD = /there is NO reservation held/u;
const KEY_DIGITS = 16;

/** What `sg_persist --read-reservation` has printed; `none`: the disk is not reserved. Undefined: neither. */
export function parseReservation(printed: string): SeenReservation | "none" | undefined {
  const [, key, type] = HELD.exec(printed) ?? [];
  if (key !== undefined && type !== undefined) return { key: key.padStart(KEY_DIGITS, "0"), type };
  return NOT_HELD.test(printed) ? "none" : undefined;
}
