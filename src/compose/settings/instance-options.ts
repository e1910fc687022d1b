import { readFile } from "node:fs/promises";
import { connectInstanceMetadata } from "../../adapters/azure-imds/connect-instance-metadata.ts";
import type { InstanceMetadataService } from "../../ports/cloud/instance-metadata.ts";
import type { Options, Values } from "./options.ts";

/** How a process learns which VM it runs on. */
export const instanceOptions = {
  "metadata-endpoint": {
    kind: "text",
    default: "http://169.254.169.254",
    help: "Azure's instance metadata service of this VM, which is asked for what is not given",
  },
  "metadata-ca-file": {
    kind: "text",
    help: "PEM file of a further certificate authority, for a metadata endpoint with https",
  },
  "vm-resource-id": {
    kind: "text",
    help:
      "The VM's resource id, /subscriptions/…/virtualMachines/<name>, its only key for the controller " +
      "(default: what the metadata service says)",
  },
} as const satisfies Options;

/**
 * The metadata service that the settings name. Throws with a sentence if the endpoint is not valid, or
 * its authority can't be read.
 */
export async function metadataService(
  values: Values<typeof instanceOptions>,
): Promise<InstanceMetadataService> {
  const path = values["metadata-ca-file"];
  const certificateAuthority = path === undefined ? undefined : await readFile(path, "utf8");
  return connectInstanceMetadata({ endpoint: values["metadata-endpoint"], certificateAuthority });
}
