import { type JsonObject, merged } from "../../api/json.ts";

const PATCHES = { patchMode: "ImageDefault", assessmentMode: "ImageDefault" };
const OF_ANY_SYSTEM = { secrets: [], allowExtensionOperations: true, requireGuestProvisionSignal: true };
const OF_LINUX = { disablePasswordAuthentication: false, provisionVMAgent: true };
const OF_LINUX_VM = { ...OF_LINUX, patchSettings: PATCHES };
const OF_WINDOWS = { provisionVMAgent: true, enableAutomaticUpdates: true };
const OF_WINDOWS_VM = {
  ...OF_WINDOWS,
  patchSettings: { ...PATCHES, patchMode: "AutomaticByOS" },
  enableVMAgentPlatformUpdates: true,
};

/** Whose `osProfile` it is. The instances of a uniform scale set have that of its model. */
export type Machine = "VM" | "Model";

/**
 * The `osProfile` of a machine with what Azure adds to it: recorded of Linux by `az vm show` of VMs with a
 * password and with a key, of Windows in 2026 by cloud-provider-azure.
 */
export function completedOsProfile(
  stated: JsonObject,
  { osType, machine }: { readonly osType: "Linux" | "Windows"; readonly machine: Machine },
): JsonObject {
  const isVm = machine === "VM";
  const ofSystem =
    osType === "Windows"
      ? { windowsConfiguration: isVm ? OF_WINDOWS_VM : OF_WINDOWS }
      : { linuxConfiguration: isVm ? OF_LINUX_VM : OF_LINUX };
  return merged({ ...OF_ANY_SYSTEM, ...ofSystem }, stated);
}
