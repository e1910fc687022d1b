import { chooseLuns } from "./choose-lun.ts";

/** An entry of a VM's list of data disks, reduced to what the decision needs. */
export interface DataDiskEntry {
  readonly diskKey: string;
  readonly lun: number;
  readonly toBeDetached: boolean;
}

/** A requested state: a VM has, or no longer has, a disk. */
export interface DiskWish {
  readonly kind: "attach" | "detach";
  readonly diskKey: string;
}

/** The outcome of a requested state, given the present list. */
export type WishOutcome =
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
 * Decides each requested state. Attaches get the lowest free LUNs in the order of `wishes`, from the list
 * that the conditional update covers, and none of `reservedLuns`.
 */
export function planVmUpdate<W extends DiskWish>(options: {
  readonly entries: readonly DataDiskEntry[];
  readonly reservedLuns: readonly number[];
  readonly dataDisksMax: number;
  readonly wishes: readonly W[];
}): readonly { readonly wish: W; readonly outcome: WishOutcome }[] {
  const entryOf = new Map(options.entries.map((entry) => [entry.diskKey, entry]));
  const newcomers = options.wishes.filter((wish) => wish.kind === "attach" && !entryOf.has(wish.diskKey));
  const { reservedLuns, dataDisksMax } = options;
  const luns = chooseLuns({
    usedLuns: options.entries.map((entry) => entry.lun),
    reservedLuns,
    dataDisksMax,
    count: newcomers.length,
  });
  const makesRoom =
    options.wishes.some((wish) => wish.kind === "detach" && entryOf.has(wish.diskKey)) ||
    options.entries.some((entry) => entry.toBeDetached);

  return options.wishes.map((wish) => {
    const entry = entryOf.get(wish.diskKey);
    if (wish.kind === "detach")
      return { wish, outcome: entry === undefined ? { kind: "detached" } : { kind: "detach" } };
    if (entry !== undefined)
      return {
        wish,
        outcome: entry.toBeDetached ? { kind: "finishDetach" } : { kind: "attached", lun: entry.lun },
      };
    const lun = luns[newcomers.indexOf(wish)];
    if (lun !== undefined) return { wish, outcome: { kind: "attach", lun } };
    return { wish, outcome: { kind: makesRoom ? "later" : "noFreeLun" } };
  });
}
