import type { FaultContext, FaultVariant } from "../../fault-class.ts";
import { diceAgain } from "../../fault-class.ts";

/** How long the first format takes, in milliseconds, and after how long its plug-in is restarted. */
const FORMATS_FOR_MS = 10_000;
const RESTART_MS = 1_500;
const GIB = 4;

/**
 * A new volume is formatted, and the plug-in and its command are killed in the middle: the disk is neither
 * blank nor has a usable file system.
 */
export const killedInFormat: FaultVariant = {
  forMs: [40_000, 60_000],
  begin: (context, { volumeName, atMs, dice }) => {
    context.create({
      volumeName: `${volumeName}-new-${atMs}`,
      sizeGiB: GIB,
      skuName: "Premium_LRS",
      maxShares: 1,
      replicas: 0,
      access: "mount",
    });
    return killInNextFormat(context, diceAgain(dice, 1), ({ world, later }, nodeName) =>
      later(RESTART_MS, () => world.nodePlugin(nodeName)?.start()),
    );
  },
};

/**
 * Kills the first plug-in that begins a format, and its command, after that share of the command's time;
 * `killed` is called then. Returns how to cancel that.
 */
export function killInNextFormat(
  context: FaultContext,
  doneShare: number,
  killed: (context: FaultContext, nodeName: string) => void,
): () => void {
  const { world, nodeNames, later } = context;
  let isStruck = false;
  const takenBack = nodeNames.map((nodeName) =>
    world.nodePlugin(nodeName)?.strikeAt({ step: "format", nth: 1, moment: "before" }, () => {
      if (isStruck) return;
      isStruck = true;
      const kernel = world.azure.machineOf(nodeName)?.kernel;
      kernel?.setLatencyMs("format", FORMATS_FOR_MS);
      later(doneShare * FORMATS_FOR_MS, () => {
        world.nodePlugin(nodeName)?.killWithCommands({ childrenSurvive: false });
        kernel?.setLatencyMs("format", 0);
        killed(context, nodeName);
      });
    }),
  );
  return () => {
    for (const takeBack of takenBack) takeBack?.();
  };
}
