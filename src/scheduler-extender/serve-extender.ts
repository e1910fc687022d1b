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
import { ByteWriters } from "./byte-writer.ts";
import type { AnswerExtender, ExtenderAnswer, ExtenderVerb } from "./extender.ts";

/** A scheduler opens one connection for each call under way, and has a few of those. */
const CONNECTIONS_MAX = 256;
/**
 * Memory kept to receive and answer the next requests: 5,000 nodes take 0.2 MB by name and 0.3 MB with
 * scores.
 */
const WRITERS = { keptMax: 16, capacityMax: 4 * 1024 * 1024 };
/** A request beyond its time limit is found within this part of that limit. */
const TIMEOUT_CHECKS = 10;

/** What one client may cost. */
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

/** How a request ended, for metrics. */
export interface ServedRequest {
  readonly verb: ExtenderVerb;
  readonly outcome: ExtenderAnswer["outcome"] | "aborted";
  /** From the request's head to the end of the answer. */
  readonly durationMs: number;
  readonly removed: ExtenderAnswer["removed"];
}

/** A running extender server. */
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
  const writers = new ByteWriters(WRITERS);
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
    const received = writers.take();
    const answered = writers.take();
    const gone = new AbortController();
    let isAnswering = false;
    let sizeBytes = 0;
    let ended: Pick<ServedRequest, "outcome" | "removed"> = { outcome: "aborted", removed: new Map() };

    const send = (code: number, body: Buffer): void => {
      // Once the server takes no more connections, it keeps none either.
      if (!server.listening) response.shouldKeepAlive = false;
      response.writeHead(code, { "content-type": "application/json", "content-length": body.length });
      response.end(body);
    };
    const refuse = (code: number, problem: string): void => {
      if (response.headersSent) return;
      ended = { outcome: "refused", removed: new Map() };
      logger.warn("extender request refused", { verb, code, problem });
      response.shouldKeepAlive = false;
      send(code, Buffer.from(JSON.stringify({ Error: problem })));
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
      else received.append(chunk);
    });
    request.on("end", () => {
      if (response.headersSent) return;
      const result = answer(verb, received.written(), answered, gone.signal);
      if (!(result instanceof Promise)) {
        finish(result);
        return;
      }
      isAnswering = true;
      result
        .then(finish)
        .catch(fail)
        .finally(() => {
          isAnswering = false;
          if (response.closed) release();
        });
    });
    const release = (): void => {
      bufferedBytes -= sizeBytes;
      writers.giveBack(received);
      writers.giveBack(answered);
    };
    // A client that goes away is no error of this server.
    request.on("error", () => {});
    response.on("error", () => {});
    response.on("close", () => {
      gone.abort();
      // Not before: until now the platform may have been sending from there, or the answer being made there.
      if (!isAnswering) release();
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
