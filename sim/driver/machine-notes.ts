import { afterBoot, createDurableNotes } from "../../src/adapters/linux/checkpoints/create-durable-checkpoints.ts";
import type { NotesContent } from "../../src/adapters/linux/checkpoints/parse-node-checkpoints.ts";
import type { NodeNotes } from "../../src/ports/host/node-checkpoints.ts";
import type { SimMachine } from "../azure/sim-machine.ts";
import type { Gate } from "./gate.ts";

/** The file on each machine in which node plug-ins keep their notes: it outlives them and reboots, and goes with its VM. */
export interface MachineNotes {
  /** Opens them in the machine's n-th boot, for a process that lives as long as its gate lets it. */
  open(machine: SimMachine, bootNumber: number, gate: Gate): NodeNotes;
}

/** Disks of machines on which nothing has been noted. */
export function createMachineNotes(): MachineNotes {
  const files = new Map<string, NotesContent>();
  return {
    open: (machine, bootNumber, gate) => {
      const bootId = `${machine.vmGuid}/${bootNumber}`;
      const first = afterBoot(files.get(machine.vmGuid) ?? { bootId, heartbeat: 0, volumes: [] }, bootId);
      return createDurableNotes(first, async (content) => {
        if (gate.isShut()) await gate.passed();
        files.set(machine.vmGuid, content);
      });
    },
  };
}
