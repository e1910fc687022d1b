import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { refuseArgument } from "../../../core/failure/frequent-failures.ts";
import { messageOf } from "../../../core/failure/message-of.ts";
import { ok } from "../../../core/failure/result.ts";
import type { Result } from "../../../core/failure/result.ts";
import { isRecord } from "../../../core/primitives/is-record.ts";
import { parseJson } from "../../../core/primitives/parse-json.ts";
import type { ApiServerConfig, ConfigFailure, Material } from "./api-server-config.ts";

type Fields = Readonly<Record<string, unknown>>;

/** What a kubeconfig may ask for and this client does not do, with the remedy. */
const REFUSED_OF_USER: Readonly<Record<string, string>> = {
  exec: "programs that print credentials are not run; use a token, a token file or a client certificate",
  "auth-provider":
    "providers of credentials are not supported; use a token, a token file or a client certificate",
  username: "passwords are not supported; use a token, a token file or a client certificate",
  as: "impersonation is not supported; use the account's own credentials",
};
const REFUSED_OF_CLUSTER: Readonly<Record<string, string>> = {
  "insecure-skip-tls-verify":
    "the server's certificate is always verified; give its CA in certificate-authority-data",
  "proxy-url": "proxies are not supported",
};

/** Reads a kubeconfig file: its current context. Files that it names are relative to it. */
export async function readKubeconfig(path: string): Promise<Result<ApiServerConfig, ConfigFailure>> {
  let file: unknown;
  try {
    const content = await readFile(path, "utf8");
    // YAML reports the fault of what is no JSON: JSON's errors quote text that may be a token.
    file = parseJson(content) ?? (await parseYaml(content));
  } catch (error) {
    return refuseArgument("kubeconfig", path, `can't be read: ${messageOf(error)}`);
  }
  const refuse = (problem: string): Result<never, ConfigFailure> =>
    refuseArgument("kubeconfig", path, problem);
  if (!isRecord(file)) return refuse("is no kubeconfig file: it has no clusters, users and contexts");

  const chosen = text(file, "current-context");
  if (chosen === undefined) return refuse("has no current-context: kubectl config use-context sets one");
  const context = named(file, "contexts", chosen, "context");
  if (context === undefined) return refuse(`has no context "${chosen}"`);
  const clusterName = text(context, "cluster") ?? "";
  const cluster = named(file, "clusters", clusterName, "cluster");
  if (cluster === undefined)
    return refuse(`has no cluster "${clusterName}", which context "${chosen}" names`);
  const userName = text(context, "user") ?? "";
  const user = named(file, "users", userName, "user");
  if (user === undefined) return refuse(`has no user "${userName}", which context "${chosen}" names`);

  for (const [field, remedy] of Object.entries(REFUSED_OF_CLUSTER)) {
    if (isSet(cluster[field])) return refuse(`has ${field} for cluster "${clusterName}": ${remedy}`);
  }
  for (const [field, remedy] of Object.entries(REFUSED_OF_USER)) {
    if (isSet(user[field])) return refuse(`has ${field} for user "${userName}": ${remedy}`);
  }

  const server = text(cluster, "server") ?? "";
  if (!URL.canParse(server) || new URL(server).protocol !== "https:")
    return refuse(`has server "${server}" for cluster "${clusterName}": must be an address with https://`);
  const directory = dirname(path);
  const certificate = material(user, "client-certificate", directory);
  const key = material(user, "client-key", directory);
  if ((certificate === undefined) !== (key === undefined))
    return refuse(`has only one of client-certificate and client-key for user "${userName}"`);
  return ok({
    origin: `kubeconfig ${path}`,
    url: new URL(server),
    serverName: text(cluster, "tls-server-name"),
    ca: material(cluster, "certificate-authority", directory),
    clientCertificate: certificate === undefined || key === undefined ? undefined : { certificate, key },
    token: token(user, directory),
  });
}

/** The parser takes some 2 MiB, so it is loaded only here. */
async function parseYaml(content: string): Promise<unknown> {
  const { parse } = await import("../../yaml/parse-yaml.ts");
  // Without the lines around an error: they may hold a token.
  return parse(content, { prettyErrors: false });
}

/** As in kubectl, values in the file itself go before the file that it names. */
function material(fields: Fields, name: string, directory: string): Material | undefined {
  const data = text(fields, `${name}-data`);
  if (data !== undefined) return { kind: "text", text: Buffer.from(data, "base64").toString("utf8") };
  const path = text(fields, name);
  return path === undefined ? undefined : { kind: "file", path: resolve(directory, path) };
}

/** As in kubectl, a token file, which may be renewed, goes before a token. */
function token(user: Fields, directory: string): Material | undefined {
  const path = text(user, "tokenFile");
  if (path !== undefined) return { kind: "file", path: resolve(directory, path) };
  const value = text(user, "token");
  return value === undefined ? undefined : { kind: "text", text: value };
}

/** The entry of a list of `{ name, <field>: {…} }`. */
function named(file: Fields, list: string, name: string, field: string): Fields | undefined {
  const entries = file[list];
  const entry: unknown = Array.isArray(entries)
    ? entries.find((candidate: unknown) => isRecord(candidate) && candidate["name"] === name)
    : undefined;
  const value = isRecord(entry) ? (entry[field] ?? {}) : undefined;
  return isRecord(value) ? value : undefined;
}

function text(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false && value !== "";
}
