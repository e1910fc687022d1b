import type { ScalarTag, SchemaOptions } from "yaml";
import { refuseArgument } from "../../core/failure/frequent-failures.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { isRecord } from "../../core/primitives/is-record.ts";
import { parseJson } from "../../core/primitives/parse-json.ts";
import type { AzureConfig, ConfigFailure } from "./azure-config.ts";

type FieldType = "string" | "boolean" | "list of strings";

const TYPES: Readonly<Record<keyof AzureConfig, FieldType>> = {
  cloud: "string",
  tenantId: "string",
  subscriptionId: "string",
  resourceGroup: "string",
  location: "string",
  extendedLocationName: "string",
  extendedLocationType: "string",
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

/** Fields that would change the identity that signs in: they are refused. */
const REFUSED = {
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
 * Kubernetes' cloud provider, and whose values count as there. An empty field counts as missing. A field of
 * ours with the wrong type is named: a `"true"` taken for false would log in as another identity. Values are
 * never repeated: they may be secrets.
 */
export async function parseAzureConfig(text: string): Promise<Result<ParsedAzureConfig, ConfigFailure>> {
  const members = await membersOf(text);
  if (members === undefined)
    return refuseArgument("azure.json", "", "is neither a JSON object nor a YAML mapping");
  let written: Readonly<Record<string, unknown>> | undefined;
  const config: Record<string, unknown> = {};
  const unused: string[] = [];
  for (const [name, value] of Object.entries(members)) {
    if (!NAME.test(name)) return refuseArgument("azure.json", "", NO_NAME);
    const field = knownAs(name, FIELDS);
    const refused = knownAs(name, REFUSED_FIELDS);
    if (field === undefined) unused.push(name);
    if (value === undefined || value === null || value === "") continue;
    if (refused !== undefined) return refuseArgument(refused, "", REFUSED[refused]);
    if (field === undefined) continue;
    if (Object.hasOwn(config, field))
      return refuseArgument(field, "", "is given twice: names are compared without case");
    const type = TYPES[field];
    written ??= type !== "boolean" && hasNoText(value) ? await parseMembers(text, AS_WRITTEN) : undefined;
    const read = readAs(type, value, written?.[name]);
    if (read === undefined)
      return refuseArgument(
        field,
        "",
        `is ${kindOf(value)} in the Azure settings (azure.json): ${REMEDIES[type]}`,
      );
    config[field] = read;
  }
  return ok({ config, unused });
}

async function membersOf(text: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  const json = parseJson(text);
  return isRecord(json) ? json : await parseMembers(text, AS_BY_KUBERNETES);
}

/** Booleans of YAML 1.1, which Kubernetes reads, besides `true` and `false`. */
const OLD_BOOLEAN: ScalarTag = {
  tag: "tag:yaml.org,2002:bool",
  default: true,
  test: /^(?:y|Y|yes|Yes|YES|on|On|ON|n|N|no|No|NO|off|Off|OFF)$/u,
  resolve: (text) => /^(?:y|yes|on)$/iu.test(text),
};
/** A number there, once its underscores are left out; among them those that YAML 1.2 takes for texts. */
const OLD_NUMBER =
  /^[-+]?(?:0b[01]+|0o[0-7]+|0x[0-9a-f]+|\.inf|\.nan|(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:e[-+]?[0-9]+)?)$/iu;
/** Only that it is a number counts: what is written is read from the text again. */
const ANY_NUMBER: ScalarTag = {
  tag: "tag:yaml.org,2002:float",
  default: true,
  test: /^[-+.0-9]/u,
  resolve: (text) => (OLD_NUMBER.test(text.replaceAll("_", "")) ? Number.NaN : text),
};
const AS_BY_KUBERNETES: SchemaOptions = { customTags: (tags) => [OLD_BOOLEAN, ANY_NUMBER, ...tags] };
/** Each value is a text. */
const AS_WRITTEN: SchemaOptions = { schema: "failsafe" };

/** The parser's errors would repeat a part of the text, and so would its warnings. */
async function parseMembers(
  text: string,
  options: SchemaOptions,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const { parse } = await import("../yaml/parse-yaml.ts");
  try {
    const yaml: unknown = parse(text, { logLevel: "error", ...options });
    return isRecord(yaml) ? yaml : undefined;
  } catch {
    return undefined;
  }
}

const REMEDIES: Readonly<Record<FieldType, string>> = {
  boolean: "write true or false, without quotes",
  string: "write a text, in quotes",
  "list of strings": "write a list of texts, each in quotes",
};

/** The value in the type of its field; undefined: it is none. */
function readAs(type: FieldType, value: unknown, written: unknown): unknown {
  if (type === "boolean") return typeof value === "boolean" ? value : undefined;
  if (type === "string") return textOf(value, written);
  if (!Array.isArray(value)) return undefined;
  const texts = value.map((each: unknown, index) =>
    textOf(each, Array.isArray(written) ? written[index] : undefined),
  );
  return texts.includes(undefined) ? undefined : texts;
}

/** Go's least int64 and largest uint64: a whole number beyond them is a float there. */
const WHOLE_MIN = -(2n ** 63n);
const WHOLE_MAX = 2n ** 64n - 1n;

/**
 * Whether Kubernetes takes a number or a boolean for the text as it is written. Of any other it makes another
 * text: 83 of 0123, 1000 of 1_000, and false of no.
 */
function isSameText(written: string): boolean {
  if (written === "true" || written === "false") return true;
  if (!/^(?:0|-?[1-9][0-9]*)$/u.test(written)) return false;
  const whole = BigInt(written);
  return whole >= WHOLE_MIN && whole <= WHOLE_MAX;
}

function textOf(value: unknown, written: unknown): string | undefined {
  if (typeof value === "string") return value;
  const isScalar = typeof value === "number" || typeof value === "boolean";
  return isScalar && typeof written === "string" && isSameText(written) ? written : undefined;
}

function hasNoText(value: unknown): boolean {
  return Array.isArray(value) ? value.some(hasNoText) : typeof value !== "string";
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  return typeof value === "string" ? "a text" : typeof value === "object" ? "a mapping" : `a ${typeof value}`;
}

/** The name in our spelling; undefined if we have it in none. */
function knownAs<Name extends string>(name: string, names: readonly Name[]): Name | undefined {
  return names.find((known) => known.toLowerCase() === name.toLowerCase());
}
