import type { VmEvent } from "../../src/emulator/model/vm/vm-set-up.ts";
import type { Random } from "../../src/ports/random.ts";
import type { Agenda } from "../agenda.ts";
import type { RunMachine } from "./create-sim-machine.ts";
import type { SimAzure } from "./sim-azure.ts";

const REBOOT_MS = [8_000, 30_000] as const;

/** Faults of a machine that its VM survives; `strike` reports to Azure what it notices. */
export function createMachineMishaps(options: {
  readonly machineOf: (nodeName: string) => RunMachine | undefined;
  readonly strike: (nodeName: string, event: VmEvent) => void;
  readonly vmOf: SimAzure["vmOf"];
  readonly agenda: Agenda;
  readonly random: Random;
}): Pick<SimAzure, "freeze" | "thaw" | "holdScans" | "losePower" | "powerOn" | "reboot" | "failVm"> {
  const { machineOf, strike, vmOf, agenda, random } = options;
  return {
    freeze: (nodeName) => {
      machineOf(nodeName)?.freeze();
      strike(nodeName, "GuestHang");
    },
    thaw: (nodeName) => {
      const machine = machineOf(nodeName);
      if (machine?.state() !== "frozen") return;
      machine.thaw();
      strike(nodeName, "GuestRecovery");
    },
    holdScans: (nodeName) => machineOf(nodeName)?.holdScans() ?? (() => undefined),
    losePower: (nodeName, { isSilent }) => strike(nodeName, isSilent ? "SilentPowerLoss" : "PowerLoss"),
    powerOn: (nodeName) => {
      if (machineOf(nodeName)?.state() === "off") strike(nodeName, "PowerReturn");
    },
    failVm: (nodeName) => {
      if (vmOf(nodeName)?.provisioningState !== "Deleting") strike(nodeName, "ProvisioningFailure");
    },
    reboot: (nodeName) => {
      const machine = machineOf(nodeName);
      if (machine === undefined || machine.state() === "off") return;
      strike(nodeName, "GuestHang");
      machine.cutPower();
      const bootNumber = machine.bootNumber();
      const [least, most] = REBOOT_MS;
      agenda.after(least + random.next() * (most - least), () => {
        // Whether Azure runs the VM, whatever its guest does.
        const hasPower = vmOf(nodeName)?.power === "running";
        const isStillOff = machine.state() === "off" && machine.bootNumber() === bootNumber;
        if (isStillOff && machineOf(nodeName) === machine && hasPower) strike(nodeName, "PowerReturn");
      });
    },
  };
}
