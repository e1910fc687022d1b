import { defaultApiVersions } from "../../adapters/azure-sdk/api-versions.ts";
import { type AzureConfig, type ConfigFailure, endpointsOf } from "../../adapters/azure-sdk/azure-config.ts";
import { isManagedIdentity } from "../../adapters/azure-sdk/azure-credential.ts";
import { connectAzure } from "../../adapters/azure-sdk/connect-azure.ts";
import type { UnusableSettings } from "../../adapters/azure-sdk/current-credential.ts";
import { type ParsedAzureConfig, parseAzureConfig } from "../../adapters/azure-sdk/parse-azure-config.ts";
import { wrongProxy } from "../../adapters/azure-sdk/proxied-agent.ts";
import { driverUserAgent } from "../../adapters/azure-sdk/sdk-arm-api.ts";
import { logSdkWith } from "../../adapters/azure-sdk/sdk-log.ts";
import { registerBudgetMetrics } from "../../adapters/observe/metrics.ts";
import { fieldOf, type Values } from "../../cli/options.ts";
import { driverVersion } from "../../cli/version.ts";
import { regionName } from "../../core/azure/topology.ts";
import { refuseArgument } from "../../core/failure/frequent-failures.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { toTimestamp } from "../../core/primitives/timestamp.ts";
import type { Clock } from "../../ports/clock.ts";
import type { EtagWriteMemory } from "../../ports/cloud/etag-write-memory.ts";
import type { Logger } from "../../ports/logger.ts";
import type { ArmApi } from "../../provisioner/arm/arm-api.ts";
import {
  createAzureCloudProvisioner,
  type AzureCloudProvisioner,
} from "../../provisioner/azure-cloud-provisioner.ts";
import type { DefaultDiskPlace } from "../../provisioner/disk/disks.ts";
import type { ProcessPorts } from "../roles/run-role.ts";
import { type detachOptions, provisionerSettingsOf } from "../settings/detach-options.ts";
import type { azureOptions } from "../settings/process-options.ts";
import { readNamedCertificates, readNamedFile, WrongSetting } from "../settings/wrong-setting.ts";

type CloudValues = Values<typeof azureOptions & typeof detachOptions>;

/** The flags of those fields of the Azure settings that have one. */
const FLAGS: Readonly<Record<string, keyof typeof azureOptions>> = {
  cloud: "azure-cloud",
  resourceManagerEndpoint: "azure-endpoint",
  subscriptionId: "subscription-id",
  resourceGroup: "resource-group",
  location: "location",
};

type CloudPorts = Pick<ProcessPorts, "clock" | "random" | "registry" | "lifetime" | "logger">;

/**
 * Builds the provisioner from a role's settings. Throws `WrongSetting` if they don't say how Azure is
 * reached. Sends nothing to Azure yet.
 */
export async function connectCloud(
  values: CloudValues,
  ports: CloudPorts,
  etagWrites?: EtagWriteMemory,
): Promise<AzureCloudProvisioner> {
  const { arm, place, unusedFields } = await reachAzure(values, ports);
  if (unusedFields.length > 0)
    ports.logger.info("azure.json has fields that the driver does not use", { unusedFields });
  const provisioner = createAzureCloudProvisioner({
    arm,
    place,
    clock: ports.clock,
    random: ports.random,
    lifetime: ports.lifetime,
    settings: provisionerSettingsOf(values),
    etagWrites,
  });
  registerBudgetMetrics(ports.registry, () => provisioner.budget());
  return provisioner;
}

interface AzureReach {
  readonly arm: ArmApi;
  readonly place: DefaultDiskPlace;
  /** Azure Resource Manager's address. */
  readonly endpoint: string;
  /** The application or identity that signs in, if the settings name one. */
  readonly clientId: string | undefined;
  /** Names of the fields of `azure.json` that the driver does not use. */
  readonly unusedFields: readonly string[];
}

/**
 * How Azure is reached; nothing is sent yet. The file of the settings is read again at each sign-in. Throws
 * `WrongSetting` if the settings don't say how.
 */
export async function reachAzure(
  values: Values<typeof azureOptions>,
  { clock, logger }: { readonly clock: Clock; readonly logger?: Logger },
): Promise<AzureReach> {
  if (logger !== undefined) logSdkWith(logger);
  const settings = await readAzureSettings(values);
  if (!settings.ok) throw wrongField(settings.failure, values);
  checkProxy(settings.value.config, values, logger);
  const caFile = values.azureCaFile;
  const caPem = caFile === undefined ? undefined : await readNamedCertificates("azure-ca-file", caFile);
  const current = {
    read: async (): Promise<Result<AzureConfig, ConfigFailure>> => {
      const present = await readAzureSettings(values).catch(unreadable);
      return present.ok ? ok(present.value.config) : present;
    },
    onUnusable: ({ field, tenantId, problem }: UnusableSettings): void =>
      logger?.warn("the Azure settings can't be used, and the last ones that could be are kept", {
        field,
        tenantId,
        problem,
      }),
    onUsable: ({ field, tenantId }: Omit<UnusableSettings, "problem">): void =>
      logger?.info("the Azure settings can be used, and no earlier ones are kept", { field, tenantId }),
  };
  const { config, unused } = settings.value;
  const connected = connectAzure({
    config,
    environment: process.env,
    caPem,
    userAgent: userAgentOf(values),
    clock,
    current,
    apiVersions: { ...defaultApiVersions, vm: values.azureVmApiVersion, disk: values.azureDiskApiVersion },
    onReplacedVersion: (replaced) =>
      logger?.warn("Azure does not have an API version, and another one is used", { ...replaced }),
    onNotRenewed: ({ endsAtMs, tenantId, problem }) =>
      logger?.warn("the token for Azure was not renewed; calls use it until its end", {
        endsAt: toTimestamp(endsAtMs),
        tenantId,
        problem,
      }),
  });
  if (!connected.ok) throw wrongField(connected.failure, values);
  return { ...connected.value, clientId: config.aadClientId, unusedFields: unused };
}

