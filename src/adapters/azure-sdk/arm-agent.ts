import { Agent } from "node:https";
import { createSecureContext } from "node:tls";
import { hasHttpsProxy, proxiedAgent } from "./proxied-agent.ts";

/**
 * Connections at once. With ARM's limits a subscription makes some 25 reads a second, and a burst of 250.
 * Calls beyond them wait in the order in which they came: a call of a fence has passed others before that,
 * and must not find a long line here.
 */
const SOCKETS_MAX = 128;
/** Connections that are kept while nothing uses them. */
const IDLE_SOCKETS_MAX = 32;
/** How long an unused connection is kept, in milliseconds: longer than any pause between two polls. */
const SOCKET_IDLE_MAX_MS = 60_000;

/**
 * The connections to Azure Resource Manager, whose certificate is signed by `caPem` or, without it, by a
 * well-known authority. Undefined behind a proxy of the environment (`HTTPS_PROXY`) without `caPem`: the SDK
 * has connections for that.
 */
export function armAgent(
  caPem: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): Agent | undefined {
  if (hasHttpsProxy(environment)) return proxiedAgent(caPem, environment);
  return new Agent({
    keepAlive: true,
    maxSockets: SOCKETS_MAX,
    maxFreeSockets: IDLE_SOCKETS_MAX,
    timeout: SOCKET_IDLE_MAX_MS,
    // One for all connections: each would parse some 150 certificates again, and keep them.
    ...(caPem === undefined ? {} : { secureContext: createSecureContext({ ca: caPem }) }),
  });
}
