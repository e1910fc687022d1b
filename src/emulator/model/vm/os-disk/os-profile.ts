import { type JsonObject, merged } from "../../api/json.ts";

const PATCHES = { patchMode: "ImageDefault", assessmentMode: "ImageDefault" };
const OF_ANY_SYSTEM = { secrets: [], allowExtensionOperations: true, requireGuestProvisionSignal: true };
const OF_LINUX = {
  linuxConfiguration: {
    disablePasswordAuthentication: false,
    provisionVMAgent: true,
    patchSettings: PATCHES,
  },
};
/** Recorded in 2023 by the tests of Azure's SDK for Java. */
const OF_WINDOWS = {
  windowsConfiguration: {
    provisionVMAgent: true,
    enableAutomaticUpdates: true,
    patchSettings: { ...PATCHES, patchMode: "AutomaticByOS" },
    enableVMAgentPlatformUpdates: false,
  },
};

/**
 * The `osProfile` of a VM, or of a scale set's model, with what Azure adds to it: recorded of Linux by
 * `az vm show` of VMs with a password and with a key.
 */
export function completedOsProfile(stated: JsonObject, osType: "Linux" | "Windows"): JsonObject {
  const ofSystem = osType === "Windows" ? OF_WINDOWS : OF_LINUX;
  return merged({ ...OF_ANY_SYSTEM, ...ofSystem }, stated);
}
