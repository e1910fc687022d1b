import { type JsonObject, textAt } from "../api/json.ts";
import { isoTime } from "../api/resource/iso-time.ts";
import type { ProvisioningState } from "../disk/disk.ts";
import { domainsOf } from "../scale-set/fault-domains.ts";
import type { World } from "../world.ts";
import { osTypeOf } from "./os-disk/image.ts";
import { isAgentReady, isLeaving, type PowerState, type VirtualMachine } from "./virtual-machine.ts";

const PROVISIONING_TEXT: Readonly<Record<ProvisioningState, string>> = {
  Creating: "Creating",
  Updating: "Updating",
  Deleting: "Deleting",
  Succeeded: "Provisioning succeeded",
  Failed: "Provisioning failed",
  Canceled: "Provisioning canceled",
};

const IN_PROGRESS: readonly ProvisioningState[] = ["Creating", "Updating", "Deleting"];

/**
 * The status of a VM, a scale set or a disk by its provisioning state. Its time is when that state was
 * reached, and one in progress has none (Learn, States and billing status; recorded in 2019 of a reimage).
 */
export function provisioningStatus(state: ProvisioningState, settledAtMs: number): JsonObject {
  return {
    code: `ProvisioningState/${state.toLowerCase()}`,
    level: "Info",
    displayStatus: PROVISIONING_TEXT[state],
    ...(IN_PROGRESS.includes(state) ? {} : { time: isoTime(settledAtMs) }),
  };
}

/**
 * The answer of `/instanceView`. `running` says nothing about the guest; only the agent's status does.
 * Inferred: disks have the time of their VM, and the agent has reported just now.
 */
export function renderInstanceView(world: World, vm: VirtualMachine): JsonObject {
  const time = isoTime(world.nowMs);
  const { settledAtMs = vm.createdAtMs } = vm;
  const isWindows = osTypeOf(vm.other) === "Windows";
  const osDisk = textAt(vm.other, "storageProfile", "osDisk", "name");
  const diskView = (name: string, state: ProvisioningState): JsonObject => ({
    name,
    statuses: [provisioningStatus(state, settledAtMs)],
  });
  return {
    ...domainsOf(world, vm),
    computerName: textAt(vm.other, "osProfile", "computerName") ?? vm.name,
    osName: isWindows ? windowsOf(vm) : "linux",
    hyperVGeneration: "V2",
    vmAgent: {
      vmAgentVersion: isWindows ? "2.7.41491.1149" : "2.9.1.1",
      statuses: [
        isAgentReady(vm)
          ? {
              code: "ProvisioningState/succeeded",
              level: "Info",
              displayStatus: "Ready",
              message: isWindows
                ? "GuestAgent is running and processing the extensions."
                : "Guest Agent is running",
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
      provisioningStatus(vm.provisioningState, settledAtMs),
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

/** Recorded in January 2026 of the image 2019-Datacenter. */
function windowsOf({ other }: VirtualMachine): string {
  const sku = textAt(other, "storageProfile", "imageReference", "sku") ?? "";
  const [, release = "2022"] = /^(\d{4}(?:-R2)?)-datacenter/i.exec(sku) ?? [];
  return `Windows Server ${release.replace("-", " ")} Datacenter`;
}
