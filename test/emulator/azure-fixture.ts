import { ComputeManagementClient } from "@azure/arm-compute";
import { ClientSecretCredential } from "@azure/identity";
import { type Emulator, type EmulatorOptions, startEmulator, type VmSetUp } from "../../src/emulator/index.ts";

export const SUBSCRIPTION_ID = "00000000-0000-0000-0000-000000000001";
export const TENANT_ID = "00000000-0000-0000-0000-0000000000ff";

export interface AzureFixture {
  readonly emulator: Emulator;
  readonly client: ComputeManagementClient;
  close(): Promise<void>;
}

/** An emulator with resource group `rg` in eastus, a thousand times as fast as Azure, and the unmodified SDK logged in to it over TLS. */
export async function startAzure(
  options: Omit<EmulatorOptions, "virtualMachines"> & { virtualMachines?: readonly Partial<VmSetUp>[] } = {},
): Promise<AzureFixture> {
  const emulator = await startEmulator({
    ...options,
    settings: { timeScale: 0.001, ...options.settings },
    resourceGroups: [{ subscriptionId: SUBSCRIPTION_ID, name: "rg", location: "eastus" }],
    virtualMachines: (options.virtualMachines ?? []).map((vm, index) => ({
      subscriptionId: SUBSCRIPTION_ID,
      resourceGroup: "rg",
      location: "eastus",
      name: `node-${index}`,
      ...vm,
    })),
  });
  return { emulator, client: sdkClient(emulator), close: () => emulator.close() };
}

function sdkClient(emulator: Emulator): ComputeManagementClient {
  return new ComputeManagementClient(credential(emulator), SUBSCRIPTION_ID, {
    endpoint: emulator.url,
    tlsOptions: { ca: emulator.caPem ?? "" },
    retryOptions: { maxRetries: 0 },
  });
}

export function credential(emulator: Emulator): ClientSecretCredential {
  return new ClientSecretCredential(TENANT_ID, "driver", "secret", {
    authorityHost: emulator.url,
    disableInstanceDiscovery: true,
    tlsOptions: { ca: emulator.caPem ?? "" },
  });
}

/** Creates a small Premium disk in zone 1 and answers its id. */
export async function createDisk(azure: AzureFixture, name: string, more: object = {}): Promise<string> {
  const disk = await azure.client.disks.createOrUpdate(
    "rg",
    name,
    { location: "eastus", zones: ["1"], sku: { name: "Premium_LRS" }, creationData: { createOption: "Empty" }, diskSizeGB: 8, ...more },
    { updateIntervalInMs: 5 },
  );
  return disk.id ?? "";
}
