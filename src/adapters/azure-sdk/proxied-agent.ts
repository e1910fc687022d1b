import { Agent } from "node:https";

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
