import { asKind } from "../../../../src/adapters/object-semantics/stored-object.ts";
import type {
  SimulatedCommit,
  SimulatedHandle,
} from "../../../../src/adapters/simulated-store/simulated-store.ts";
import { diceAgain, type FaultVariant, leaderOf, nodeOfPod, pick } from "../../fault-class.ts";

/** How often it is the leader. */
const LEADERS_SHARE = 0.6;
/** How long no event arrives, in milliseconds. */
const HELD_FOR_MS = [300, 3_000, 20_000] as const;

/**
 * The leader, or the plug-in of a node with the pod, receives no events for a while right after each event
 * that leads to a deletion: a request that ends, a replica that was the writer, a mark, a deletion that
 * begins, and one that is done.
 */
export const staleBeforeDelete: FaultVariant = {
  forMs: [40_000, 120_000],
  isDirected: true,
  delaysNews: true,
  begin: (context, fault) => {
    const { world, later } = context;
    const held = new Set<Pick<SimulatedHandle, "holdWatches">>();
    let times = 0;
    const stop = world.store.onCommit((commit) => {
      if (!leadsToDelete(commit)) return;
      const isLeaders = diceAgain(fault.dice, times) < LEADERS_SHARE;
      const store = isLeaders ? leaderOf(world).store : world.nodePlugin(nodeOfPod(world, fault))?.store;
      if (store === undefined || held.has(store)) return;
      times += 1;
      held.add(store);
      store.holdWatches(true);
      later(pick(HELD_FOR_MS, diceAgain(fault.dice, times)), () => release(store));
    });
    const release = (store: Pick<SimulatedHandle, "holdWatches">): void => {
      if (held.delete(store)) store.holdWatches(false);
    };
    return () => {
      stop();
      for (const store of [...held]) release(store);
    };
  },
};

/** Whether a change leads to a deletion, now or later. */
export function leadsToDelete({
  kind,
  before,
  after,
}: Pick<SimulatedCommit, "kind" | "before" | "after">): boolean {
  if (after === undefined) return before !== undefined;
  const isMarked =
    after.metadata.deletionTimestamp !== undefined && before?.metadata.deletionTimestamp === undefined;
  if (isMarked || before === undefined) return isMarked;
  if (kind === "AzVolume")
    return asKind<"AzVolume">(after).spec.deleteRequested && !asKind<"AzVolume">(before).spec.deleteRequested;
  if (kind !== "AzVolumeAttachment") return false;
  const [was, is] = [asKind<"AzVolumeAttachment">(before).spec, asKind<"AzVolumeAttachment">(after).spec];
  return (
    (was.writerRequest !== undefined && is.writerRequest === undefined) ||
    (was.role === "Primary" && is.role === "Replica")
  );
}
