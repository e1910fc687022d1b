import type {
  SimulatedCommit,
  SimulatedHandle,
} from "../../../src/adapters/simulated-store/simulated-store.ts";
import type { FaultClass, FaultContext, FaultVariant } from "../fault-class.ts";
import { leaderOf, nodeOfPod } from "../fault-class.ts";

/** Objects hidden in one fault: each costs a stall of the watches. */
const HIDDEN_MAX = 5;

/**
 * Holds the watches of a process from a change of an object until the change that reverts it, so that it
 * never sees the state in between.
 */
function hide({ world }: FaultContext, handle: SimulatedHandle, kind: SimulatedCommit["kind"]): () => void {
  let hidden: string | undefined;
  let times = 0;
  const release = (): void => {
    if (hidden === undefined) return;
    hidden = undefined;
    handle.holdWatches(false);
  };
  const stop = world.store.onCommit((commit) => {
    const object = `${commit.kind} ${commit.name}`;
    if (hidden === object) return release();
    if (hidden !== undefined || times >= HIDDEN_MAX || commit.kind !== kind) return;
    hidden = object;
    times += 1;
    handle.holdWatches(true);
  });
  return () => {
    stop();
    release();
  };
}

/** Changes that a process never sees, because they are reverted at once. */
export const hidden: FaultClass = {
  name: "hidden",
  about: "a process does not see a change of an object until the change that comes after it",
  variants: {
    "record-from-leader": hiddenFromLeader("AzVolume"),
    "attachment-from-leader": hiddenFromLeader("AzVolumeAttachment"),
    "record-from-plugin": hiddenFromPlugin("AzVolume"),
    "attachment-from-plugin": hiddenFromPlugin("AzVolumeAttachment"),
  },
};

function hiddenFromLeader(kind: SimulatedCommit["kind"]): FaultVariant {
  return {
    forMs: [20_000, 90_000],
    delaysNews: true,
    begin: (context) => hide(context, leaderOf(context.world).store, kind),
  };
}

function hiddenFromPlugin(kind: SimulatedCommit["kind"]): FaultVariant {
  return {
    forMs: [20_000, 90_000],
    begin: (context, fault) => {
      const plugin = context.world.nodePlugin(nodeOfPod(context.world, fault));
      return plugin === undefined ? () => undefined : hide(context, plugin.store, kind);
    },
  };
}
