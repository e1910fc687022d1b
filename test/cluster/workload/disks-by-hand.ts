import type { AzureUnit } from "../../../testbed/lab/units/azure-unit.ts";
import { waitUntil } from "../../../testbed/lab/units/wait-until.ts";

const DISK_API = "api-version=2025-01-02";
const SETTLED_MAX_MS = 240_000;

/** Creates an empty disk of 4 GiB without the driver, regional without a zone, and waits until it exists. */
export async function makeDisk(
  azure: AzureUnit,
  { diskUri, zone }: { readonly diskUri: string; readonly zone: string | undefined },
): Promise<void> {
  const path = `${diskUri}?${DISK_API}`;
  await azure.call("PUT", path, {
    location: azure.location,
    ...(zone === undefined ? {} : { zones: [zone] }),
    sku: { name: "Premium_LRS" },
    properties: { creationData: { createOption: "Empty" }, diskSizeGB: 4 },
  });
  await untilSucceeded(azure, path);
}

/** Deletes a disk; Azure finishes in the background. */
export async function deleteDisk(azure: AzureUnit, diskUri: string): Promise<void> {
  await azure.call("DELETE", `${diskUri}?${DISK_API}`);
}

/**
 * Waits until Azure has finished the last operation on a resource. `path` is its URI with its API version.
 */
export async function untilSucceeded(azure: AzureUnit, path: string): Promise<void> {
  await waitUntil(`Azure to finish ${path}`, { timeoutMs: SETTLED_MAX_MS }, async () => {
    const { properties } = (await azure.call("GET", path)) as {
      readonly properties: { readonly provisioningState: string };
    };
    return properties.provisioningState === "Succeeded" ? true : undefined;
  });
}
