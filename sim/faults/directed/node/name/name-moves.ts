import {
  diceAgain,
  type FaultContext,
  type FaultVariant,
  nodeOfPod,
  overAtOnce,
  pick,
} from "../../../fault-class.ts";
import { markOutOfService } from "../../../processes/mark-out-of-service.ts";

/** How often the node is drained before, and how long, in milliseconds. */
const DRAINED_SHARE = 0.3;
const DRAINED_FOR_MS = [2_000, 15_000] as const;
/** How often a person marks the node once its VM is off, and how long after, in milliseconds. */
const MARKED_SHARE = 0.3;
const MARKED_AFTER_MS = [1_000, 15_000] as const;
/** From then until the other VM has the name, in milliseconds. */
const NEXT_AFTER_MS = [0, 5_000, 30_000] as const;
/**
 * From then, or from when the other VM has the name, until the earlier Node is deleted, in milliseconds:
 * until then no Node names the other VM.
 */
const NODE_GOES_AFTER_MS = [0, 1_000, 20_000, 40_000] as const;
/**
 * How often a person deletes the earlier VM after a while, or at the end; and how long that while is, in
 * milliseconds. Otherwise it stays for good.
 */
const DELETED_SHARE = 0.3;
const DELETED_AT_END_SHARE = 0.3;
const DELETED_AFTER_MS = [10_000, 60_000] as const;

/**
 * The pod's node is replaced under its name: its VM is switched off and kept with its disks attached, and
 * a VM of another name and resource id takes the node's name. The kept VM does not run again. A person
 * deletes the Node, which names the earlier VM while it exists, and may delete the VM.
 */
export const nameMoves: FaultVariant = {
  forMs: [90_000, 200_000],
  isDirected: true,
  begin: (context, fault) => {
    const { world, later } = context;
    const { dice } = fault;
    const nodeName = nodeOfPod(world, fault);
    if (world.azure.vmOf(nodeName) === undefined) return overAtOnce;
    let kept: string | undefined;
    const moved = (earlier: string): void => {
      kept = earlier;
    };
    const isDrained = diceAgain(dice, 1) < DRAINED_SHARE;
    if (isDrained) world.cluster.drain(nodeName);
    later(isDrained ? pick(DRAINED_FOR_MS, diceAgain(dice, 2)) : 0, () =>
      replace(context, nodeName, dice, moved),
    );
    return () => {
      if (kept === undefined) return;
      deleteNodeOfAnother(context, nodeName);
      const fate = diceAgain(dice, 8);
      if (fate >= DELETED_SHARE && fate < DELETED_SHARE + DELETED_AT_END_SHARE) world.azure.deleteVmAt(kept);
    };
  },
};

/** Calls `moved` with the resource id of the earlier VM once it has lost the name. */
function replace(
  context: FaultContext,
  nodeName: string,
  dice: number,
  moved: (earlier: string) => void,
): void {
  const { world, later } = context;
  const { azure } = world;
  const isMarked = diceAgain(dice, 3) < MARKED_SHARE;
  const markedAfterMs = isMarked ? pick(MARKED_AFTER_MS, diceAgain(dice, 4)) : 0;
  const nextAfterMs = pick(NEXT_AFTER_MS, diceAgain(dice, 5));
  const nodeGoesAfterMs =
    (diceAgain(dice, 6) < 0.5 ? nextAfterMs : 0) + pick(NODE_GOES_AFTER_MS, diceAgain(dice, 7));
  azure.losePower(nodeName, { isSilent: false });
  if (isMarked) later(markedAfterMs, () => markOutOfService(context, nodeName, true));
  later(markedAfterMs + nodeGoesAfterMs, () => deleteNodeOfAnother(context, nodeName));
  later(markedAfterMs + nextAfterMs, () => {
    const earlier = azure.instanceUriOf(nodeName);
    // Another client may have switched it on again since.
    azure.losePower(nodeName, { isSilent: false });
    if (azure.machineOf(nodeName)?.state() !== "off") return;
    azure.moveName(nodeName);
    moved(earlier);
    if (diceAgain(dice, 8) < DELETED_SHARE)
      later(pick(DELETED_AFTER_MS, diceAgain(dice, 9)), () => azure.deleteVmAt(earlier));
  });
}

/**
 * Deletes a Node whose VM is off, or has lost its name. Its mark is deleted with it: the next Node of that
 * name has none.
 */
function deleteNodeOfAnother({ world, outside }: FaultContext, nodeName: string): void {
  const node = world.cluster.nodes().find(({ name }) => name === nodeName);
  const machine = world.azure.machineOf(nodeName);
  if (node === undefined || (machine?.instanceUri === node.instanceUri && machine.state() !== "off")) return;
  outside.noteOutOfService(nodeName, false);
  world.cluster.deleteNode(nodeName);
}
