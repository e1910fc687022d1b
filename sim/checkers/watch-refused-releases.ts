import { asKind } from "../../src/adapters/object-semantics/stored-object.ts";
import type { SimulatedStore } from "../../src/adapters/simulated-store/simulated-store.ts";
import type { VirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import type { RefusedReleases } from "../admission/refused-releases.ts";
import type { SimMachine } from "../azure/sim-machine.ts";
import type { OutsideEvents } from "../history/outside-events.ts";
import type { Violation } from "../history/violation.ts";

/**
 * A healthy node plug-in repeats a refused release within this time, in milliseconds: its back-off ends at
 * 5 s.
 */
const TRIED_AGAIN_MS = 10_000;

/**
 * No node in service is fenced that has properly unmounted a volume but cannot record it, because its
 * token is older than its Node. A VM that is gone has nothing to release, even if a VM of the same name runs
 * by then.
 */
export function watchRefusedReleases(world: {
  readonly clock: Pick<VirtualClock, "elapsedMs">;
  readonly store: Pick<SimulatedStore, "onCommit">;
  readonly refusedReleases: Pick<RefusedReleases, "lastMs">;
  readonly azure: { machineOf(nodeName: string): Pick<SimMachine, "vmGuid"> | undefined };
  readonly outside: Pick<OutsideEvents, "wasOutOfService">;
  readonly report: (violation: Omit<Violation, "atMs">) => void;
}): void {
  world.store.onCommit(({ kind, name, before, after, by }) => {
    if (kind !== "AzVolume" || before === undefined || after === undefined) return;
    const fenced = asKind<"AzVolume">(after).status?.record?.fencing;
    const earlier = asKind<"AzVolume">(before).status?.record?.fencing;
    if (
      fenced === undefined ||
      fenced.vmId === earlier?.vmId ||
      fenced.vmId !== world.azure.machineOf(fenced.nodeName)?.vmGuid ||
      world.outside.wasOutOfService(fenced.nodeName)
    )
      return;
    const refusedMs = world.refusedReleases.lastMs(fenced.nodeName, name);
    if (refusedMs === undefined || world.clock.elapsedMs() - refusedMs > TRIED_AGAIN_MS) return;
    world.report({
      invariant: "healthy-writer-cut-off",
      detail:
        `${by} fences ${fenced.nodeName} from ${name}, which is in service, has unmounted it, and is ` +
        "refused its release",
    });
  });
}
