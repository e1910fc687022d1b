import type { FailureOf } from "../../core/failure/failure.ts";
import { type Result, fail, ok } from "../../core/failure/result.ts";

/** The settings of Kubernetes' `azure.json`, as far as disks need them, with its names. */
export interface AzureConfig {
  /** `AzurePublicCloud` (default), `AzureUSGovernmentCloud` or `AzureChinaCloud`. */
  readonly cloud?: string;
  readonly tenantId?: string;
  readonly subscriptionId?: string;
  readonly resourceGroup?: string;
  readonly location?: string;
  readonly aadClientId?: string;
  readonly aadClientSecret?: string;
  /** A PEM file with a certificate of the client and its private key; used where there is no secret. */
  readonly aadClientCertPath?: string;
  /** Of the private key in that file. */
  readonly aadClientCertPassword?: string;
  readonly useManagedIdentityExtension?: boolean;
  /** Client id of a user-assigned identity, or its resource id. Default: the system-assigned one. */
  readonly userAssignedIdentityID?: string;
  readonly useFederatedWorkloadIdentityExtension?: boolean;
  readonly aadFederatedTokenFile?: string;
  /** Instead of the cloud's own, such as `https://localhost:8443` of an emulator. */
  readonly resourceManagerEndpoint?: string;
  /** Instead of the cloud's own. */
  readonly activeDirectoryEndpoint?: string;
  /**
   * What tokens are for, such as `https://management.azure.com`. Default: the cloud's own, or what the
   * metadata of the resource manager name where another authority signs in.
   */
  readonly tokenAudience?: string;
}

/** A cloud's addresses. */
export interface AzureEndpoints {
  readonly resourceManager: string;
  readonly authority: string;
  /** The authority is none of Azure's own: it can't be looked up there. */
  readonly isPrivateAuthority: boolean;
  /** What tokens are for; undefined: as the metadata of the resource manager say. */
  readonly tokenAudience: string | undefined;
}

const clouds: Readonly<Record<string, { readonly resourceManager: string; readonly authority: string }>> = {
  azurepubliccloud: {
    resourceManager: "https://management.azure.com",
    authority: "https://login.microsoftonline.com",
  },
  azureusgovernmentcloud: {
    resourceManager: "https://management.usgovcloudapi.net",
    authority: "https://login.microsoftonline.us",
  },
  azurechinacloud: {
    resourceManager: "https://management.chinacloudapi.cn",
    authority: "https://login.chinacloudapi.cn",
  },
};

/** A setting that is missing or impossible. */
export type ConfigFailure = FailureOf<"InvalidArgument">;

/** The addresses that the settings lead to. */
export function endpointsOf(
  config: AzureConfig,
  environment: Readonly<Record<string, string | undefined>>,
): Result<AzureEndpoints, ConfigFailure> {
  const name = config.cloud ?? "AzurePublicCloud";
  const cloud = clouds[name.toLowerCase()];
  if (
    cloud === undefined &&
    (config.resourceManagerEndpoint === undefined || config.activeDirectoryEndpoint === undefined)
  ) {
    return invalid(
      "cloud",
      name,
      "is none of AzurePublicCloud, AzureUSGovernmentCloud, AzureChinaCloud; for any other, set " +
        "resourceManagerEndpoint and activeDirectoryEndpoint",
    );
  }
  const ownAuthority = config.activeDirectoryEndpoint ?? environment["AZURE_AUTHORITY_HOST"];
  const authority = withoutSlash(ownAuthority ?? cloud?.authority ?? "");
  const publicCloud = Object.values(clouds).find((known) => known.authority === authority);
  return ok({
    resourceManager: withoutSlash(config.resourceManagerEndpoint ?? cloud?.resourceManager ?? ""),
    authority,
    isPrivateAuthority: publicCloud === undefined,
    tokenAudience: config.tokenAudience ?? publicCloud?.resourceManager,
  });
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
    : invalid(field, "", `is missing from the Azure settings (azure.json): ${why}`);
}

/** Refuses a setting. */
export function invalid(field: string, value: string, problem: string): Result<never, ConfigFailure> {
  return fail({ kind: "InvalidArgument", field, value, problem });
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, "");
}
