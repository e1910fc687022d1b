import { once } from "node:events";
import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";
import { formatAddress, type ListenAddress } from "../../core/primitives/listen-address.ts";

interface HealthServer {
  /** `host:port` as it is served. */
  readonly address: string;
  close(): Promise<void>;
}

export interface HealthOptions {
  readonly registry: Registry;
  /** Undefined: it can do its work. */
  readonly whyNotReady: () => string | undefined;
  /**
   * Undefined: it is well, or only time will help. Otherwise a new process is needed. Without this
   * function a process that answers is well.
   */
  readonly whyNotAlive?: () => Promise<string | undefined>;
}

/**
 * Serves `/healthz` (the process is well; otherwise 500 and why not), `/readyz` (it can do its work;
 * otherwise 503 and why not) and `/metrics` on one port. Throws if the address can't be used.
 */
export async function startHealthServer(
  options: HealthOptions & { readonly address: ListenAddress },
): Promise<HealthServer> {
  const { host, port } = options.address;
  const server = createServer(healthListener(options));
  server.listen(port, host);
  await once(server, "listening");
  const address = server.address() as AddressInfo;
  return { address: formatAddress(host ?? address.address, address.port), close: () => closeServer(server) };
}

interface Answers extends HealthOptions {
  readonly metrics: () => Promise<string>;
  readonly whyNotAlive: () => Promise<string | undefined>;
}

/**
 * Callers that come while the answer is being made share it. The port is open to every pod, and each
 * collection of a large cluster's metrics takes time that the leader's renewals need.
 */
function shared<T>(make: () => Promise<T>): () => Promise<T> {
  let underWay: Promise<T> | undefined;
  return () =>
    (underWay ??= make().finally(() => {
      underWay = undefined;
    }));
}

/** Answers `/healthz`, `/readyz` and `/metrics`, and 404 to everything else. */
export function healthListener(given: HealthOptions): RequestListener {
  const { registry, whyNotAlive } = given;
  const options: Answers = {
    ...given,
    metrics: shared(() => registry.metrics()),
    whyNotAlive: shared(async () => whyNotAlive?.()),
  };
  return (request, response) => {
    answer(options, request.url ?? "", response).catch((error: unknown) => {
      response.statusCode = 500;
      response.end(`${String(error)}\n`);
    });
  };
}

async function answer(options: Answers, url: string, response: ServerResponse): Promise<void> {
  const say = (why: string | undefined, failureCode: number): void => {
    response.statusCode = why === undefined ? 200 : failureCode;
    response.end(`${why ?? "ok"}\n`);
  };
  switch (url) {
    case "/healthz":
      return say(await options.whyNotAlive(), 500);
    case "/readyz":
      return say(options.whyNotReady(), 503);
    case "/metrics": {
      const text = await options.metrics();
      response.setHeader("content-type", options.registry.contentType).end(text);
      return;
    }
    default:
      return say("there are /healthz, /readyz and /metrics", 404);
  }
}

async function closeServer(server: Server): Promise<void> {
  const closed = once(server, "close");
  server.close();
  server.closeAllConnections();
  await closed;
}
