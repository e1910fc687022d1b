import type { SimulatedStore } from "../../../src/adapters/simulated-store/simulated-store.ts";
import type { VirtualClock } from "../../../src/adapters/virtual/virtual-clock.ts";
import { objectsIn } from "../../history/objects-in.ts";
import type { Violation } from "../../history/violation.ts";

/** The default of `--heartbeat-stale-ms`, in milliseconds. */
const STALE_MS = 35_000;
/** The share of that time that a controller's clock, which may be fast, leaves at least. */
const CLOCK_SHARE = 0.9;

/**
 * No controller marks a node as silent, and so advises to mark it out of service, before the time has
 * passed within which the node may send its next heartbeat by what it has stated. It counts from the
 * heartbeat that the store shows: a restored backup may have reverted a later one before a controller saw it.
 */
export function watchSilences(world: {
  readonly clock: Pick<VirtualClock, "elapsedMs">;
  readonly store: Pick<SimulatedStore, "onCommit">;
  readonly report: (violation: Omit<Violation, "atMs">) => void;
}): void {
  const heartbeatAtMs = new Map<string, number>();
  world.store.onCommit((commit) => {
    const { before, after } = objectsIn(commit, "AzDriverNode");
    if (after === undefined) return;
    const { name } = commit;
    const nowMs = world.clock.elapsedMs();
    if (after.status?.heartbeat !== before?.status?.heartbeat)
      heartbeatAtMs.set(`${name} ${after.status?.heartbeat}`, nowMs);
    if (before?.status === undefined || after.status?.readyForVolumeAllocation !== false) return;
    // With its heartbeat the node itself says that it is not ready, and why.
    if (after.status.heartbeat !== before.status.heartbeat) return;
    if (after.status.statusMessage === before.status.statusMessage && !before.status.readyForVolumeAllocation)
      return;
    const heartbeat = `${name} ${before.status.heartbeat}`;
    const unchangedMs = nowMs - (heartbeatAtMs.get(heartbeat) ?? Number.NEGATIVE_INFINITY);
    const silentAfterMs = (STALE_MS + (before.status.heartbeatDelayMs ?? 0)) * CLOCK_SHARE;
    if (unchangedMs >= silentAfterMs) return;
    world.report({
      invariant: "silenced-early",
      detail: `${commit.by} marked ${name} as silent ${Math.round(unchangedMs)} ms after its heartbeat`,
    });
  });
}
