import { diceAgain, type FaultVariant, overAtOnce, pick } from "../../fault-class.ts";
import { copyNameOf } from "./copy-names.ts";

const SKUS = ["Premium_LRS", "PremiumV2_LRS", "Premium_ZRS"] as const;
/** When the copy is deleted again, in milliseconds after its claim: mostly before it is there. */
const DELETED_AFTER_MS = [400, 1_500, 6_000, 30_000] as const;

/** A user clones the volume, to another SKU or larger, and may give it up soon. */
export const cloned: FaultVariant = {
  forMs: [10_000, 60_000],
  isDirected: true,
  begin: ({ act, later }, { volumeName, atMs, dice }) => {
    const copyName = copyNameOf(volumeName, atMs);
    const [skuName, moreGiB] = [pick(SKUS, dice), pick([0, 4], diceAgain(dice, 1))];
    act({ kind: "clone", volumeName, copyName, skuName, moreGiB });
    if (diceAgain(dice, 2) < 0.4)
      later(pick(DELETED_AFTER_MS, diceAgain(dice, 3)), () => act({ kind: "delete", volumeName: copyName }));
    return overAtOnce;
  },
};

const LOOK_MS = 5;

/**
 * A user makes a volume, and clones it before a pod has used it: the copy has no file system, and its pod
 * cannot run. The user deletes both.
 */
export const clonedBeforeUse: FaultVariant = {
  forMs: [30_000, 60_000],
  isDirected: true,
  begin: ({ world, act, create, later }, { volumeName: like, atMs }) => {
    const volumeName = `${like}-unused-${atMs}`;
    const copyName = copyNameOf(volumeName, atMs);
    const skuName = "Premium_LRS";
    create({ volumeName, sizeGiB: 4, skuName, maxShares: 1, replicas: 0, access: "mount" });
    const look = (): void => {
      if (world.cluster.diskUriOf(volumeName) === undefined) later(LOOK_MS, look);
      else act({ kind: "clone", volumeName, copyName, skuName, moreGiB: 0 });
    };
    look();
    return () => {
      for (const name of [copyName, volumeName]) act({ kind: "delete", volumeName: name });
    };
  },
};
