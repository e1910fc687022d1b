import assert from "node:assert/strict";
import { ComputeManagementClient } from "@azure/arm-compute";
import { ClientSecretCredential } from "@azure/identity";
import {
  type Emulator,
  type EmulatorOptions,
  startEmulator,
  type VmSetUp,
} from "../../src/emulator/index.ts";

export const SUBSCRIPTION_ID = "00000000-0000-0000-0000-000000000001";
export const TENANT_ID = "00000000-0000-0000-0000-0000000000ff";

export interface AzureFixture {
  readonly emulator: Emulator;
  readonly client: ComputeManagementClient;
  close(): Promise<void>;
}

/**
 * An emulator with resource group `rg` in eastus, a thousand times as fast as Azure, and the unmodified SDK
 * logged in to it over TLS.
 */
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

/** How long a busy machine may take, in milliseconds. */
export const PATIENCE_MS = 60_000;

/**
 * Waits until Azure has received an operation, such as `VirtualMachines_Update`, since this position in its
 * journal.
 */
export async function untilAsked(azure: AzureFixture, operation: string, since: number): Promise<void> {
  const endsMs = performance.now() + PATIENCE_MS;
  while (
    !azure.emulator.model.journal
      .since(since)
      .some((entry) => entry.kind === "arm" && entry.operation === operation)
  ) {
    if (performance.now() > endsMs)
      throw new Error(`no call of ${operation} within ${PATIENCE_MS / 1_000} s`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Starts an operation and aborts it once Azure has received it; the caller receives the cancellation. */
export async function abandon(
  azure: AzureFixture,
  operation: string,
  begin: (abortSignal: AbortSignal) => PromiseLike<unknown>,
): Promise<void> {
  const caller = new AbortController();
  const since = azure.emulator.model.journal.lastSequence();
  const abandoned = assert.rejects(async () => begin(caller.signal), { name: "AbortError" });
  await Promise.race([abandoned, untilAsked(azure, operation, since)]);
  caller.abort();
  await abandoned;
}

/** Creates a small Premium disk in zone 1 and answers its id. */
export async function createDisk(azure: AzureFixture, name: string, more: object = {}): Promise<string> {
  const disk = await azure.client.disks.createOrUpdate(
    "rg",
    name,
    {
      location: "eastus",
      zones: ["1"],
      sku: { name: "Premium_LRS" },
      creationData: { createOption: "Empty" },
      diskSizeGB: 8,
      ...more,
    },
    { updateIntervalInMs: 5 },
  );
  return disk.id ?? "";
}

/** The data disks of a VM. */
export type DataDisks = readonly { readonly lun: number; readonly id: string; readonly more?: object }[];

/** Replaces the list of data disks of a VM. */
export function attachDisks(
  azure: AzureFixture,
  vm: string,
  entries: DataDisks,
  options: object,
): PromiseLike<unknown> {
  const dataDisks = entries.map(({ lun, id, more }) => ({
    lun,
    createOption: "Attach",
    managedDisk: { id },
    ...more,
  }));
  return azure.client.virtualMachines.update("rg", vm, { storageProfile: { dataDisks } }, options);
}
