import { once } from "node:events";
import { lstat, rename, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { messageOf } from "../../core/failure/message-of.ts";
import type { Result } from "../../core/failure/result.ts";
import { undefinedIf } from "../../core/primitives/error-code.ts";
import type { Logger } from "../../ports/logger.ts";
import { WatchBroken, WatchGone } from "../../ports/store/object-store.ts";
import type { Kind, KindMap, LabelSelector, NewObject, ObjectStore } from "../../ports/store/object-store.ts";
import { parseApiPath, parseSelector } from "./api-paths.ts";
import type { ApiPath } from "./api-paths.ts";
import { MESSAGE_BYTES_MAX, statusOf, wireEvent, wireList, wireObject, wireStatus } from "./wire.ts";
import type { WireStatus } from "./wire.ts";

const CONNECTIONS_MAX = 1024;
const REQUEST_TIMEOUT_MS = 10_000;
/**
 * Of `sun_path` in unix(7), without its final zero; the socket is made under a name that is one suffix
 * longer.
 */
const SOCKET_PATH_BYTES_MAX = 107;
const NEW_SUFFIX = ".new";

export interface StoreServer {
  readonly socketPath: string;
  /** Ends watches and requests and removes the socket; the store stays open. */
  close(): Promise<void>;
}

/**
 * Serves a store to other processes of this machine over a unix socket that only its owner can open:
 * HTTP/1.1 and JSON in Kubernetes' shape, so that `curl --unix-socket` shows its content. A client that
 * stops reading delays only itself. Replaces whatever has the socket's name: the caller first sees that no
 * live server does. The store's own lock keeps two servers off one store. Throws if the socket can't be
 * created.
 */
export async function serveEmbeddedStore(options: {
  readonly store: ObjectStore;
  readonly socketPath: string;
  readonly logger: Logger;
}): Promise<StoreServer> {
  const { store, socketPath, logger } = options;
  const server = createServer(
    { keepAlive: true, requestTimeout: REQUEST_TIMEOUT_MS },
    (request, response) => {
      answer(store, request, response).catch((error: unknown) => {
        logger.error("store request failed", { method: request.method, url: request.url, error });
        if (!response.headersSent)
          sendStatus(
            response,
            wireStatus("ServiceUnavailable", 500, "the store failed on this request; its log says why"),
          );
        else response.destroy();
      });
    },
  );
  // Clients close idle connections, the server never does: so no request is lost on a connection that is
  // just being closed.
  server.keepAliveTimeout = 0;
  server.maxConnections = CONNECTIONS_MAX;
  const inode = await listenPrivately(server, socketPath);
  return {
    socketPath,
    close: async () => {
      // A later server may have the name by now.
      if ((await inodeAt(socketPath)) === inode) await rm(socketPath, { force: true });
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** The inode of the new socket. */
async function listenPrivately(server: Server, socketPath: string): Promise<bigint | undefined> {
  if (Buffer.byteLength(socketPath + NEW_SUFFIX) > SOCKET_PATH_BYTES_MAX)
    throw new Error(
      `socket path ${socketPath} is longer than ${SOCKET_PATH_BYTES_MAX - NEW_SUFFIX.length} bytes: ` +
        "choose a shorter directory",
    );
  await rm(socketPath + NEW_SUFFIX, { force: true });
  // The socket is created within listen(), so no client can open it before its mode is right.
  const umask = process.umask(0o177);
  try {
    server.listen(socketPath + NEW_SUFFIX);
  } finally {
    process.umask(umask);
  }
  await once(server, "listening");
  const inode = await inodeAt(socketPath + NEW_SUFFIX);
  await rename(socketPath + NEW_SUFFIX, socketPath);
  return inode;
}

async function inodeAt(path: string): Promise<bigint | undefined> {
  return (await lstat(path, { bigint: true }).catch(undefinedIf("ENOENT")))?.ino;
}

async function answer(store: ObjectStore, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://store");
  if (url.pathname === "/healthz") {
    response.end("ok");
    return;
  }
  const path = parseApiPath(url.pathname);
  if (path === undefined)
    return sendStatus(response, wireStatus("NotFound", 404, `there is nothing at ${url.pathname}`));
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  // Writing to a client that has just gone is no error of this server: the request ends.
  response.on("error", () => gone.abort());
  const selector = parseSelector(url.searchParams.get("labelSelector") ?? "");
  if (selector === undefined)
    return sendStatus(
      response,
      wireStatus("BadRequest", 400, "labelSelector: only equalities such as a=b,c=d are known"),
    );
  if (
    request.method === "GET" &&
    path.name === undefined &&
    ["1", "true"].includes(url.searchParams.get("watch") ?? "")
  ) {
    return sendWatch(
      store.watch(path.kind, selector, url.searchParams.get("resourceVersion") ?? "", gone.signal),
      path.kind,
      response,
    );
  }
  const body = request.method === "GET" ? undefined : await readBody(request);
  if (body instanceof MalformedBody) return sendStatus(response, wireStatus("BadRequest", 400, body.message));
  const result = await call({
    store,
    method: request.method ?? "GET",
    path,
    selector,
    body,
    signal: gone.signal,
  });
  if (result === undefined)
    return sendStatus(
      response,
      wireStatus("BadRequest", 405, `${request.method} is not known at ${url.pathname}`),
    );
  if (!result.ok) return sendStatus(response, statusOf(result.failure));
  send(response, request.method === "POST" ? 201 : 200, result.value);
}

/**
 * One call of the store; undefined if there is no such call. Bodies are not checked here: the store checks
 * whatever it is given.
 */
async function call<K extends Kind>(request: {
  readonly store: ObjectStore;
  readonly method: string;
  readonly path: ApiPath & { readonly kind: K };
  readonly selector: LabelSelector;
  readonly body: unknown;
  readonly signal: AbortSignal;
}): Promise<Result<object> | undefined> {
  const { store, method, body, signal } = request;
  const { kind, name, isStatus } = request.path;
  if (name === undefined) {
    if (method === "GET")
      return mapped(await store.list(kind, request.selector, signal), (list) => wireList(kind, list));
    if (method === "POST")
      return mapped(await store.create(kind, withName(body, undefined) as NewObject<K>, signal), (object) =>
        wireObject(kind, object),
      );
    return undefined;
  }
  switch (method) {
    case "GET":
      return mapped(await store.get(kind, name, signal), (object) => wireObject(kind, object));
    case "PUT": {
      const object = withName(body, name) as unknown as KindMap[K];
      return mapped(
        await (isStatus ? store.updateStatus(kind, object, signal) : store.update(kind, object, signal)),
        (updated) => wireObject(kind, updated),
      );
    }
    case "DELETE": {
      const { preconditions } = (body ?? {}) as {
        preconditions?: { uid?: string; resourceVersion?: string };
      };
      return isStatus
        ? undefined
        : mapped(await store.delete(kind, name, preconditions ?? {}, signal), () => ({
            kind: "Status",
            apiVersion: "v1",
            status: "Success",
          }));
    }
    default:
      return undefined;
  }
}

/**
 * A body with a name to look the object up by: the path's, else its own; one without a name gets the empty
 * one, which the store refuses.
 */
function withName(body: unknown, pathName: string | undefined): object {
  const object = typeof body === "object" && body !== null ? body : {};
  const metadata =
    "metadata" in object && typeof object.metadata === "object" && object.metadata !== null
      ? object.metadata
      : {};
  const ownName = "name" in metadata && typeof metadata.name === "string" ? metadata.name : "";
  return { ...object, metadata: { ...metadata, name: pathName ?? ownName } };
}

function mapped<T>(result: Result<T>, map: (value: T) => object): Result<object> {
  return result.ok ? { ok: true, value: map(result.value) } : result;
}

async function sendWatch<K extends Kind>(
  events: ReturnType<ObjectStore["watch"]>,
  kind: K,
  response: ServerResponse,
): Promise<void> {
  response.writeHead(200, { "content-type": "application/json" });
  response.flushHeaders();
  try {
    for await (const event of events) {
      // The next event is fetched only when this client has taken the last one: nothing piles up for a
      // client that is stopped.
      if (!response.write(`${JSON.stringify(wireEvent(kind, event))}\n`)) await drainedOrClosed(response);
    }
  } catch (error) {
    if (error instanceof WatchGone)
      response.write(
        `${JSON.stringify({ type: "ERROR", object: wireStatus("Expired", 410, error.message) })}\n`,
      );
    else if (!(error instanceof WatchBroken)) throw error;
  }
  response.end();
}

function drainedOrClosed(response: ServerResponse): Promise<void> {
  if (response.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      response.off("drain", done);
      response.off("close", done);
      resolve();
    };
    response.on("drain", done);
    response.on("close", done);
  });
}

class MalformedBody extends Error {}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > MESSAGE_BYTES_MAX)
      return new MalformedBody(`the body has more than ${MESSAGE_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  if (sizeBytes === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch (error) {
    return new MalformedBody(`the body is not JSON: ${messageOf(error)}`);
  }
}

function sendStatus(response: ServerResponse, status: WireStatus): void {
  send(response, status.code, status);
}

function send(response: ServerResponse, code: number, value: object): void {
  const text = JSON.stringify(value);
  response.writeHead(code, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}
