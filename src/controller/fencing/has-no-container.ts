import type { VolumeUse } from "../../ports/cluster/volume-users.ts";

/** Whether, by the orchestrator, no container of any user of the volume has ever run on the node. */
export function hasNoContainer(use: VolumeUse): boolean {
  return use.kind === "unused" || (use.kind === "used" && use.areWaiting === true);
}
