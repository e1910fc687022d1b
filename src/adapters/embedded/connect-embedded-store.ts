import { Agent, request } from "node:http";
import type { IncomingMessage } from "node:http";
import { storeUnavailable } from "../../core/failure/frequent-failures.ts";
import { fail, ok } from "../../core/failure/result.ts";
import type { Result } from "../../core/failure/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Random } from "../../ports/random.ts";
import { WatchBroken, WatchGone } from "../../ports/store/object-store.ts";
import type {
  Kind,
  KindMap,
  LabelSelector,
  ObjectStore,
  WatchEvent,
} from "../../ports/store/object-store.ts";
import { CallFailed, readText, sendCall } from "../http/http-call.ts";
import type { HttpCall } from "../http/http-call.ts";
import { readLines } from "../http/read-lines.ts";
import { apiPathOf, selectorText } from "./api-paths.ts";
import { failureFromWire, MESSAGE_BYTES_MAX, objectFromWire } from "./wire.ts";
import type { WireEvent } from "./wire.ts";

/** The server does one call after the other, so more would only be opened and closed again. */
const SOCKETS_MAX = 16;
const REQUEST_TIMEOUT_MS = 5_000;
/** The longest answer: a list of every object that a file of a store without Kubernetes may hold. */
const ANSWER_BYTES_MAX = 512 * 1024 * 1024;
/**
 * Waits between attempts while no server listens on the socket: long enough for a server to restart,
 * short enough for a CSI call.
 */
const RETRY_DELAYS_MS: readonly number[] = [25, 50, 100, 200, 400];

/** How to reach a store server. */
export interface ConnectOptions {
  readonly socketPath: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Milliseconds until a call must be answered. Default 5,000. */
  readonly requestTimeoutMs?: number;
}

/** An object store that another process serves. */
export interface ConnectedStore extends ObjectStore {
  /** Drops idle connections. Calls and watches end by their own signals. */
  close(): void;
}

/**
 * The store behind `serveEmbeddedStore`'s socket. Connects when it is first used. While no server
 * listens, a call tries for about 0.8 s and then fails with `StoreUnavailable`; a call that may have
 * reached the server is never sent twice, except reads.
 */
