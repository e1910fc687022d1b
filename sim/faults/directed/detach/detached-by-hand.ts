import type { StepName } from "../../../../src/ports/steps.ts";
import {
  diceAgain,
  type FaultContext,
  type FaultVariant,
  nodeOfPod,
  overAtOnce,
  pick,
} from "../../fault-class.ts";

/** The step of a controller at which the person strikes. */
const MOMENTS: readonly (StepName | "any")[] = [
  "any",
  "attach",
  "record-attached",
  "fence",
  "end-fence",
  "detach",
  "grant",
  "promote",
];
const FORCED_SHARE = 0.5;
/** How long the person who deletes a disk waits for its detach, in milliseconds. */
const DELETED_AFTER_MS = 15_000;

/**
 * A person detaches a volume's disk from the VM of its pod in Azure's portal, by force or not, at any
 * moment: also while a controller attaches, detaches or fences.
 */
export const detachedByHand: FaultVariant = {
  forMs: [30_000, 90_000],
  isDirected: true,
  begin: (context, fault) => {
    const { world } = context;
    const { volumeName, dice } = fault;
    const isForced = diceAgain(dice, 1) < FORCED_SHARE;
    let isStruck = false;
    const strike = (): void => {
      const diskUri = world.cluster.diskUriOf(volumeName);
      if (isStruck || diskUri === undefined) return;
      isStruck = true;
      context.toRestart(volumeName);
      world.azure.detachOutside(nodeOfPod(world, fault), diskUri, { isForced });
    };
    return atMoment(context, pick(MOMENTS, dice), diceAgain(dice, 2) < 0.5 ? "before" : "after", strike);
  },
};

/**
 * A person force-detaches a volume's disk from every VM and deletes it. If the driver attaches it again in
 * between, Azure refuses the deletion.
 */
export const deletedByHand: FaultVariant = {
  forMs: [30_000, 90_000],
  isDirected: true,
  begin: (context, { volumeName }) => {
    const { world, nodeNames, later } = context;
    const diskUri = world.cluster.diskUriOf(volumeName);
    if (diskUri === undefined) return overAtOnce;
    context.destroyed(volumeName);
    for (const nodeName of nodeNames) world.azure.detachOutside(nodeName, diskUri, { isForced: true });
    later(DELETED_AFTER_MS, () => world.azure.deleteDiskOutside(diskUri));
    return overAtOnce;
  },
};

/** Strikes when any of the controllers comes to that step. Returns how to cancel that. */
function atMoment(
  { world }: FaultContext,
  step: StepName | "any",
  moment: "before" | "after",
  strike: () => void,
): () => void {
  if (step === "any") {
    strike();
    return overAtOnce;
  }
  const takenBack = world.controllers.map((controller) =>
    controller.strikeAt({ step, nth: 1, moment }, strike),
  );
  return () => takenBack.forEach((takeBack) => takeBack());
}
