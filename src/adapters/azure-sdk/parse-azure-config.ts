import { ok, type Result } from "../../core/failure/result.ts";
import { parseJson } from "../../core/primitives/parse-json.ts";
import { type AzureConfig, type ConfigFailure, invalid } from "./azure-config.ts";

const TYPES: Readonly<Record<keyof AzureConfig, "string" | "boolean" | "list of strings">> = {
  cloud: "string",
  tenantId: "string",
  subscriptionId: "string",
  resourceGroup: "string",
  location: "string",
  aadClientId: "string",
  aadClientSecret: "string",
  aadClientCertPath: "string",
  aadClientCertPassword: "string",
  aadMSIDataPlaneIdentityPath: "string",
  useManagedIdentityExtension: "boolean",
  userAssignedIdentityID: "string",
  useFederatedWorkloadIdentityExtension: "boolean",
  aadFederatedTokenFile: "string",
  auxiliaryTenantIDs: "list of strings",
  networkResourceTenantID: "string",
  resourceManagerEndpoint: "string",
  activeDirectoryEndpoint: "string",
  tokenAudience: "string",
};

/**
 * Fields that would change where disks are, since a disk is not moved later, or the identity that signs in:
 * they are refused.
 */
const REFUSED: Readonly<Record<string, string>> = {
  extendedLocationName:
    "is not served: the disks of an edge zone would be made in its region, where no VM of " +
    "the zone can have them",
  auxiliaryTokenProvider:
    "is not served: only Microsoft's own control planes have such a vault; name the other tenants in " +
    "auxiliaryTenantIDs",
};

/** An `azure.json`, as far as the driver uses it. */
export interface ParsedAzureConfig {
  readonly config: AzureConfig;
  /** The names of its other fields, which other components use, or none. */
  readonly unused: readonly string[];
}

/**
 * Reads an `azure.json`. An empty field counts as
 * missing. A field of ours with the wrong type is named: a `"true"` taken for false would log in as
 * another identity. Values are never repeated: they may be secrets.
 */
export function parseAzureConfig(text: string): Result<ParsedAzureConfig, ConfigFailure> {
  const parsed = parseJson(text);
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
    return invalid("azure.json", "", "is no JSON object");
  const members = parsed as Readonly<Record<string, unknown>>;
  const config: Record<string, unknown> = {};
  for (const [field, type] of Object.entries(TYPES)) {
    const value = members[field];
    if (value === undefined || value === null || value === "") continue;
    if (type === "list of strings" ? !isTexts(value) : typeof value !== type)
      return invalid(field, "", `must be a ${type} in the Azure settings (azure.json)`);
    config[field] = value;
  }
  for (const [field, problem] of Object.entries(REFUSED)) {
    const value = members[field];
    if (value !== undefined && value !== null && value !== "") return invalid(field, "", problem);
  }
  return ok({ config, unused: Object.keys(members).filter((field) => !Object.hasOwn(TYPES, field)) });
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}
