import { diceAgain, type FaultVariant, overAtOnce, pick } from "../../fault-class.ts";
import { uncordonAll } from "../../processes/cordon.ts";
import { markOutOfService } from "../../processes/mark-out-of-service.ts";
import { fencedInMount } from "./fenced-in-mount.ts";
import { idleNodeFor } from "./where-pods-are.ts";

/**
 * How long the mount command lives, in milliseconds: beyond the fence, the silence, and the return of the
 * disk.
 */
const MOUNTS_FOR_MS = [90_000, 120_000] as const;
const NODE_GOES_AFTER_MS = [300, 2_000] as const;
/** From then until the node returns, in milliseconds: its plug-in counts as silent before. */
const BACK_AFTER_MS = [45_000, 55_000] as const;

/**
 * A pod moves to a node without pods, whose plug-in dies in the middle of the mount, and its kubelet with
 * it; the mount command survives. The node is marked and fenced, and a person deletes its Node. Its VM
 * exists all the time, and node and plug-in recover.
 */
export const deletedInMount: FaultVariant = {
  forMs: [140_000, 160_000],
  isDirected: true,
  begin: (context, { volumeName, dice }) => {
    const { world, later } = context;
    const { cluster } = world;
    // Other volumes that are fenced there, or are attached there later, would obstruct this one's disk, or
    // replace it.
    const idle = idleNodeFor(context, volumeName);
    if (idle === undefined) return overAtOnce;
    const { target, plugin } = idle;
    const comeBack = (): void => {
      plugin.start();
      cluster.setKubeletRunning(target, true);
      markOutOfService(context, target, false);
      uncordonAll(context);
    };
    const takeBack = fencedInMount(context, idle, volumeName, {
      mountsForMs: pick(MOUNTS_FOR_MS, dice),
      died: () => cluster.setKubeletRunning(target, false),
      fenced: () => {
        later(pick(NODE_GOES_AFTER_MS, diceAgain(dice, 1)), () => {
          cluster.deleteNode(target);
          later(pick(BACK_AFTER_MS, diceAgain(dice, 2)), comeBack);
        });
      },
    });
    return () => {
      takeBack();
      comeBack();
    };
  },
};
