import { chooseLuns } from "./choose-lun.ts";

/** An entry of a VM's list of data disks, reduced to what decides. */
export interface DataDiskEntry {
  readonly diskKey: string;
  readonly lun: number;
  readonly toBeDetached: boolean;
}

/** A wish that a VM has, or no longer has, a disk. */
export interface DiskWish {
  readonly kind: "attach" | "detach";
  readonly diskKey: string;
}

/** What becomes of a wish, given the list as it is. */
export type WishOutcome =
  /** The list says so already. */
  | { readonly kind: "attached"; readonly lun: number }
  | { readonly kind: "detached" }
  /** Part of the next update. */
  | { readonly kind: "attach"; readonly lun: number }
  | { readonly kind: "detach" }
  /** An attach to a VM from which the disk has not come off yet: the detach is driven on first. */
  | { readonly kind: "finishDetach" }
  /** No place now; detaches of the same update make one. */
  | { readonly kind: "later" }
  | { readonly kind: "noFreeLun" };

/**
 * Decides each wish. Attaches get the lowest free LUNs in the order of `wishes`, from the very list that
 * the conditional update covers, and none of `reservedLuns`.
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
