import { type JsonObject, textAt } from "../api/json.ts";
import { isoTime } from "../api/resource/iso-time.ts";
import type { ProvisioningState } from "../disk/disk.ts";
import { isAgentReady, isLeaving, type PowerState, type VirtualMachine } from "./virtual-machine.ts";

const PROVISIONING_TEXT: Readonly<Record<ProvisioningState, string>> = {
  Creating: "Creating",
  Updating: "Updating",
  Deleting: "Deleting",
  Succeeded: "Provisioning succeeded",
  Failed: "Provisioning failed",
  Canceled: "Provisioning canceled",
};

/** The status of a VM, a scale set or a disk by its provisioning state. */
export function provisioningStatus(state: ProvisioningState, time: string): JsonObject {
  return {
    code: `ProvisioningState/${state.toLowerCase()}`,
    level: "Info",
    displayStatus: PROVISIONING_TEXT[state],
    time,
  };
}

/** The answer of `/instanceView`. `running` says nothing about the guest; only the agent's status does. */
export function renderInstanceView(vm: VirtualMachine, nowMs: number): JsonObject {
  const time = isoTime(nowMs);
  const osDisk = textAt(vm.other, "storageProfile", "osDisk", "name");
  const diskView = (name: string, state: ProvisioningState): JsonObject => ({
    name,
    statuses: [provisioningStatus(state, time)],
  });
  return {
    computerName: textAt(vm.other, "osProfile", "computerName") ?? vm.name,
    osName: "linux",
    hyperVGeneration: "V2",
    vmAgent: {
      vmAgentVersion: "2.9.1.1",
      statuses: [
        isAgentReady(vm)
          ? {
              code: "ProvisioningState/succeeded",
              level: "Info",
              displayStatus: "Ready",
              message: "Guest Agent is running",
              time,
            }
          : {
              code: "ProvisioningState/Unavailable",
              level: "Warning",
              displayStatus: "Not Ready",
              message: "VM status blob is found but not yet populated.",
              time,
            },
      ],
    },
    disks: [
      ...(osDisk === undefined ? [] : [diskView(osDisk, "Succeeded")]),
      ...vm.dataDisks.map((entry) => diskView(entry.name, isLeaving(entry) ? "Updating" : "Succeeded")),
    ],
    statuses: [
      provisioningStatus(vm.provisioningState, time),
      {
        code: `PowerState/${vm.power}`,
        level: "Info",
        displayStatus: `VM ${vm.power}` satisfies `VM ${PowerState}`,
      },
      ...(vm.hibernated
        ? [{ code: "HibernationState/Hibernated", level: "Info", displayStatus: "VM hibernated" }]
        : []),
    ],
  };
}
