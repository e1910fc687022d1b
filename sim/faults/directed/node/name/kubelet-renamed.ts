import {
  diceAgain,
  type FaultContext,
  type FaultVariant,
  nodeOfPod,
  overAtOnce,
  pick,
} from "../../../fault-class.ts";
import { markOutOfService } from "../../../processes/mark-out-of-service.ts";
import { nextNameOf } from "../replaced-by-another.ts";

/** How often the node is drained before, and how long, in milliseconds. */
const DRAINED_SHARE = 0.3;
const DRAINED_FOR_MS = [2_000, 15_000] as const;
/** How often a person marks the Node that is left behind, and how long after, in milliseconds. */
const MARKED_SHARE = 0.4;
const MARKED_AFTER_MS = [5_000, 60_000, 90_000] as const;
/** From the change of the name until a person deletes the Node that is left behind, in milliseconds. */
const DELETED_AFTER_MS = [2_000, 15_000, 60_000, 120_000] as const;
/** How often the name is changed back, and how long after, in milliseconds. */
const BACK_SHARE = 0.4;
const BACK_AFTER_MS = [20_000, 40_000, 60_000, 100_000] as const;

/**
 * The kubelet of the pod's node starts again under another name, on the same VM: the machine keeps its disks,
 * mounts and checkpoints. The earlier Node stays, silent, until a person deletes it, and may mark it before.
 * Sometimes the name is changed back.
 */
export const kubeletRenamed: FaultVariant = {
  forMs: [90_000, 200_000],
  isDirected: true,
  begin: (context, fault) => {
    const { world, later } = context;
    const { dice } = fault;
    const nodeName = nodeOfPod(world, fault);
    const next = nextNameOf(nodeName);
    const isDrained = diceAgain(dice, 1) < DRAINED_SHARE;
    const isBack = diceAgain(dice, 2) < BACK_SHARE;
    if (world.azure.machineOf(nodeName)?.state() !== "running") return overAtOnce;
    // A Node that is left behind later would stay.
    let isOver = false;
    if (isDrained) world.cluster.drain(nodeName);
    later(isDrained ? pick(DRAINED_FOR_MS, diceAgain(dice, 3)) : 0, () => {
      if (isOver) return;
      rename(context, nodeName, next, diceAgain(dice, 4));
      if (isBack)
        later(pick(BACK_AFTER_MS, diceAgain(dice, 5)), () => {
          if (!isOver) rename(context, next, nodeName, diceAgain(dice, 6));
        });
    });
    return () => {
      isOver = true;
      for (const left of [nodeName, next]) deleteLeftNode(context, left);
    };
  },
};

function rename(context: FaultContext, nodeName: string, next: string, dice: number): void {
  const { world, later } = context;
  const { azure, cluster } = world;
  const machine = azure.machineOf(nodeName);
  // Another fault may have taken the machine's power, or replaced it.
  if (machine?.state() !== "running" || azure.machineOf(next) !== undefined) return;
  cluster.addNode(next, azure.vmOf(nodeName)?.zones[0] ?? "");
  azure.renameNode(nodeName, next);
  if (diceAgain(dice, 1) < MARKED_SHARE)
    later(pick(MARKED_AFTER_MS, diceAgain(dice, 2)), () => {
      if (isLeft(context, nodeName)) markOutOfService(context, nodeName, true);
    });
  later(pick(DELETED_AFTER_MS, diceAgain(dice, 3)), () => deleteLeftNode(context, nodeName));
}

/** Its mark is deleted with it: the next Node of that name has none. */
function deleteLeftNode(context: FaultContext, nodeName: string): void {
  if (!isLeft(context, nodeName)) return;
  context.outside.noteOutOfService(nodeName, false);
  context.world.cluster.deleteNode(nodeName);
}

/** Whether no machine has the name of a Node, and one has had it. */
function isLeft({ world }: FaultContext, nodeName: string): boolean {
  const node = world.cluster.nodes().find(({ name }) => name === nodeName);
  return (
    node !== undefined &&
    world.azure.machineOf(nodeName) === undefined &&
    world.azure.machines().some((machine) => machine.isOrWas(nodeName))
  );
}
