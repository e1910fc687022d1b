import { once } from "node:events";
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { stackOf } from "../core/failure/message-of.ts";
import { formatAddress, type ListenAddress } from "../core/primitives/listen-address.ts";
import type { Clock } from "../ports/clock.ts";
import type { Logger } from "../ports/logger.ts";
import type { AnswerExtender, ExtenderAnswer, ExtenderVerb } from "./extender.ts";

/** A scheduler opens one connection for each call under way, and has a few of those. */
const CONNECTIONS_MAX = 256;
/** A request beyond its time limit is found within this part of that limit. */
const TIMEOUT_CHECKS = 10;

export interface ExtenderLimits {
  /**
   * From the first byte of a request to its last, in milliseconds. Default 5,000, a scheduler's own
   * default limit.
   */
  readonly requestTimeoutMs: number;
  /**
   * Of one request, in bytes. Default 64 MiB: the names of 5,000 nodes are 0.2 MB, the nodes in full about
   * 10 MB.
   */
  readonly bodyBytesMax: number;
  /** Of all requests together that are being received, in bytes. Default 128 MiB. */
  readonly bufferedBytesMax: number;
}

const defaultLimits: ExtenderLimits = {
  requestTimeoutMs: 5_000,
  bodyBytesMax: 64 * 1024 * 1024,
  bufferedBytesMax: 128 * 1024 * 1024,
};

const verbs: ReadonlyMap<string, ExtenderVerb> = new Map([
  ["/filter", "filter"],
  ["/prioritize", "prioritize"],
  ["/preempt", "preempt"],
]);

export interface ServedRequest {
  readonly verb: ExtenderVerb;
  readonly outcome: ExtenderAnswer["outcome"] | "aborted";
  /** From the request's head to the end of the answer. */
  readonly durationMs: number;
  readonly removed: ExtenderAnswer["removed"];
}

export interface ExtenderServer {
  /** `host:port` as it is served. */
  readonly address: string;
  /**
   * Takes no more connections and lets requests under way finish, until `signal` is aborted. May be called
   * again.
   */
  drain(signal: AbortSignal): Promise<void>;
}

/**
 * Serves `/filter`, `/prioritize` and `/preempt`, and all other paths by `otherwise`. Throws if the
 * address can't be used.
 */
export async function serveExtender(options: {
  readonly address: ListenAddress;
  readonly answer: AnswerExtender;
  readonly otherwise: RequestListener;
  readonly onServed: (served: ServedRequest) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits?: Partial<ExtenderLimits>;
}): Promise<ExtenderServer> {
  const { requestTimeoutMs, bodyBytesMax, bufferedBytesMax } = { ...defaultLimits, ...options.limits };
  const { answer, otherwise, onServed, clock, logger } = options;
  let bufferedBytes = 0;

  const server = createServer({
    requestTimeout: requestTimeoutMs,
    headersTimeout: requestTimeoutMs,
    connectionsCheckingInterval: requestTimeoutMs / TIMEOUT_CHECKS,
  });
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    const verb = verbs.get(pathOf(request));
    if (verb === undefined) otherwise(request, response);
    else receive(verb, request, response);
  });
  // The scheduler closes idle connections, the server never does: so no request is lost on a connection
  // that is just being closed.
  server.keepAliveTimeout = 0;
  server.maxConnections = CONNECTIONS_MAX;

  function receive(verb: ExtenderVerb, request: IncomingMessage, response: ServerResponse): void {
    const startedMs = clock.elapsedMs();
    const received: Buffer[] = [];
    const gone = new AbortController();
    let sizeBytes = 0;
    let ended: Pick<ServedRequest, "outcome" | "removed"> = { outcome: "aborted", removed: new Map() };

    const send = (code: number, body: string): void => {
      // Once the server takes no more connections, it keeps none either.
      if (!server.listening) response.shouldKeepAlive = false;
      const length = Buffer.byteLength(body);
      response.writeHead(code, { "content-type": "application/json", "content-length": length });
      response.end(body);
    };
    const refuse = (code: number, problem: string): void => {
      if (response.headersSent) return;
      ended = { outcome: "refused", removed: new Map() };
      logger.warn("extender request refused", { verb, code, problem });
      response.shouldKeepAlive = false;
      send(code, JSON.stringify({ Error: problem }));
    };

    const finish = ({ outcome, body, removed }: ExtenderAnswer): void => {
      if (response.closed) return;
      ended = { outcome, removed };
      send(outcome === "refused" && verb !== "prioritize" ? 400 : 200, body);
    };
    const fail = (error: unknown): void => {
      logger.error("extender failed on a request: a bug", { verb, error: stackOf(error) });
      refuse(500, "the extender failed");
    };

    request.on("data", (chunk: Buffer) => {
      if (response.headersSent) return;
      sizeBytes += chunk.length;
      bufferedBytes += chunk.length;
      if (sizeBytes > bodyBytesMax)
        refuse(
          413,
          `the body has more than ${bodyBytesMax} bytes: set nodeCacheCapable, so that nodes are sent ` +
            "by name",
        );
      else if (bufferedBytes > bufferedBytesMax) refuse(503, "too much is being received at once");
      else received.push(chunk);
    });
    request.on("end", () => {
      if (response.headersSent) return;
      const body = Buffer.concat(received).toString("utf8");
      // An answer may fail at once: JSON is read at any depth, and written only as deep as the stack.
      try {
        const result = answer(verb, body, gone.signal);
        if (result instanceof Promise) result.then(finish).catch(fail);
        else finish(result);
      } catch (error) {
        fail(error);
      }
    });
    // A client that goes away is no error of this server.
    request.on("error", () => {});
    response.on("error", () => {});
    response.on("close", () => {
      gone.abort();
      bufferedBytes -= sizeBytes;
      onServed({ verb, ...ended, durationMs: clock.elapsedMs() - startedMs });
    });
    if (request.method !== "POST")
      refuse(405, `${request.method ?? ""} is not known here: POST what kube-scheduler sends`);
  }

  const { host, port } = options.address;
  server.listen(port, host);
  await once(server, "listening");
  const closed = once(server, "close");
  const served = server.address() as AddressInfo;
  return {
    address: formatAddress(host ?? served.address, served.port),
    drain: (signal) => drain(server, closed, signal),
  };
}

async function drain(server: Server, closed: Promise<unknown>, signal: AbortSignal): Promise<void> {
  const cutOff = (): void => server.closeAllConnections();
  if (server.listening) server.close();
  server.closeIdleConnections();
  signal.addEventListener("abort", cutOff);
  if (signal.aborted) cutOff();
  await closed;
  signal.removeEventListener("abort", cutOff);
}

function pathOf({ url = "" }: IncomingMessage): string {
  const end = url.indexOf("?");
  return end === -1 ? url : url.slice(0, end);
}
