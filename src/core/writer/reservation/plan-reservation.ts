import { isOwnKey, type ReservationKey } from "./reservation-key.ts";

export type SeenReservation =
  | { readonly kind: "unsupported"; readonly because: string }
  /** `holder` undefined: it is not reserved. */
  | { readonly kind: "read"; readonly holder: ReservationKey | undefined };

/** What a node that has acquired a volume does with the reservation of its disk before it uses it. */
export type ReservationPlan =
  /** It uses the disk without one, which it can't have: a fence of it will wait for Azure. */
  | { readonly kind: "none"; readonly because: string }
  /** `earlier`: the key that it takes the reservation from, which may be its own. */
  | { readonly kind: "reserve"; readonly earlier: ReservationKey | undefined }
  /** It must not use the disk. */
  | { readonly kind: "wait"; readonly forWhat: string };

/**
 * Decides whether the writer of a volume reserves its disk, which other nodes may have. `fenced`: the node
 * that only the reservation keeps from writing, until Azure proves that it is off the disk. An earlier key is
 * one of a node that the record allows nothing any more: that of an earlier writer, or of a node that has
 * preempted one.
 */
export function planReservation(asked: {
  readonly seen: SeenReservation;
  readonly fenced: string | undefined;
}): ReservationPlan {
  const { seen, fenced } = asked;
  if (seen.kind === "unsupported")
    return fenced === undefined
      ? { kind: "none", because: seen.because }
      : { kind: "wait", forWhat: `${proofOf(fenced)}: this node can't reserve the disk (${seen.because})` };
  const { holder } = seen;
  // A write that the disk has accepted since it lost the reservation may land after any new one.
  if (holder === undefined && fenced !== undefined)
    return {
      kind: "wait",
      forWhat: `${proofOf(fenced)}: the disk has lost the reservation that keeps it off`,
    };
  if (holder !== undefined && !isOwnKey(holder))
    return {
      kind: "wait",
      forWhat: `the end of a reservation of the disk that other software has made (key 0x${holder})`,
    };
  return { kind: "reserve", earlier: holder };
}

function proofOf(nodeName: string): string {
  return `proof from Azure that ${nodeName} is off the disk`;
}
