import type { SimMachine } from "../../../azure/sim-machine.ts";
import type { FaultContext, FaultVariant } from "../../fault-class.ts";
import { freeLun, lunFreed } from "./lun-freed.ts";

/**
 * How long links continue to lag once the volume's pod runs, in milliseconds: it has begun to write by
 * then.
 */
const LAG_ON_MS = 5_000;

/**
 * Like `lun-freed`, while links lag: the link of the freed LUN still names the previous device, and the
 * other volume's disk has that name by now. The pod of the freed LUN's volume comes before the other one
 * has a link; once it runs, the links are correct again.
 */
export const lunFreedAndLinksLag: FaultVariant = {
  ...lunFreed,
  begin: (context, fault) => {
    for (const kernel of kernelsOf(context)) kernel.setUdev("lags");
    const end = freeLun("isAttached", ({ later }) => later(LAG_ON_MS, () => linksFollow(context)))(
      context,
      fault,
    );
    return () => {
      linksFollow(context);
      end();
    };
  },
};

function linksFollow(context: FaultContext): void {
  for (const kernel of kernelsOf(context)) kernel.setUdev("runs");
}

function kernelsOf({ world, nodeNames }: FaultContext): readonly SimMachine["kernel"][] {
  return nodeNames.flatMap((name) => world.azure.machineOf(name)?.kernel ?? []);
}
