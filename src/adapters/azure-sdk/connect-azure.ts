import { rootCertificates } from "node:tls";
import { refuseArgument } from "../../core/failure/frequent-failures.ts";
import { type Result, ok } from "../../core/failure/result.ts";
import type { ParameterValue } from "../../core/volume/parameters/parameter-value.ts";
import { volumeParameterTable } from "../../core/volume/parameters/volume-parameter-table.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ArmApi } from "../../provisioner/arm/arm-api.ts";
import type { DefaultDiskPlace } from "../../provisioner/disk/disks.ts";
import type { ReplacedVersion } from "./api-version-policy.ts";
import type { ApiVersions } from "./api-versions.ts";
import { armAgent } from "./arm-agent.ts";
import { type AzureConfig, type ConfigFailure, endpointsOf, required } from "./azure-config.ts";
import type { NotRenewed } from "./calls/kept-token.ts";
import { proxiedAgent } from "./proxied-agent.ts";
import { createSdkArmApi } from "./sdk-arm-api.ts";
import { createTenantCredentials, type CurrentSettings } from "./tenant-credentials.ts";

/**
 * Builds `ArmApi` from `azure.json`-like settings and the environment; also answers the cluster's place,
 * which the provisioner needs. Sends nothing yet.
 */
export function connectAzure(options: {
  readonly config: AzureConfig;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Certificates of the endpoint and the authority, in PEM, besides the well-known ones. */
  readonly caPem: string | undefined;
  readonly userAgent?: string;
  readonly clock: Clock;
  readonly apiVersions?: ApiVersions;
  readonly onReplacedVersion?: (replaced: ReplacedVersion) => void;
  readonly onNotRenewed?: (failed: NotRenewed) => void;
  /** The settings as they are at a later sign-in. Default: those above. */
  readonly current?: CurrentSettings;
}): Result<
  { readonly arm: ArmApi; readonly place: DefaultDiskPlace; readonly endpoint: string },
  ConfigFailure
> {
  const { config, environment, clock } = options;
  // A list of one's own replaces the well-known ones, by which a public authority is trusted.
  const caPem = options.caPem === undefined ? undefined : [...rootCertificates, options.caPem].join("\n");
  const { subscriptionID, resourceGroup: groups, location: regions } = volumeParameterTable;
  const subscriptionId = placePart(config, "subscriptionId", "disks and VMs are in it", subscriptionID);
  if (!subscriptionId.ok) return subscriptionId;
  const resourceGroup = placePart(config, "resourceGroup", "the cluster's VMs are in it", groups);
  if (!resourceGroup.ok) return resourceGroup;
  const location = placePart(config, "location", "disks are created there", regions);
  if (!location.ok) return location;
  const edgeZone = edgeZoneOf(config);
  if (!edgeZone.ok) return edgeZone;
  const endpoints = endpointsOf(config, environment);
  if (!endpoints.ok) return endpoints;
  const credentials = createTenantCredentials({
    clock,
    config,
    environment,
    endpoints: endpoints.value,
    caPem,
    agent: proxiedAgent(caPem, environment),
    current: options.current,
  });
  if (!credentials.ok) return credentials;
  const connections = armAgent(caPem, environment);
  const arm = createSdkArmApi({
    ...credentials.value,
    ...(options.apiVersions === undefined ? {} : { apiVersions: options.apiVersions }),
    ...(options.onReplacedVersion === undefined ? {} : { onReplacedVersion: options.onReplacedVersion }),
    onNotRenewed: options.onNotRenewed,
    subscriptionId: subscriptionId.value,
    endpoint: endpoints.value.resourceManager,
    ...(options.userAgent === undefined ? {} : { userAgent: options.userAgent }),
    clock,
    ...(caPem === undefined ? {} : { caPem }),
    ...(connections === undefined ? {} : { agent: connections }),
  });
  return ok({
    arm,
    endpoint: endpoints.value.resourceManager,
    place: {
      subscriptionId: subscriptionId.value,
      resourceGroup: resourceGroup.value,
      location: location.value,
      ...(edgeZone.value === undefined ? {} : { edgeZone: edgeZone.value }),
    },
  });
}

/** Azure's names of edge zones have letters and digits, such as `microsoftlosangeles1`. */
const EDGE_ZONE_NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/u;

/**
 * The edge zone of the cluster; undefined: its VMs are in the region itself. One field without the other, or
 * of another type, would make disks where no VM of the cluster can have them.
 */
function edgeZoneOf({
  extendedLocationName: name,
  extendedLocationType: type,
}: AzureConfig): Result<string | undefined, ConfigFailure> {
  if (name === undefined && type === undefined) return ok(undefined);
  if (name === undefined)
    return refuseArgument(
      "extendedLocationName",
      "",
      "is missing from the Azure settings (azure.json): extendedLocationType goes with the name of an " +
        "edge zone, such as microsoftlosangeles1",
    );
  if (type === undefined)
    return refuseArgument(
      "extendedLocationType",
      "",
      "is missing from the Azure settings (azure.json): extendedLocationName goes with the type EdgeZone",
    );
  if (type.toLowerCase() !== "edgezone")
    return refuseArgument("extendedLocationType", type, "must be EdgeZone, the only type that disks have");
  return EDGE_ZONE_NAME.test(name)
    ? ok(name)
    : refuseArgument(
        "extendedLocationName",
        name,
        "is not the name of an edge zone: up to 64 letters, digits, hyphens and underscores, " +
          "beginning with a letter or a digit, such as microsoftlosangeles1",
      );
}

/** A part of the cluster's place, held to the rule of the StorageClass parameter that overrides it. */
function placePart(
  config: AzureConfig,
  field: "subscriptionId" | "resourceGroup" | "location",
  why: string,
  { pattern, rule, normalize }: Extract<ParameterValue, { readonly kind: "pattern" }>,
): Result<string, ConfigFailure> {
  const given = required(config, field, why);
  if (!given.ok) return given;
  const value = normalize === undefined ? given.value : normalize(given.value);
  return pattern.test(value) ? ok(value) : refuseArgument(field, given.value, rule);
}
