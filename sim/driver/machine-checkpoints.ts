import { createCallLane } from "../../src/adapters/linux/call-lane.ts";
import {
  afterBoot,
  createDurableCheckpoints,
} from "../../src/adapters/linux/checkpoints/create-durable-checkpoints.ts";
import type { CheckpointFile } from "../../src/adapters/linux/checkpoints/parse-node-checkpoints.ts";
import { fail, ok, type Result } from "../../src/core/failure/result.ts";
import type { NodeCheckpoints } from "../../src/ports/host/node-checkpoints.ts";
import type { SimMachine } from "../azure/sim-machine.ts";
import type { Gate } from "./gate.ts";

/**
 * The file on each machine in which node plug-ins keep their checkpoints: it outlives them and reboots,
 * and is lost with its VM, or with its VM's OS disk.
 */
export interface MachineCheckpoints {
  /** Opens them in the machine's n-th boot, for a process that lives as long as its gate lets it. */
  open(machine: SimMachine, bootNumber: number, gate: Gate): NodeCheckpoints;
}

/** Disks of machines without any checkpoint. */
export function createMachineCheckpoints(): MachineCheckpoints {
  const files = new Map<string, CheckpointFile>();
  return {
    open: (machine, bootNumber, gate) => {
      const bootId = `${machine.vmGuid}/${bootNumber}`;
      const osDisk = `${machine.vmGuid}/${machine.osDisk()}`;
      const first = afterBoot(files.get(osDisk) ?? { bootId, heartbeat: 0, volumes: [] }, bootId);
      const write = async (content: CheckpointFile): Promise<Result<void>> => {
        if (gate.isShut()) await gate.passed();
        if (machine.rootDisk.isBroken) return fail({ kind: "HostNotReady", detail: "EROFS" });
        files.set(osDisk, content);
        return ok(undefined);
      };
      return createDurableCheckpoints(first, write, { lane: createCallLane() });
    },
  };
}
