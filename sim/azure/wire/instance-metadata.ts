import type { InstanceMetadata } from "../../../src/ports/cloud/instance-metadata.ts";
import type { SimMachine } from "../sim-machine.ts";

/** What the hosts of VMs answer them about themselves: late, or nothing, while a fault says so. */
export function createInstanceMetadata(
  metadataOf: (machine: SimMachine) => InstanceMetadata | undefined,
  machineOf: (nodeName: string) => SimMachine | undefined,
): {
  answerOf(machine: SimMachine): InstanceMetadata | undefined;
  holdMetadata(nodeName: string): () => void;
  silenceMetadata(nodeName: string): () => void;
} {
  const held = new Map<SimMachine, InstanceMetadata>();
  const silent = new Set<SimMachine>();
  return {
    answerOf: (machine) => {
      const present = silent.has(machine) ? undefined : metadataOf(machine);
      return present && { ...present, dataDisks: (held.get(machine) ?? present).dataDisks };
    },
    holdMetadata: (nodeName) => {
      const machine = machineOf(nodeName);
      const present = machine && metadataOf(machine);
      if (machine !== undefined && present !== undefined) held.set(machine, present);
      return () => {
        if (machine !== undefined && held.get(machine) === present) held.delete(machine);
      };
    },
    silenceMetadata: (nodeName) => {
      const machine = machineOf(nodeName);
      if (machine !== undefined) silent.add(machine);
      return () => {
        if (machine !== undefined) silent.delete(machine);
      };
    },
  };
}
