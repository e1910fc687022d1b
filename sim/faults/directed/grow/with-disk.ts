import type { TimedFault } from "../../../scenario/scenario.ts";
import { type BeginFault, type FaultContext, overAtOnce } from "../../fault-class.ts";

/** The disk of a fault's volume when the fault begins. */
interface FaultDisk {
  /** In lower case. */
  readonly diskUri: string;
  readonly sizeGiB: number;
}

/** Begins a fault whose volume has a disk. */
export function withDisk(
  begin: (context: FaultContext, fault: TimedFault, disk: FaultDisk) => () => void,
): BeginFault {
  return (context, fault) => {
    const { cluster } = context.world;
    const diskUri = cluster.diskUriOf(fault.volumeName)?.toLowerCase();
    const sizeGiB = cluster.sizeOf(fault.volumeName);
    if (diskUri === undefined || sizeGiB === undefined) return overAtOnce;
    return begin(context, fault, { diskUri, sizeGiB });
  };
}
