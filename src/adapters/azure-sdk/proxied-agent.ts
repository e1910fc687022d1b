import { Agent } from "node:https";

/** The variables that the SDK has a proxy from: the first that is not empty, each in capitals first. */
const PROXY_VARIABLES = ["HTTPS_PROXY", "ALL_PROXY", "HTTP_PROXY"].flatMap((name) => [
  name,
  name.toLowerCase(),
]);

/**
 * What is wrong with the proxy of the environment; undefined: nothing, or there is none. The SDK takes
 * `proxy:3128` for the scheme `proxy`, and fails to connect with an error that names no proxy. The value
 * is not repeated: it may have a password.
 */
export function proxyProblem(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  const name = PROXY_VARIABLES.find((each) => (environment[each] ?? "") !== "");
  if (name === undefined || isProxyAddress(environment[name] ?? "")) return undefined;
  return (
    `${name}: expected the address of a proxy such as http://proxy:3128; special characters of a password ` +
    "are written as %23 and so on. It is not shown here, since it may have a password"
  );
}

function isProxyAddress(text: string): boolean {
  return /^https?:$/u.test(URL.parse(text)?.protocol ?? "");
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
  const isProxied = ["HTTPS_PROXY", "https_proxy"].some((name) => (environment[name] ?? "") !== "");
  if (caPem === undefined || !isProxied) return undefined;
  return new Agent({ keepAlive: true, ca: caPem, proxyEnv: { ...environment } });
}
