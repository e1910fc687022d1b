import { readFile } from "node:fs/promises";
import type { AzureConfig } from "../../adapters/azure-sdk/azure-config.ts";
import { connectAzure } from "../../adapters/azure-sdk/connect-azure.ts";
import { parseAzureConfig } from "../../adapters/azure-sdk/parse-azure-config.ts";
import { registerBudgetMetrics } from "../../adapters/observe/budget-metrics.ts";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import { ok } from "../../core/failure/result.ts";
import type { EtagWriteMemory } from "../../ports/cloud/etag-write-memory.ts";
import {
  createAzureCloudProvisioner,
  type AzureCloudProvisioner,
} from "../../provisioner/azure-cloud-provisioner.ts";
import type { ProcessPorts } from "../roles/run-role.ts";
import { type detachOptions, provisionerSettingsOf } from "../settings/detach-options.ts";
import type { Values } from "../settings/options.ts";
import type { azureOptions } from "../settings/process-options.ts";

type CloudValues = Values<typeof azureOptions & typeof detachOptions>;

type CloudPorts = Pick<ProcessPorts, "clock" | "random" | "registry" | "lifetime">;

/** What the provisioner receives besides its settings. */
export interface CloudContext {
  /** Remembers which writes move a VM's ETag. */
  readonly etagWrites?: EtagWriteMemory;
}

/**
 * Builds the provisioner from a role's settings. Throws with a sentence that names the wrong setting.
 * Sends nothing to Azure yet.
 */
export async function connectCloud(
  values: CloudValues,
  ports: CloudPorts,
  context: CloudContext = {},
): Promise<AzureCloudProvisioner> {
  const file = values["cloud-config"];
  const fromFile = file === undefined ? ok({}) : parseAzureConfig(await readFile(file, "utf8"));
  if (!fromFile.ok) throw new Error(`--cloud-config ${file ?? ""}: ${describeFailure(fromFile.failure)}`);
  const endpoint = values["azure-endpoint"];
  const environment = process.env;
  const config: AzureConfig = {
    ...stated("tenantId", environment["AZURE_TENANT_ID"]),
    ...stated("aadClientId", environment["AZURE_CLIENT_ID"]),
    ...stated("aadClientSecret", environment["AZURE_CLIENT_SECRET"]),
    ...fromFile.value,
    ...(endpoint === undefined ? {} : { resourceManagerEndpoint: endpoint }),
    ...stated("subscriptionId", values["subscription-id"]),
    ...stated("resourceGroup", values["resource-group"]),
    ...stated("location", values.location),
  };
  const caFile = values["azure-ca-file"];
  const caPem = caFile === undefined ? undefined : await readFile(caFile, "utf8");
  const connected = connectAzure({ config, environment, caPem, clock: ports.clock });
  if (!connected.ok) throw new Error(describeFailure(connected.failure));
  const { arm, place } = connected.value;
  const provisioner = createAzureCloudProvisioner({
    arm,
    place,
    clock: ports.clock,
    random: ports.random,
    lifetime: ports.lifetime,
    settings: provisionerSettingsOf(values),
    ...context,
  });
  registerBudgetMetrics(ports.registry, () => provisioner.budget());
  return provisioner;
}

function stated<K extends keyof AzureConfig>(name: K, value: string | undefined): Partial<AzureConfig> {
  return value === undefined ? {} : { [name]: value };
}
