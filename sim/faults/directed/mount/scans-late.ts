import { type FaultContext, type FaultVariant, nodeOfPod } from "../../fault-class.ts";
import { freeLun, lunFreed } from "../node/lun-freed.ts";

/** How often it is the node of the volume's pod that scans late. */
const SCANNED_AT_POD = 0.4;
/** How long nodes do not look yet once the volume's pod runs, in milliseconds: it writes by then. */
const LOOKS_AFTER_MS = 5_000;

/**
 * A kernel notices no disk that comes or goes: one scan of the bus follows the other, and one waits for a
 * disk that does not answer.
 */
export const scansLate: FaultVariant = {
  forMs: [10_000, 90_000],
  isDirected: true,
  begin: ({ world }, fault) =>
    world.azure.holdScans(fault.dice < SCANNED_AT_POD ? nodeOfPod(world, fault) : fault.nodeName),
};

/**
 * Like `lun-freed`, while no kernel notices that disks come and go: to the replica's machine the other
 * volume's disk is the one whose LUN it has.
 */
export const lunFreedUnnoticed: FaultVariant = {
  ...lunFreed,
  begin: (context, fault) => {
    const look = holdAll(context);
    const end = freeLun("isAttached", ({ later }) => later(LOOKS_AFTER_MS, look))(context, fault);
    return () => {
      look();
      end();
    };
  },
};

/** Returns how all nodes look, which may be called twice. */
function holdAll({ world, nodeNames }: FaultContext): () => void {
  const looks = nodeNames.map((name) => world.azure.holdScans(name));
  return () => {
    for (const look of looks.splice(0)) look();
  };
}
