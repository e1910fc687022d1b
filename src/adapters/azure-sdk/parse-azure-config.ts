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
const REFUSED = {
  extendedLocationName:
    "is not served: the disks of an edge zone would be made in its region, where no VM of " +
    "the zone can have them",
  auxiliaryTokenProvider:
    "is not served: only Microsoft's own control planes have such a vault; name the other tenants in " +
    "auxiliaryTenantIDs",
} as const;

const FIELDS = Object.keys(TYPES) as readonly (keyof typeof TYPES)[];
const REFUSED_FIELDS = Object.keys(REFUSED) as readonly (keyof typeof REFUSED)[];

/** In YAML, `{aadClientSecret:value}` without a space is one name, which has the secret. Names are logged. */
const NAME = /^[$\w.-]+$/u;
const NO_NAME = "has a name with other characters than a field's; in YAML a space follows each colon";

/** An `azure.json`, as far as the driver uses it. */
export interface ParsedAzureConfig {
  readonly config: AzureConfig;
  /** The names of its other fields, which other components use, or none. */
  readonly unused: readonly string[];
}

/**
 * Reads an `azure.json`: a JSON object, or a YAML mapping, whose names are compared without case, as by
 * Kubernetes' cloud provider. An empty field counts as missing. A field of ours with the wrong type is named:
 * a `"true"` taken for false would log in as another identity. Values are never repeated: they may be
 * secrets.
 */
export async function parseAzureConfig(text: string): Promise<Result<ParsedAzureConfig, ConfigFailure>> {
  const members = await membersOf(text);
  if (members === undefined) return invalid("azure.json", "", "is neither a JSON object nor a YAML mapping");
  const config: Record<string, unknown> = {};
  const unused: string[] = [];
  for (const [name, value] of Object.entries(members)) {
    if (!NAME.test(name)) return invalid("azure.json", "", NO_NAME);
    const field = knownAs(name, FIELDS);
    const refused = knownAs(name, REFUSED_FIELDS);
    if (field === undefined) unused.push(name);
    if (value === undefined || value === null || value === "") continue;
    if (refused !== undefined) return invalid(refused, "", REFUSED[refused]);
    if (field === undefined) continue;
    if (Object.hasOwn(config, field))
      return invalid(field, "", "is given twice: names are compared without case");
    const type = TYPES[field];
    if (type === "list of strings" ? !isTexts(value) : typeof value !== type)
      return invalid(field, "", `must be a ${type} in the Azure settings (azure.json)`);
    config[field] = value;
  }
  return ok({ config, unused });
}

/** The parser's errors would repeat a part of the text, and so would its warnings. */
async function membersOf(text: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  const json = parseJson(text);
  if (isMapping(json)) return json;
  const { parse } = await import("../yaml/parse-yaml.ts");
  try {
    const yaml: unknown = parse(text, { logLevel: "error" });
    return isMapping(yaml) ? yaml : undefined;
  } catch {
    return undefined;
  }
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The name in our spelling; undefined if we have it in none. */
function knownAs<Name extends string>(name: string, names: readonly Name[]): Name | undefined {
  return names.find((known) => known.toLowerCase() === name.toLowerCase());
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}
