import type { SimMachine } from "../../azure/sim-machine.ts";
import type { Complaint } from "./rest-world.ts";

/** At rest no file system is frozen: each write of a pod would wait. */
export function judgeFreezes({
  azure,
}: {
  readonly azure: {
    readonly machines: () => readonly (Pick<SimMachine, "nodeName"> & {
      readonly kernel: Pick<SimMachine["kernel"], "frozenDisks">;
    })[];
  };
}): readonly Complaint[] {
  return azure.machines().flatMap(({ nodeName, kernel }) =>
    kernel.frozenDisks().map(({ diskUri, forMs }): Complaint => ({
      invariant: "not-converged",
      detail: `the file system of ${diskUri} is frozen on ${nodeName}, for ${forMs} ms by now`,
    })),
  );
}
