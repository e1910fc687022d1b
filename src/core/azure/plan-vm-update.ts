import { chooseLuns } from "./choose-luns.ts";

/** An entry of a VM's list of data disks, reduced to what the decision needs. */
export interface DataDiskEntry {
  readonly diskKey: string;
  readonly lun: number;
  readonly toBeDetached: boolean;
}

/** A requested state: a VM has, or no longer has, a disk. */
export interface DiskRequest {
  readonly kind: "attach" | "detach";
  readonly diskKey: string;
  /** Of an attach: where the VM had the disk before, and no other disk is looked for. Default: nowhere. */
  readonly formerLun?: number | undefined;
}

/** The outcome of a requested state, given the present list. */
export type RequestOutcome =
  /** The list shows it already. */
  | { readonly kind: "attached"; readonly lun: number }
  | { readonly kind: "detached" }
  /** Part of the next update. */
  | { readonly kind: "attach"; readonly lun: number }
  | { readonly kind: "detach" }
  /** An attach of a disk that is still being detached from the VM: the detach is completed first. */
  | { readonly kind: "finishDetach" }
  /** No slot now; detaches of the same update free one. */
  | { readonly kind: "later" }
  | { readonly kind: "noFreeLun" };

/**
 * Decides each requested state. Attaches get the lowest free LUNs in the order of `requests`, from the list
 * that the conditional update covers, and none of `reservedLuns`. A disk whose former LUN is free gets that
 * one, which is reserved for it: for a machine that stood still it was never away.
 */
export function planVmUpdate<W extends DiskRequest>(options: {
  readonly entries: readonly DataDiskEntry[];
  readonly reservedLuns: readonly number[];
  readonly dataDisksMax: number;
  readonly requests: readonly W[];
}): readonly { readonly diskRequest: W; readonly outcome: RequestOutcome }[] {
  const entryOf = new Map(options.entries.map((entry) => [entry.diskKey, entry]));
  const newcomers = options.requests.filter(
    ({ kind, diskKey }) => kind === "attach" && !entryOf.has(diskKey),
  );
  const { dataDisksMax } = options;
  const usedLuns = options.entries.map((entry) => entry.lun);
  // The places are given in the order of the requests: a replica that returns takes none from a pod's disk.
  const placed = newcomers.slice(0, Math.max(0, dataDisksMax - new Set(usedLuns).size));
  const lunOf = new Map(returningTo(placed, usedLuns));
  const others = newcomers.filter((newcomer) => !lunOf.has(newcomer));
  const luns = chooseLuns({
    usedLuns: [...usedLuns, ...lunOf.values()],
    // Also of those that find no place in this update.
    reservedLuns: [...options.reservedLuns, ...newcomers.flatMap(({ formerLun }) => formerLun ?? [])],
    dataDisksMax,
    count: others.length,
  });
  const makesRoom =
    options.requests.some(({ kind, diskKey }) => kind === "detach" && entryOf.has(diskKey)) ||
    options.entries.some((entry) => entry.toBeDetached);

  return options.requests.map((diskRequest) => {
    const entry = entryOf.get(diskRequest.diskKey);
    if (diskRequest.kind === "detach")
      return { diskRequest, outcome: entry === undefined ? { kind: "detached" } : { kind: "detach" } };
    if (entry !== undefined)
      return {
        diskRequest,
        outcome: entry.toBeDetached ? { kind: "finishDetach" } : { kind: "attached", lun: entry.lun },
      };
    const lun = lunOf.get(diskRequest) ?? luns[others.indexOf(diskRequest)];
    if (lun !== undefined) return { diskRequest, outcome: { kind: "attach", lun } };
    return { diskRequest, outcome: { kind: makesRoom ? "later" : "noFreeLun" } };
  });
}

/** The disks that get their former LUNs: each LUN once. */
function returningTo<W extends DiskRequest>(
  newcomers: readonly W[],
  usedLuns: readonly number[],
): readonly (readonly [W, number])[] {
  const taken = new Set(usedLuns);
  return newcomers.flatMap((newcomer) => {
    const { formerLun } = newcomer;
    if (formerLun === undefined || taken.has(formerLun)) return [];
    taken.add(formerLun);
    return [[newcomer, formerLun] as const];
  });
}