/** Throws `WrongSetting` for a proxy that can't be used. One that no call needs is logged. */
function checkProxy(
  config: AzureConfig,
  values: Values<typeof azureOptions>,
  logger: Logger | undefined,
): void {
  const environment = process.env;
  const endpoints = endpointsOf(config, environment);
  if (!endpoints.ok) throw wrongField(endpoints.failure, values);
  const { resourceManager, authority, tokenAudience } = endpoints.value;
  const wrong = wrongProxy(environment, {
    resourceManager,
    authority: isManagedIdentity({ config, environment }) ? undefined : authority,
    readsMetadata: authority === undefined || tokenAudience === undefined,
  });
  if (wrong?.isNeeded === true) throw new WrongSetting(wrong.problem);
  if (wrong !== undefined)
    logger?.warn("the proxy of the environment can't be used, and no call to Azure needs it", {
      variable: wrong.variable,
      problem: wrong.problem,
    });
}

/** The User-Agent of calls to Azure, as V1 makes it. */
export function userAgentOf(
  values: Pick<Values<typeof azureOptions>, "customUserAgent" | "userAgentSuffix">,
): string {
  const own = values.customUserAgent || `${driverUserAgent}/${driverVersion}`;
  return `${own} ${values.userAgentSuffix ?? ""}`.trimEnd();
}

/** The file's settings with those of the flags and of the environment. */
async function readAzureSettings(
  values: Values<typeof azureOptions>,
): Promise<Result<ParsedAzureConfig, ConfigFailure>> {
  const file = values.cloudConfig;
  const fromFile =
    file === undefined
      ? ok({ config: {}, unused: [] })
      : await parseAzureConfig(await readNamedFile("cloud-config", file));
  if (!fromFile.ok) return fromFile;
  const elsewhere = otherThanEdgeZones(fromFile.value.config, values.location);
  if (elsewhere !== undefined) return elsewhere;
  const config: AzureConfig = {
    ...stated("tenantId", process.env["AZURE_TENANT_ID"]),
    ...stated("aadClientId", process.env["AZURE_CLIENT_ID"]),
    ...stated("aadClientSecret", process.env["AZURE_CLIENT_SECRET"]),
    ...fromFile.value.config,
    ...stated("cloud", values.azureCloud),
    ...stated("resourceManagerEndpoint", values.azureEndpoint),
    ...stated("subscriptionId", values.subscriptionId),
    ...stated("resourceGroup", values.resourceGroup),
    ...stated("location", values.location),
  };
  return ok({ ...fromFile.value, config });
}

/** Refuses a region of which the file's edge zone is no part: no disk could be made in both. */
function otherThanEdgeZones(
  { location, extendedLocationName }: AzureConfig,
  stated: string | undefined,
): Result<never, ConfigFailure> | undefined {
  if (extendedLocationName === undefined || location === undefined || stated === undefined) return undefined;
  if (regionName(stated) === regionName(location)) return undefined;
  const why = `${extendedLocationName} is an edge zone of that in azure.json`;
  return refuseArgument("location", stated, `must be ${location} or left out: ${why}`);
}

/** A file that is being replaced, or was removed. */
function unreadable(error: unknown): Result<never, ConfigFailure> {
  if (!(error instanceof WrongSetting)) throw error;
  return refuseArgument("azure.json", "", error.message);
}

/** Names the flag, and the file if there is one, of a field of the Azure settings. */
function wrongField({ field, problem }: ConfigFailure, values: Values<typeof azureOptions>): WrongSetting {
  const flag = FLAGS[field];
  const ofFlag =
    flag === undefined ? undefined : Object.entries(values).find(([name]) => name === fieldOf(flag))?.[1];
  if (flag !== undefined && ofFlag !== undefined)
    return new WrongSetting(`--${flag}: got ${JSON.stringify(ofFlag)}; ${field} ${problem}`);
  if (flag !== undefined && problem.startsWith("is missing"))
    return new WrongSetting(`--${flag}: ${field} ${problem}`);
  const file = values.cloudConfig;
  const given = file === undefined ? "" : `got ${JSON.stringify(file)}; `;
  return new WrongSetting(`--cloud-config: ${given}${field} ${problem}`);
}

function stated<K extends keyof AzureConfig>(name: K, value: string | undefined): Partial<AzureConfig> {
  return value === undefined ? {} : { [name]: value };
}
