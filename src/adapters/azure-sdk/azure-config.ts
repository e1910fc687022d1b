import type { FailureOf } from "../../core/failure/failure.ts";
import { refuseArgument } from "../../core/failure/frequent-failures.ts";
import { ok, type Result } from "../../core/failure/result.ts";

/** The settings of Kubernetes' `azure.json`, as far as disks need them, with its names. */
export interface AzureConfig {
  /**
   * `AzurePublicCloud`, `AzureUSGovernmentCloud`, `AzureChinaCloud`, or any other that has an own endpoint.
   * Default: the cloud of the authority or of the resource manager, if either is given, else the first.
   */
  readonly cloud?: string;
  readonly tenantId?: string;
  readonly subscriptionId?: string;
  readonly resourceGroup?: string;
  readonly location?: string;
  /** An edge zone of the location, in which the cluster's VMs are; goes with its type. */
  readonly extendedLocationName?: string;
  /** `EdgeZone`, in any case. */
  readonly extendedLocationType?: string;
  readonly aadClientId?: string;
  readonly aadClientSecret?: string;
  /**
   * A PEM file or a PKCS #12 archive with a certificate of the client and its private key; used where there
   * is no secret.
   */
  readonly aadClientCertPath?: string;
  /** Of that archive, or of the private key in that PEM file. */
  readonly aadClientCertPassword?: string;
  /**
   * A JSON file with a user-assigned identity and its certificate, as the managed identity service's data
   * plane issues it; used where there is neither a secret nor a certificate.
   */
  readonly aadMSIDataPlaneIdentityPath?: string;
  readonly useManagedIdentityExtension?: boolean;
  /** Client id of a user-assigned identity, or its resource id. Default: the system-assigned one. */
  readonly userAssignedIdentityID?: string;
  readonly useFederatedWorkloadIdentityExtension?: boolean;
  readonly aadFederatedTokenFile?: string;
  /** Further tenants, at most three, whose resources the cluster's VMs refer to, such as a network. */
  readonly auxiliaryTenantIDs?: readonly string[];
  /** The same for one tenant, with the name of Kubernetes' cloud provider. */
  readonly networkResourceTenantID?: string;
  /** Instead of the cloud's own, such as `https://localhost:8443` of an emulator. */
  readonly resourceManagerEndpoint?: string;
  /** Instead of the cloud's own; default with another resource manager: what its metadata name. */
  readonly activeDirectoryEndpoint?: string;
  /**
   * What tokens are for, such as `https://management.azure.com`. Default: that of the authority's cloud, or
   * what the metadata of the resource manager name.
   */
  readonly tokenAudience?: string;
}

/** A cloud's addresses. */
export interface AzureEndpoints {
  readonly resourceManager: string;
  /** Where tokens come from; undefined: as the metadata of the resource manager say. */
  readonly authority: string | undefined;
  /** What tokens are for; undefined: as the metadata of the resource manager say. */
  readonly tokenAudience: string | undefined;
}

interface Cloud {
  readonly name: string;
  /** Its first is the one of the settings; the others are those of Azure's command line. */
  readonly names: readonly string[];
  readonly resourceManager: string;
  /** The first is used; the others are older or newer names of the same. */
  readonly authorities: readonly [string, ...string[]];
}

const PUBLIC: Cloud = {
  name: "AzurePublicCloud",
  names: ["azurepubliccloud", "azurecloud"],
  resourceManager: "https://management.azure.com",
  authorities: [
    "https://login.microsoftonline.com",
    "https://login.windows.net",
    "https://login.microsoft.com",
  ],
};
const clouds: readonly Cloud[] = [
  PUBLIC,
  {
    name: "AzureUSGovernmentCloud",
    names: ["azureusgovernmentcloud", "azureusgovernment"],
    resourceManager: "https://management.usgovcloudapi.net",
    authorities: ["https://login.microsoftonline.us"],
  },
  {
    name: "AzureChinaCloud",
    names: ["azurechinacloud"],
    resourceManager: "https://management.chinacloudapi.cn",
    authorities: ["https://login.chinacloudapi.cn", "https://login.partner.microsoftonline.cn"],
  },
];

export const cloudNames: readonly string[] = clouds.map(({ name }) => name);

export const PUBLIC_AUTHORITY: string = PUBLIC.authorities[0];

/** What tokens of an authority of Azure's own are for; undefined: it is none, and Azure does not know it. */
export function audienceOf(authority: string): string | undefined {
  return cloudOfAuthority(authority)?.resourceManager;
}

/** A setting that is missing or impossible. */
export type ConfigFailure = FailureOf<"InvalidArgument">;

/**
 * The addresses that the settings lead to. The authority goes into the environment of a pod with workload
 * identity, and so decides the cloud where none is named: a token of one cloud is refused by every other.
 */
