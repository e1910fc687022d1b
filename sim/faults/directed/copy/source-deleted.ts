import { diceAgain, type FaultVariant, pick } from "../../fault-class.ts";
import { slowCopies } from "./copies-take-long.ts";
import { copyNameOf, isBegun } from "./copy-names.ts";

const LOOK_MS = 50;
/** Half of the copies take less, in milliseconds of Azure's own pace: time for a DeleteVolume in between. */
const COPY_MS = 120_000;

/**
 * A user clones the volume, or restores a snapshot of it, and deletes that source as soon as Azure copies
 * it. Then its copy takes its place.
 */
export const sourceDeletedWhileCopied: FaultVariant = {
  forMs: [60_000, 90_000],
  isDirected: true,
  begin: ({ world, act, later }, { volumeName, atMs, dice }) => {
    const copyName = copyNameOf(volumeName, atMs);
    const skuName = pick(["Premium_LRS", "PremiumV2_LRS"] as const, diceAgain(dice, 1));
    const copy = { volumeName, copyName, skuName, moreGiB: 0 };
    const name = `snapshot-of-${volumeName}-${atMs}`;
    const isClone = dice < 0.5;
    const atOwnPace = slowCopies(world, COPY_MS);
    if (isClone) act({ kind: "clone", ...copy });
    else {
      act({ kind: "snapshot", volumeName, name });
      act({ kind: "restore", snapshotName: name, ...copy });
    }
    const look = (): void => {
      if (!isBegun(world, copyName)) return later(LOOK_MS, look);
      act(isClone ? { kind: "delete", volumeName } : { kind: "deleteSnapshot", name });
    };
    look();
    return () => {
      atOwnPace();
      act({ kind: "deleteSnapshot", name });
    };
  },
};
