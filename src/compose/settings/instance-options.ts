import { connectInstanceMetadata } from "../../adapters/azure-imds/connect-instance-metadata.ts";
import { grouped, type Values } from "../../cli/options.ts";
import { parseInstanceUri } from "../../core/azure/ids/instance-uri.ts";
import type { InstanceMetadataService } from "../../ports/cloud/instance-metadata.ts";
import { webAddressProblem } from "./web-address.ts";
import { readNamedCertificates } from "./wrong-setting.ts";

/** How a process learns which VM it runs on. */
export const instanceOptions = grouped("Machine", {
  "metadata-endpoint": {
    kind: "text",
    default: "http://169.254.169.254",
    problem: webAddressProblem,
    help: "Azure's instance metadata service of this VM, which is asked for what is not given",
  },
  "metadata-ca-file": {
    kind: "text",
    help: "PEM file of a further certificate authority, for a metadata endpoint with https",
  },
  "vm-resource-id": {
    kind: "text",
    problem: (value) =>
      parseInstanceUri(value) === undefined
        ? "expected /subscriptions/…/resourceGroups/…/providers/Microsoft.Compute/virtualMachines/<name>, or " +
          "…/virtualMachineScaleSets/<scale set>/virtualMachines/<instance id>"
        : undefined,
    help:
      "The VM's resource id, /subscriptions/…/virtualMachines/<name or instance id>, its only key for the " +
      "controller (default: what the metadata service says)",
  },
});

/**
 * The metadata service that the settings name. Throws with a sentence if the endpoint is not valid, or
 * its authority can't be read.
 */
export async function metadataService(
  values: Values<typeof instanceOptions>,
): Promise<InstanceMetadataService> {
  const path = values.metadataCaFile;
  const certificateAuthority =
    path === undefined ? undefined : await readNamedCertificates("metadata-ca-file", path);
  return connectInstanceMetadata({ endpoint: values.metadataEndpoint, certificateAuthority });
}
