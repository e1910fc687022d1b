import type { Json, JsonObject } from "../../api/json.ts";
import type { NamedAddress } from "../../api/resource/resource-id.ts";
import { DEFAULT_IMAGE } from "./image.ts";

const ADMINISTRATOR = "azureuser";
/** A key of zeros. */
const PUBLIC_KEY = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${"A".repeat(43)} ${ADMINISTRATOR}`;

/** The profiles of a VM of the set-up, as of one that `az vm create --generate-ssh-keys` makes. */
export function setUpVmProfiles(vm: NamedAddress & { readonly computerName: string }): JsonObject {
  const network = `/subscriptions/${vm.subscriptionId}/resourceGroups/${vm.resourceGroup}/providers/Microsoft.Network`;
  return {
    storageProfile: STORAGE_PROFILE,
    osProfile: { computerName: vm.computerName, ...OS_PROFILE },
    networkProfile: {
      networkInterfaces: [
        { id: `${network}/networkInterfaces/${vm.name}VMNic`, properties: { deleteOption: "Delete" } },
      ],
    },
  };
}

export function setUpScaleSetProfile(
  set: NamedAddress & { readonly computerNamePrefix: string },
): JsonObject {
  const network = `/subscriptions/${set.subscriptionId}/resourceGroups/${set.resourceGroup}/providers/Microsoft.Network`;
  return {
    storageProfile: STORAGE_PROFILE,
    osProfile: { computerNamePrefix: set.computerNamePrefix, ...OS_PROFILE },
    networkProfile: {
      networkInterfaceConfigurations: [
        {
          name: `${set.name}Nic`,
          properties: {
            primary: true,
            ipConfigurations: [
              {
                name: `${set.name}IPConfig`,
                properties: {
                  primary: true,
                  subnet: { id: `${network}/virtualNetworks/${set.name}VNET/subnets/${set.name}Subnet` },
                },
              },
            ],
          },
        },
      ],
    },
  };
}

/** Its OS disk goes with the VM, as the portal and AKS have it. */
const STORAGE_PROFILE: Json = {
  imageReference: DEFAULT_IMAGE,
  osDisk: { createOption: "FromImage", deleteOption: "Delete" },
};

const OS_PROFILE = {
  adminUsername: ADMINISTRATOR,
  linuxConfiguration: {
    disablePasswordAuthentication: true,
    ssh: { publicKeys: [{ path: `/home/${ADMINISTRATOR}/.ssh/authorized_keys`, keyData: PUBLIC_KEY }] },
    provisionVMAgent: true,
  },
  secrets: [],
  allowExtensionOperations: true,
  requireGuestProvisionSignal: true,
} satisfies Json;
