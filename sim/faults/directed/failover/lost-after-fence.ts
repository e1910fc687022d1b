import type { TimedFault } from "../../../scenario/scenario.ts";
import { type BeginFault, type FaultContext, overAtOnce } from "../../fault-class.ts";
import { uncordonAll } from "../../processes/cordon.ts";
import { markOutOfService } from "../../processes/mark-out-of-service.ts";
import { fencedInMount } from "../mount/fenced-in-mount.ts";
import { idleNodeFor } from "../mount/where-pods-are.ts";
import { backAlone } from "../node/back-alone.ts";

const LOOK_MS = 200;

/**
 * A pod moves to a node without pods, whose plug-in dies in the middle of the mount; the mount command
 * survives for `mountsForMs`. The node is marked and fenced, and `died` or `lose` loses the volume's
 * AzVolume. Once there is a record again the node returns, as the only schedulable one: the pods of all
 * other volumes move there.
 */
export function lostAfterFence({
  mountsForMs,
  died = overAtOnce,
  lose = () => overAtOnce,
}: {
  readonly mountsForMs: number;
  /** When the plug-in dies, before the node is marked. */
  readonly died?: (context: FaultContext, fault: TimedFault) => void;
  /** When the node is in quarantine. Returns how to end what it has begun. */
  readonly lose?: (context: FaultContext, fault: TimedFault, azVolumeName: string) => () => void;
}): BeginFault {
  return (context, fault) => {
    const { volumeName } = fault;
    const idle = idleNodeFor(context, volumeName);
    if (idle === undefined) return overAtOnce;
    let endLoss = overAtOnce;
    const takeBack = fencedInMount(context, idle, volumeName, {
      mountsForMs,
      died: () => died(context, fault),
      fenced: (azVolumeName) => {
        endLoss = lose(context, fault, azVolumeName);
        whenRebuilt(context, azVolumeName, () => backAlone(context, idle, volumeName));
      },
    });
    return () => {
      takeBack();
      endLoss();
      idle.plugin.start();
      markOutOfService(context, idle.target, false);
      uncordonAll(context);
    };
  };
}

/** Acts once the AzVolume has been rebuilt, with a record. */
function whenRebuilt(
  context: Pick<FaultContext, "world" | "later">,
  azVolumeName: string,
  act: () => void,
): void {
  const { world, later } = context;
  const isRebuilt = world.store
    .objects("AzVolume")
    .some(
      ({ metadata, status }) =>
        metadata.name === azVolumeName && status?.record?.defaultAccess === "quarantined",
    );
  if (isRebuilt) act();
  else later(LOOK_MS, () => whenRebuilt(context, azVolumeName, act));
}
