import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { Registry } from "prom-client";

/** A running health server. */
export interface HealthServer {
  /** `host:port` as it is served. */
  readonly address: string;
  close(): Promise<void>;
}

/** What health is answered from. */
export interface HealthOptions {
  readonly registry: Registry;
  /** Undefined: it can do its work. */
  readonly whyNotReady: () => string | undefined;
}

/** Serves `/healthz` (the process runs), `/readyz` (it can do its work; otherwise 503 and why not) and `/metrics` on one port. Throws if the address can't be had. */
export async function startHealthServer(options: HealthOptions & { readonly address: string }): Promise<HealthServer> {
  const { host, port } = splitAddress("http-endpoint", options.address);
  const server = createServer(healthListener(options));
  server.listen(port, host);
  await once(server, "listening");
  return { address: `${host}:${portOf(server)}`, close: () => closeServer(server) };
}

/** Answers `/healthz`, `/readyz` and `/metrics`, and 404 to everything else. */
export function healthListener(options: HealthOptions): RequestListener {
  return (request, response) => {
    if (request.url === "/healthz") return void response.end("ok\n");
    if (request.url === "/readyz") {
      const why = options.whyNotReady();
      response.statusCode = why === undefined ? 200 : 503;
      return void response.end(`${why ?? "ok"}\n`);
    }
    if (request.url !== "/metrics") {
      response.statusCode = 404;
      return void response.end("there are /healthz, /readyz and /metrics\n");
    }
    options.registry
      .metrics()
      .then((text) => response.setHeader("content-type", options.registry.contentType).end(text))
      .catch((error: unknown) => {
        response.statusCode = 500;
        response.end(String(error));
      });
  };
}

/** Splits `host:port`. Throws, naming the setting, if it is not that. */
export function splitAddress(setting: string, address: string): { readonly host: string; readonly port: number } {
  const at = address.lastIndexOf(":");
  const port = Number(address.slice(at + 1));
  if (at < 1 || !Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`${setting} is ${JSON.stringify(address)}: must be host:port`);
  return { host: address.slice(0, at), port };
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function closeServer(server: Server): Promise<void> {
  const closed = once(server, "close");
  server.close();
  server.closeAllConnections();
  await closed;
}
