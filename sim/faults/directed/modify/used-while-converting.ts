import { copiedPercent } from "../../../../src/emulator/model/disk/copy/background-copy.ts";
import { diceAgain, type FaultContext, type FaultVariant, pick } from "../../fault-class.ts";
import { cordonOnly, uncordonAll } from "../../processes/cordon.ts";
import { copyNameOf } from "../copy/copy-names.ts";
import { runningOn } from "../mount/where-pods-are.ts";
import { diskOf, otherClass } from "./other-class.ts";

const LOOK_EVERY_MS = 50;
/** From the beginning of a conversion until its volume is used, in milliseconds. */
const USED_AFTER_MS = [0, 300, 3_000, 15_000] as const;
const uses = ["grow", "grow", "move", "clone", "snapshot"] as const;

/** A volume is grown, moved, cloned or snapshotted while Azure converts its disk to Premium SSD v2. */
export const usedWhileConverting: FaultVariant = {
  forMs: [20_000, 60_000],
  isDirected: true,
  begin: (context, { volumeName, atMs, dice }) => {
    const { world, later, when, act } = context;
    const use = pick(uses, diceAgain(dice, 1));
    act({ kind: "modify", volumeName, volumeClass: otherClass(world, volumeName) });
    when(
      () => diskOf(world, volumeName)?.conversion,
      (conversion) => {
        if (copiedPercent(conversion, world.azure.model.world.nowMs) === 100) return;
        later(pick(USED_AFTER_MS, dice), () => useOf(context, volumeName, use, atMs));
      },
      LOOK_EVERY_MS,
    );
    return () => uncordonAll(context);
  },
};

function useOf(context: FaultContext, volumeName: string, use: (typeof uses)[number], atMs: number): void {
  const { world, act, grow } = context;
  switch (use) {
    case "grow":
      return grow(volumeName, 2 * (world.cluster.sizeOf(volumeName) ?? 0));
    case "move": {
      const home = runningOn(context, volumeName);
      if (home === undefined) return;
      cordonOnly(context, home);
      return world.cluster.deletePod(volumeName, { isForced: false });
    }
    case "clone": {
      const copyName = copyNameOf(volumeName, atMs);
      return act({ kind: "clone", volumeName, copyName, skuName: "PremiumV2_LRS", moreGiB: 0 });
    }
    case "snapshot":
      return act({ kind: "snapshot", volumeName, name: `snapshot-of-${volumeName}-${atMs}` });
  }
}