export function connectEmbeddedStore(options: ConnectOptions): ConnectedStore {
  const { socketPath, clock, random } = options;
  const timeoutMs = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
  const calls = new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX, maxFreeSockets: SOCKETS_MAX });
  const watches = new Agent({ keepAlive: false });

  function callOf(
    agent: Agent,
    method: string,
    path: string,
    body: unknown,
    timeoutCovers: HttpCall["timeoutCovers"],
  ): HttpCall {
    return {
      server: `the store server at ${socketPath}`,
      remedyOf: () => "is the process that serves the store running?",
      begin: (headers) => request({ agent, socketPath, method, path, headers }),
      readyEvent: "connect",
      body: body === undefined ? undefined : { text: JSON.stringify(body), contentType: "application/json" },
      timeoutMs,
      timeoutCovers,
    };
  }

  async function exchange(
    method: string,
    path: string,
    body: unknown,
    signal: AbortSignal,
  ): Promise<{ readonly code: number; readonly body: unknown }> {
    const exchanged = callOf(calls, method, path, body, "whole");
    for (let attempt = 0; ; attempt++) {
      try {
        const response = await sendCall(exchanged, signal);
        return { code: response.statusCode ?? 0, body: await readJson(response, exchanged) };
      } catch (error) {
        const delayMs = RETRY_DELAYS_MS[attempt];
        const mayRepeat =
          error instanceof CallFailed && !error.isTimeout && (error.wasNotSent || method === "GET");
        if (!mayRepeat || delayMs === undefined || signal.aborted) throw error;
        await clock.sleep(delayMs * (0.5 + random.next()), signal);
      }
    }
  }

  async function call<T>(
    request: {
      readonly method: string;
      readonly kind: Kind;
      readonly name: string;
      readonly path: string;
      readonly body?: unknown;
    },
    parse: (body: unknown) => T,
    signal: AbortSignal,
  ): Promise<Result<T>> {
    try {
      const answer = await exchange(request.method, request.path, request.body, signal);
      return answer.code < 300 ? ok(parse(answer.body)) : fail(failureFromWire(answer.body, request));
    } catch (error) {
      if (signal.aborted) return fail({ kind: "Cancelled" });
      if (error instanceof CallFailed) return storeUnavailable(error.message);
      throw error;
    }
  }

  async function openWatch(path: string, signal: AbortSignal): Promise<IncomingMessage> {
    try {
      const opening = callOf(watches, "GET", path, undefined, "head");
      const response = await sendCall(opening, signal);
      if (response.statusCode === 200) return response;
      throw new WatchBroken(
        `the store server answered ${response.statusCode}: ` +
          `${JSON.stringify(await readJson(response, opening))}`,
      );
    } catch (error) {
      throw error instanceof CallFailed ? new WatchBroken(error.message, { cause: error }) : error;
    }
  }

  async function* watch<K extends Kind>(
    kind: K,
    selector: LabelSelector,
    resourceVersion: string,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<K>, void, undefined> {
    const query = new URLSearchParams({ watch: "1", resourceVersion, labelSelector: selectorText(selector) });
    try {
      const response = await openWatch(`${apiPathOf(kind)}?${query.toString()}`, signal);
      for await (const line of readLines(response, MESSAGE_BYTES_MAX)) {
        if (signal.aborted) return;
        yield eventFromWire(kind, JSON.parse(line) as WireEvent);
      }
    } catch (error) {
      if (signal.aborted) return;
      throw error instanceof WatchGone || error instanceof WatchBroken
        ? error
        : new WatchBroken(`the watch on ${kind} was cut off`, { cause: error });
    }
    if (!signal.aborted) throw new WatchBroken(`the store server ended the watch on ${kind}`);
  }

  const callForOne = <K extends Kind>(
    method: string,
    asked: { readonly kind: K; readonly name: string; readonly path: string; readonly body?: unknown },
    signal: AbortSignal,
  ): Promise<Result<KindMap[K]>> =>
    call({ method, ...asked }, (body) => objectFromWire(asked.kind, body), signal);

  return {
    get: (kind, name, signal) => callForOne("GET", { kind, name, path: apiPathOf(kind, name) }, signal),
    list: (kind, selector, signal) => {
      const query = new URLSearchParams({ labelSelector: selectorText(selector) }).toString();
      const asked = { method: "GET", kind, name: "", path: `${apiPathOf(kind)}?${query}` };
      return call(asked, (body) => listFromWire(kind, body), signal);
    },
    create: (kind, object, signal) => {
      const { name } = object.metadata;
      return callForOne("POST", { kind, name, path: apiPathOf(kind), body: object }, signal);
    },
    update: (kind, object, signal) => {
      const { name } = object.metadata;
      return callForOne("PUT", { kind, name, path: apiPathOf(kind, name), body: object }, signal);
    },
    updateStatus: (kind, object, signal) => {
      const { name } = object.metadata;
      return callForOne("PUT", { kind, name, path: apiPathOf(kind, name, "status"), body: object }, signal);
    },
    delete: (kind, name, preconditions, signal) => {
      const body = { kind: "DeleteOptions", apiVersion: "v1", preconditions };
      return call(
        { method: "DELETE", kind, name, path: apiPathOf(kind, name), body },
        () => undefined,
        signal,
      );
    },
    watch,
    close: () => {
      calls.destroy();
      watches.destroy();
    },
  };
}

async function readJson(response: IncomingMessage, call: HttpCall): Promise<unknown> {
  const text = await readText(response, call, ANSWER_BYTES_MAX);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CallFailed(`${call.server} did not answer in JSON`, { cause: error });
  }
}

function listFromWire<K extends Kind>(
  kind: K,
  body: unknown,
): { readonly items: readonly KindMap[K][]; readonly resourceVersion: string } {
  const { items, metadata } = body as {
    readonly items: readonly unknown[];
    readonly metadata: { readonly resourceVersion: string };
  };
  return {
    items: items.map((item) => objectFromWire(kind, item)),
    resourceVersion: metadata.resourceVersion,
  };
}

function eventFromWire<K extends Kind>(kind: K, event: WireEvent): WatchEvent<K> {
  switch (event.type) {
    case "ERROR":
      throw event.object.reason === "Expired"
        ? new WatchGone(event.object.message)
        : new WatchBroken(event.object.message, { isStated: true });
    case "BOOKMARK":
      return { type: "BOOKMARK", resourceVersion: event.object.metadata.resourceVersion };
    default:
      return { type: event.type, object: objectFromWire(kind, event.object) };
  }
}
