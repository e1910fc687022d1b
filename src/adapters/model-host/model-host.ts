import type { HostProvisioner } from "../../ports/host/host-provisioner.ts";
import type { MachineState } from "./machine-state.ts";
import { cleanCalls } from "./model-clean.ts";
import { deviceCalls } from "./model-devices.ts";
import { fileSystemCalls } from "./model-file-systems.ts";
import { freezeCalls } from "./model-freezes.ts";
import { mountCalls } from "./model-mounts.ts";
import { createPlugInCalls } from "./plug-in-calls.ts";
import { reservationCalls } from "./reservation/reservation-calls.ts";

/** The host that one plug-in instance has of a modelled machine. */
export function createModelHost(machine: MachineState, instanceNumber: number): HostProvisioner {
  const calls = createPlugInCalls(machine, instanceNumber);
  return {
    ...deviceCalls(calls),
    ...fileSystemCalls(calls),
    ...mountCalls(calls),
    ...freezeCalls(calls),
    ...cleanCalls(calls),
    ...reservationCalls(calls),
  };
}
