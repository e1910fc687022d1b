import type { AzureUnit } from "../../../testbed/lab/units/azure-unit.ts";
import { waitUntil } from "../../../testbed/lab/units/wait-until.ts";

const DISK_API = "api-version=2025-01-02";
const SETTLED_MAX_MS = 60_000;

/**
 * Makes an empty disk of 4 GiB, as somebody does who knows nothing of the driver, and waits until it is
 * there.
 */
export async function makeDisk(
  azure: AzureUnit,
  { diskUri, zone }: { readonly diskUri: string; readonly zone: string },
): Promise<void> {
  const path = `${diskUri}?${DISK_API}`;
  await azure.call("PUT", path, {
    location: azure.location,
    zones: [zone],
    sku: { name: "Premium_LRS" },
    properties: { creationData: { createOption: "Empty" }, diskSizeGB: 4 },
  });
  await untilSucceeded(azure, path);
}

/** Deletes a disk; Azure goes on with that by itself. */
export async function deleteDisk(azure: AzureUnit, diskUri: string): Promise<void> {
  await azure.call("DELETE", `${diskUri}?${DISK_API}`);
}

/**
 * Waits until Azure is done with what was asked of a resource last. `path` is its URI with its API version.
 */
export async function untilSucceeded(azure: AzureUnit, path: string): Promise<void> {
  await waitUntil(`Azure to be done with ${path}`, { timeoutMs: SETTLED_MAX_MS }, async () => {
    const { properties } = (await azure.call("GET", path)) as {
      readonly properties: { readonly provisioningState: string };
    };
    return properties.provisioningState === "Succeeded" ? true : undefined;
  });
}
