import type { AzureConfig, ConfigFailure } from "../../adapters/azure-sdk/azure-config.ts";
import { connectAzure } from "../../adapters/azure-sdk/connect-azure.ts";
import { parseAzureConfig } from "../../adapters/azure-sdk/parse-azure-config.ts";
import { registerBudgetMetrics } from "../../adapters/observe/budget-metrics.ts";
import type { Values } from "../../cli/options.ts";
import { ok } from "../../core/failure/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { EtagWriteMemory } from "../../ports/cloud/etag-write-memory.ts";
import type { ArmApi } from "../../provisioner/arm/arm-api.ts";
import {
  createAzureCloudProvisioner,
  type AzureCloudProvisioner,
} from "../../provisioner/azure-cloud-provisioner.ts";
import type { DiskPlace } from "../../provisioner/disk/disks.ts";
import type { ProcessPorts } from "../roles/run-role.ts";
import { type detachOptions, provisionerSettingsOf } from "../settings/detach-options.ts";
import type { azureOptions } from "../settings/process-options.ts";
import { readNamedFile, WrongSetting } from "../settings/wrong-setting.ts";

type CloudValues = Values<typeof azureOptions & typeof detachOptions>;

/** The flags of those fields of the Azure settings that have one. */
const FLAGS: Readonly<Record<string, string>> = {
  subscriptionId: "--subscription-id",
  resourceGroup: "--resource-group",
  location: "--location",
};

type CloudPorts = Pick<ProcessPorts, "clock" | "random" | "registry" | "lifetime">;

/** What the provisioner receives besides its settings. */
export interface CloudContext {
  /** Remembers which writes move a VM's ETag. */
  readonly etagWrites?: EtagWriteMemory;
}

/**
 * Builds the provisioner from a role's settings. Throws `WrongSetting` if they don't say how Azure is
 * reached. Sends nothing to Azure yet.
 */
export async function connectCloud(
  values: CloudValues,
  ports: CloudPorts,
  context: CloudContext = {},
): Promise<AzureCloudProvisioner> {
  const { arm, place } = await reachAzure(values, ports.clock);
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

/** How Azure is reached; nothing is sent yet. Throws `WrongSetting` if the settings don't say how. */
export async function reachAzure(
  values: Values<typeof azureOptions>,
  clock: Clock,
): Promise<{ readonly arm: ArmApi; readonly place: DiskPlace }> {
  const file = values["cloud-config"];
  const fromFile = file === undefined ? ok({}) : parseAzureConfig(await readNamedFile("cloud-config", file));
  if (!fromFile.ok) throw wrongField(fromFile.failure, values);
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
  const caPem = caFile === undefined ? undefined : await readNamedFile("azure-ca-file", caFile);
  const connected = connectAzure({ config, environment, caPem, clock });
  if (!connected.ok) throw wrongField(connected.failure, values);
  return connected.value;
}
/** Names the flag, and the file if there is one, of a field of the Azure settings. */
function wrongField({ field, problem }: ConfigFailure, values: Values<typeof azureOptions>): WrongSetting {
  const flag = FLAGS[field];
  if (flag !== undefined && problem.startsWith("is missing"))
    return new WrongSetting(`${flag}: ${field} ${problem}`);
  const file = values["cloud-config"];
  const given = file === undefined ? "" : `got ${JSON.stringify(file)}; `;
  return new WrongSetting(`--cloud-config: ${given}${field} ${problem}`);
}

function stated<K extends keyof AzureConfig>(name: K, value: string | undefined): Partial<AzureConfig> {
  return value === undefined ? {} : { [name]: value };
}
