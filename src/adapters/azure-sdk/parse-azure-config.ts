import { ok, type Result } from "../../core/failure/result.ts";
import { type AzureConfig, type ConfigFailure, invalid } from "./azure-config.ts";

const TYPES: Readonly<Record<keyof AzureConfig, "string" | "boolean">> = {
  cloud: "string",
  tenantId: "string",
  subscriptionId: "string",
  resourceGroup: "string",
  location: "string",
  aadClientId: "string",
  aadClientSecret: "string",
  useManagedIdentityExtension: "boolean",
  userAssignedIdentityID: "string",
  useFederatedWorkloadIdentityExtension: "boolean",
  aadFederatedTokenFile: "string",
  resourceManagerEndpoint: "string",
  activeDirectoryEndpoint: "string",
};

/**
 * Reads an `azure.json`. Its many other fields are for others and ignored; an empty one counts as
 * missing. A field of ours with the wrong type is named: a `"true"` taken for false would log in as
 * another identity. Values are never repeated: they may be secrets.
 */
export function parseAzureConfig(text: string): Result<AzureConfig, ConfigFailure> {
  const parsed = parsedJson(text);
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
    return invalid("azure.json", "", "is no JSON object");
  const members = parsed as Readonly<Record<string, unknown>>;
  const config: Record<string, unknown> = {};
  for (const [field, type] of Object.entries(TYPES)) {
    const value = members[field];
    if (value === undefined || value === null || value === "") continue;
    if (typeof value !== type)
      return invalid(field, "", `must be a ${type} in the Azure settings (azure.json)`);
    config[field] = value;
  }
  return ok(config);
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
