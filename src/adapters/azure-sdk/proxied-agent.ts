import { Agent } from "node:https";

/** The variables that the SDK has a proxy from: the first that is not empty, each in capitals first. */
const PROXY_VARIABLES = ["HTTPS_PROXY", "ALL_PROXY", "HTTP_PROXY"].flatMap((name) => [
  name,
  name.toLowerCase(),
]);

export interface CalledAddresses {
  readonly resourceManager: string;
  /** Undefined: it is not known yet, or a managed identity signs in, which never uses a proxy. */
  readonly authority: string | undefined;
  /** What the resource manager's metadata say is read before the first sign-in. */
  readonly readsMetadata: boolean;
}

/** A proxy of the environment that can't be used. */
export interface WrongProxy {
  readonly variable: string;
  /** Names the variable. The value is not repeated: it may have a password. */
  readonly problem: string;
  /**
   * The proxy that a called address would be reached through, or the SDK can't even start with it. Otherwise
   * `NO_PROXY` names all that is called.
   */
  readonly isNeeded: boolean;
}

/**
 * What is wrong with the proxy of the environment; undefined: nothing, or there is none. The SDK takes
 * `proxy:3128` for the scheme `proxy`, and fails to connect with an error that names no proxy.
 */
export function wrongProxy(
  environment: Readonly<Record<string, string | undefined>>,
  called: CalledAddresses,
): WrongProxy | undefined {
  const variable = PROXY_VARIABLES.find((each) => (environment[each] ?? "") !== "");
  const address = variable === undefined ? null : URL.parse(environment[variable] ?? "");
  if (variable === undefined || /^https?:$/u.test(address?.protocol ?? "")) return undefined;
  const problem =
    `${variable}: expected the address of a proxy such as http://proxy:3128; special characters of a ` +
    "password are written as %23 and so on. It is not shown here, since it may have a password";
  // The SDK parses it for each client, whatever that calls, and throws.
  const isNeeded =
    address === null || proxiedAddresses(environment, called).some((each) => !isBypassed(each, environment));
  return { variable, problem, isNeeded };
}

/** The addresses that a proxy of any of the variables is used for, unless `NO_PROXY` names them. */
function proxiedAddresses(
  environment: Readonly<Record<string, string | undefined>>,
  { resourceManager, authority, readsMetadata }: CalledAddresses,
): readonly string[] {
  return [
    ...(hasHttpsProxy(environment) || readsMetadata ? [resourceManager] : []),
    ...(authority === undefined ? [] : [authority]),
  ];
}

/** As the SDK reads `NO_PROXY`: names of hosts, and domains that begin with a dot. */
function isBypassed(address: string, environment: Readonly<Record<string, string | undefined>>): boolean {
  const host = URL.parse(address)?.hostname ?? "";
  return (environment["NO_PROXY"] || environment["no_proxy"] || "")
    .split(",")
    .map((each) => each.trim())
    .some((each) => each === host || (each.startsWith(".") && `.${host}`.endsWith(each)));
}

/** Whether calls to the resource manager use a proxy: of the variables they have this one alone. */
export function hasHttpsProxy(environment: Readonly<Record<string, string | undefined>>): boolean {
  return ["HTTPS_PROXY", "https_proxy"].some((name) => (environment[name] ?? "") !== "");
}

/**
 * Connections through the proxy of the environment (`HTTPS_PROXY`, `NO_PROXY`) to servers whose certificates
 * are signed by `caPem`. The SDK's own support of proxies drops the certificates. Undefined where only one of
 * the two is given: then the SDK's own connections will do.
 */
export function proxiedAgent(
  caPem: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): Agent | undefined {
  if (caPem === undefined || !hasHttpsProxy(environment)) return undefined;
  return new Agent({ keepAlive: true, ca: caPem, proxyEnv: { ...environment } });
}
