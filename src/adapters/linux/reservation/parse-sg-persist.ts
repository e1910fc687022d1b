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
/** What it prints before the registered keys, if there are any, each on a line of its own. */
const REGISTERED = /\b(\d+) registered reservation keys? follows?:/u;
const NONE_REGISTERED = /there are NO registered reservation keys/u;
const KEY_LINE = /^ *0x([0-9a-f]{1,16}) *$/gmu;
const KEY_DIGITS = 16;

/** What `sg_persist --read-reservation` has printed; `none`: the disk is not reserved. Undefined: neither. */
export function parseReservation(printed: string): SeenReservation | "none" | undefined {
  const [, key, type] = HELD.exec(printed) ?? [];
  if (key !== undefined && type !== undefined) return { key: paddedKey(key), type };
  return NOT_HELD.test(printed) ? "none" : undefined;
}

/** What `sg_persist --read-keys` has printed; undefined if that is no complete list of keys. */
export function parseKeys(printed: string): readonly ReservationKey[] | undefined {
  if (NONE_REGISTERED.test(printed)) return [];
  const keys = [...printed.matchAll(KEY_LINE)].map(([, key = ""]) => paddedKey(key));
  return keys.length === Number(REGISTERED.exec(printed)?.[1]) ? keys : undefined;
}

function paddedKey(digits: string): ReservationKey {
  return digits.padStart(KEY_DIGITS, "0");
}
