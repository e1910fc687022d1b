import type { SimWorld } from "../../../world.ts";
import type { FaultVariant } from "../../fault-class.ts";
import { pick } from "../../fault-class.ts";

/** Half of the copies take less, in milliseconds of Azure's own pace. */
const MEDIANS_MS = [60_000, 600_000] as const;

/** Azure takes so long for the copies of disks that begin from now on; the answer ends that. */
export function slowCopies({ azure }: SimWorld, medianMs: number): () => void {
  const { world } = azure.model;
  const before = world.settings.latencies;
  const slow = { medianMs, p99Ms: 2 * medianMs };
  world.settings = {
    ...world.settings,
    latencies: { ...before, diskCopy: slow, diskBackgroundCopy: slow },
  };
  return () => {
    world.settings = { ...world.settings, latencies: before };
  };
}

/** Azure takes minutes for the copies of disks that begin now, while pods wait for them. */
export const copiesTakeLong: FaultVariant = {
  forMs: [30_000, 90_000],
  isDirected: true,
  begin: ({ world }, { dice }) => slowCopies(world, pick(MEDIANS_MS, dice)),
};