export function endpointsOf(
  config: AzureConfig,
  environment: Readonly<Record<string, string | undefined>>,
): Result<AzureEndpoints, ConfigFailure> {
  const ownManager = address(config.resourceManagerEndpoint);
  const ownAuthority =
    address(config.activeDirectoryEndpoint) ?? address(environment["AZURE_AUTHORITY_HOST"]);
  const named = clouds.find(({ names }) => names.includes((config.cloud ?? "").toLowerCase()));
  const ofAuthority = ownAuthority === undefined ? undefined : cloudOfAuthority(ownAuthority);
  const ofManager = clouds.find(({ resourceManager }) => resourceManager === ownManager);
  const known = [named, ofAuthority, ofManager].filter((cloud) => cloud !== undefined);
  if (known.some((cloud) => cloud !== known[0]))
    return contradiction(config, { named, ownAuthority, ofAuthority, ownManager, ofManager });
  if (config.cloud !== undefined && named === undefined && ownManager === undefined)
    return refuseArgument(
      "cloud",
      config.cloud,
      `is none of ${cloudNames.join(", ")}; for any other, set resourceManagerEndpoint`,
    );
  const [cloud] = known;
  if (cloud === undefined && ownManager === undefined && ownAuthority !== undefined)
    return refuseArgument(
      "cloud",
      "",
      `is missing from the Azure settings: the authority ${ownAuthority} is of no known cloud; ` +
        "set cloud or resourceManagerEndpoint",
    );
  const place = cloud ?? (ownManager === undefined ? PUBLIC : undefined);
  const authority = ownAuthority ?? place?.authorities[0];
  return ok({
    resourceManager: ownManager ?? place?.resourceManager ?? "",
    authority,
    tokenAudience: config.tokenAudience ?? (authority === undefined ? undefined : audienceOf(authority)),
  });
}

function cloudOfAuthority(authority: string): Cloud | undefined {
  return clouds.find(({ authorities }) => authorities.includes(authority));
}

/** Names two settings that are of different clouds. */
function contradiction(
  { cloud }: AzureConfig,
  found: {
    readonly named: Cloud | undefined;
    readonly ownAuthority: string | undefined;
    readonly ofAuthority: Cloud | undefined;
    readonly ownManager: string | undefined;
    readonly ofManager: Cloud | undefined;
  },
): Result<never, ConfigFailure> {
  const { named, ofAuthority, ofManager, ownAuthority = "", ownManager = "" } = found;
  const authority = `the authority ${ownAuthority} (activeDirectoryEndpoint, or AZURE_AUTHORITY_HOST)`;
  if (named !== undefined && ofAuthority !== undefined && named !== ofAuthority)
    return refuseArgument(
      "cloud",
      cloud ?? "",
      `is ${named.name}, but ${authority} is of ${ofAuthority.name}`,
    );
  return refuseArgument(
    "resourceManagerEndpoint",
    ownManager,
    `is of ${ofManager?.name ?? "another cloud"}, but ` +
      (named === undefined
        ? `${authority} is of ${ofAuthority?.name ?? "another cloud"}`
        : `cloud is ${named.name}`),
  );
}

/** What Azure reads of auxiliary tokens. */
const AUXILIARY_TENANTS_MAX = 3;

/** The managed identity service's file; undefined also where a secret or a certificate goes first. */
export function dataPlaneIdentityPath(config: AzureConfig): string | undefined {
  const { aadClientSecret, aadClientCertPath, aadMSIDataPlaneIdentityPath } = config;
  return (aadClientSecret ?? aadClientCertPath) === undefined ? aadMSIDataPlaneIdentityPath : undefined;
}

/** The tenants, besides that of the sign-in, whose tokens each call needs. */
export function auxiliaryTenantsOf(config: AzureConfig): Result<readonly string[], ConfigFailure> {
  const { auxiliaryTenantIDs = [], networkResourceTenantID, tenantId } = config;
  const named = [...auxiliaryTenantIDs, networkResourceTenantID ?? ""].map((each) => each.toLowerCase());
  const tenants = [...new Set(named)].filter((each) => each !== "" && each !== tenantId?.toLowerCase());
  if (tenants.length > AUXILIARY_TENANTS_MAX)
    return refuseArgument(
      "auxiliaryTenantIDs",
      tenants.join(", "),
      `has more than ${AUXILIARY_TENANTS_MAX} tenants, with networkResourceTenantID: Azure reads no more`,
    );
  const isManagedIdentity =
    config.useManagedIdentityExtension === true || dataPlaneIdentityPath(config) !== undefined;
  return tenants.length > 0 && isManagedIdentity
    ? refuseArgument(
        "auxiliaryTenantIDs",
        tenants.join(", "),
        "(or networkResourceTenantID) needs an application of several tenants: a managed identity gets " +
          "tokens of its own tenant only",
      )
    : ok(tenants);
}

/** A setting that must be there. */
export function required(
  config: AzureConfig,
  field: keyof AzureConfig,
  why: string,
): Result<string, ConfigFailure> {
  const value = config[field];
  return typeof value === "string" && value !== ""
    ? ok(value)
    : refuseArgument(field, "", `is missing from the Azure settings (azure.json): ${why}`);
}

/** An address without slashes at its end; its host in lower case, as it is compared. */
function address(url: string | undefined): string | undefined {
  const text = (url ?? "").replace(/\/+$/, "");
  return text === "" ? undefined : text.replace(/^https?:\/\/[^/]*/i, (host) => host.toLowerCase());
}
