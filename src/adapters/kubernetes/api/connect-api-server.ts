import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import { isIP } from "node:net";
import { createSecureContext } from "node:tls";
import { storeUnavailable } from "../../../core/failure/frequent-failures.ts";
import { messageOf } from "../../../core/failure/message-of.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import type { Result } from "../../../core/failure/result.ts";
import { errorCode } from "../../../core/primitives/error-code.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Random } from "../../../ports/random.ts";
import { WatchBroken, WatchGone } from "../../../ports/store/object-store.ts";
import { CallFailed, readText, sendCall } from "../../http/http-call.ts";
import type { HttpCall } from "../../http/http-call.ts";
import { readLines } from "../../http/read-lines.ts";
import type { ApiAnswer, ApiClient, ApiRequest, ApiWatchEvent } from "./api-client.ts";
import { createApiCredentials } from "./api-credentials.ts";
import type { Credential } from "./api-credentials.ts";
import type { ApiServerConfig } from "./api-server-config.ts";
import { isExpired, readApiStatus } from "./api-status.ts";

/**
 * All of them are kept while nothing uses them. In a burst of calls the number in use goes up and down: those
 * that are not kept are opened again, and a handshake of TLS takes more processor time than several calls
 * (docs/assurance/performance.md).
 */
const CALL_SOCKETS_MAX = 32;
const WATCH_SOCKETS_MAX = 64;
/**
 * The API server closes what was idle for 90 s: a call must not meet a connection that is just being
 * closed.
 */
const SOCKET_IDLE_MAX_MS = 30_000;
const TCP_KEEP_ALIVE_MS = 15_000;
const REQUEST_TIMEOUT_MS = 10_000;
/** A page of 500 objects; pods seldom have more than 20 KiB. */
const ANSWER_BYTES_MAX = 128 * 1024 * 1024;
/** An object is at most 1.5 MiB in etcd; JSON and its wrapping take more. */
const WATCH_LINE_LENGTH_MAX = 8 * 1024 * 1024;
/**
 * Waits between attempts if a request can't have arrived, or may be repeated: short enough for a CSI
 * call.
 */
const RETRY_DELAYS_MS: readonly number[] = [25, 50, 100, 200, 400];
/**
 * How often one call waits for as long as the server asks for (429 with Retry-After), and its longest
 * wait.
 */
const RETRY_AFTER_COUNT_MAX = 3;
const RETRY_AFTER_MAX_MS = 5_000;
const WATCH_SECONDS = 300;

/** Node's codes for a certificate that is not to be trusted. */
const CERTIFICATE_CODE = /CERT|SELF_SIGNED|VERIFY|ALTNAME/u;

export interface ConnectApiServerOptions {
  readonly config: ApiServerConfig;
  /** The caller, for the API server's logs, such as `azuredisk-csi-driver/0.1.0 (node)`. */
  readonly userAgent: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Milliseconds until a call must be answered, and a watch begun. Default 10,000. */
  readonly requestTimeoutMs?: number;
  /**
   * The server has to end each watch after between this and twice this time, in seconds, so that its
   * watchers spread over all servers. Default 300.
   */
  readonly watchSeconds?: number;
}

/**
 * The client of Kubernetes' API server over HTTPS, HTTP/1.1 with kept connections. Connects when it is
 * first used; certificates are always verified. A call that can't have reached the server is retried
 * for about 0.8 s, and so is every read; a write that may have arrived is never sent twice. Credentials
 * are read again every minute, and at once if the server refuses them (401) or has the wrong
 * certificate. Waits as long as the server asks (429 with Retry-After), up to 5 s and three times.
 */
export function connectApiServer(options: ConnectApiServerOptions): ApiClient {
  const { config, clock, random } = options;
  const timeoutMs = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
  const server = `the API server at ${config.url.href.replace(/\/$/u, "")} (${config.origin})`;
  const credentials = createApiCredentials(config, clock);
  let connections: Connections | undefined;

  /**
   * New certificates make new connections; the old ones end when they have been idle for long enough.
   * Certificates that are unusable, such as half a file, change nothing.
   */
  function connectionsOf(credential: Credential): Connections {
    if (connections?.isFor(credential) === true) return connections;
    try {
      connections = openConnections(credential, config.serverName);
    } catch (error) {
      const text = messageOf(error);
      if (connections === undefined)
        throw new CallFailed(`the certificates for ${server} can't be used (${text})`, {
          wasNotSent: true,
          cause: error,
        });
    }
    return connections;
  }

  async function currentCredential(): Promise<Credential> {
    try {
      return await credentials.current();
    } catch (error) {
      const text = messageOf(error);
      throw new CallFailed(`the credentials for ${server} can't be read (${text})`, {
        wasNotSent: true,
        cause: error,
      });
    }
  }

  function httpCall(
    target: HttpTarget,
    credential: Credential,
    timeoutCovers: HttpCall["timeoutCovers"],
  ): HttpCall {
    const { hostname, port, pathname } = config.url;
    const kept = connectionsOf(credential);
    const query = new URLSearchParams(target.query).toString();
    return {
      server,
      remedyOf: (error) =>
        isCertificateError(error)
          ? `is its CA the one of ${config.origin}?`
          : "is it running, and can this machine reach it?",
      begin: (headers) => {
        const sent = request({
          agent: timeoutCovers === "head" ? kept.watches : kept.calls,
          // An IPv6 address is in brackets in a URL.
          host: hostname.replace(/^\[|\]$/gu, ""),
          port: port === "" ? 443 : Number(port),
          method: target.method,
          path: `${pathname.replace(/\/$/u, "")}${target.path}${query === "" ? "" : `?${query}`}`,
          headers: {
            accept: "application/json",
            "user-agent": options.userAgent,
            ...(credential.token === undefined ? {} : { authorization: `Bearer ${credential.token}` }),
            ...headers,
          },
        });
        return timeoutCovers === "head"
          ? sent.on("socket", (socket) => socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS))
          : sent;
      },
      readyEvent: "secureConnect",
      body:
        target.body === undefined
          ? undefined
          : { text: JSON.stringify(target.body), contentType: target.contentType ?? "application/json" },
      timeoutMs,
      timeoutCovers,
    };
  }

  /**
   * Sends until there is an answer to return: repeats if that is safe and may help. `receive` maps a
   * response; it is called once for each response.
   */
  async function exchange<T>(
    target: HttpTarget,
    timeoutCovers: HttpCall["timeoutCovers"],
    receive: (response: IncomingMessage, call: HttpCall) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    const isRead = target.method === "GET";
    let failures = 0;
    let throttlings = 0;
    let mayRenew = true;
    for (;;) {
      const credential = await currentCredential();
      try {
        const call = httpCall(target, credential, timeoutCovers);
        const response = await sendCall(call, signal);
        if (response.statusCode === 401 && mayRenew) {
          mayRenew = false;
          if (await credentials.renew(credential)) {
            response.resume();
            continue;
          }
        }
        const delayMs = retryAfterMs(response, isRead);
        if (delayMs === undefined || throttlings++ >= RETRY_AFTER_COUNT_MAX)
          return await receive(response, call);
        response.resume();
        await clock.sleep(delayMs * (1 + random.next() / 2), signal);
      } catch (error) {
        if (!(error instanceof CallFailed) || error.isTimeout || signal.aborted) throw error;
        if (isCertificateError(error.cause) && mayRenew) {
          mayRenew = false;
          if (await credentials.renew(credential)) continue;
        }
        const delayMs = RETRY_DELAYS_MS[failures++];
        if (delayMs === undefined || !(error.wasNotSent || isRead)) throw error;
        await clock.sleep(delayMs * (0.5 + random.next()), signal);
      }
    }
  }

  async function call(apiRequest: ApiRequest, signal: AbortSignal): Promise<Result<ApiAnswer>> {
    try {
      return ok(await exchange(apiRequest, "whole", readAnswer, signal));
    } catch (error) {
      if (signal.aborted) return fail({ kind: "Cancelled" });
      if (error instanceof CallFailed) return storeUnavailable(error.message);
      throw error;
    }
  }

  async function openWatch(
    path: string,
    query: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const seconds = Math.round((options.watchSeconds ?? WATCH_SECONDS) * (1 + random.next()));
    const target = {
      method: "GET",
      path,
      query: { ...query, watch: "1", allowWatchBookmarks: "true", timeoutSeconds: String(seconds) },
    } as const;
    const opened = await exchange<IncomingMessage | ApiAnswer>(
      target,
      "head",
      async (response, opening) =>
        response.statusCode === 200 ? response : await readAnswer(response, opening),
      signal,
    );
    if (!("code" in opened)) return opened;
    const status = readApiStatus(opened);
    const text = `${server} refused to watch ${path}: ${status.message}`;
    throw isExpired(status) ? new WatchGone(text) : new WatchBroken(text);
  }

  async function* watch(
    path: string,
    query: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): AsyncGenerator<ApiWatchEvent, void, undefined> {
    try {
      const response = await openWatch(path, query, signal);
      for await (const line of readLines(response, WATCH_LINE_LENGTH_MAX)) {
        if (signal.aborted) return;
        yield readEvent(line, path);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof WatchGone || error instanceof WatchBroken) throw error;
      if (error instanceof CallFailed) throw new WatchBroken(error.message, { cause: error });
      throw new WatchBroken(`the watch on ${path} was cut off (${messageOf(error)})`, {
        wasOpen: true,
        cause: error,
      });
    }
  }

  return { call, watch, close: () => connections?.close() };
}

interface HttpTarget {
  readonly method: ApiRequest["method"];
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly contentType?: string;
}

interface Connections {
  readonly calls: Agent;
  readonly watches: Agent;
  readonly isFor: (credential: Credential) => boolean;
  readonly close: () => void;
}

function openConnections({ ca, certificate, key }: Credential, serverName: string | undefined): Connections {
  const tls = {
    // One for all connections: each would parse the certificates again.
    secureContext: createSecureContext({
      ...(ca === undefined ? {} : { ca }),
      ...(certificate === undefined ? {} : { cert: certificate }),
      ...(key === undefined ? {} : { key }),
    }),
    ...(serverName === undefined || isIP(serverName) !== 0 ? {} : { servername: serverName }),
  };
  const calls = new Agent({
    ...tls,
    keepAlive: true,
    // That of `httpCall`, or each call would set both. By default it is a second, and an API server would
    // answer the probes of all idle connections of all nodes.
    keepAliveMsecs: TCP_KEEP_ALIVE_MS,
    maxSockets: CALL_SOCKETS_MAX,
    maxFreeSockets: CALL_SOCKETS_MAX,
    timeout: SOCKET_IDLE_MAX_MS,
  });
  const watches = new Agent({ ...tls, keepAlive: false, maxSockets: WATCH_SOCKETS_MAX });
  return {
    calls,
    watches,
    isFor: (credential) =>
      credential.ca === ca && credential.certificate === certificate && credential.key === key,
    close: () => {
      calls.destroy();
      watches.destroy();
    },
  };
}

/**
 * How long the server asks to wait before the same request; undefined: it does not, or the request must not
 * be repeated.
 */
function retryAfterMs(response: IncomingMessage, isRead: boolean): number | undefined {
  const code = response.statusCode ?? 0;
  // 429 is sent before anything was done; the effect of a request that met a server error is unknown.
  if (code !== 429 && !(isRead && code >= 500)) return undefined;
  const seconds = Number(response.headers["retry-after"] ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds * 1_000, RETRY_AFTER_MAX_MS) : undefined;
}

async function readAnswer(response: IncomingMessage, call: HttpCall): Promise<ApiAnswer> {
  const text = await readText(response, call, ANSWER_BYTES_MAX);
  const code = response.statusCode ?? 0;
  // Paths that the API server does not know are answered in plain text.
  if (!(response.headers["content-type"] ?? "").startsWith("application/json")) return { code, body: text };
  try {
    return { code, body: JSON.parse(text) };
  } catch (error) {
    throw new CallFailed(`${call.server} gave an answer that is not JSON`, { cause: error });
  }
}

function readEvent(line: string, path: string): ApiWatchEvent {
  const event = JSON.parse(line) as {
    readonly type: ApiWatchEvent["type"] | "ERROR";
    readonly object: unknown;
  };
  if (event.type !== "ERROR") return { type: event.type, object: event.object };
  const status = readApiStatus({ code: 500, body: event.object });
  const text = `the watch on ${path} ended: ${status.message}`;
  throw isExpired(status) ? new WatchGone(text) : new WatchBroken(text, { isStated: true });
}

function isCertificateError(error: unknown): boolean {
  return CERTIFICATE_CODE.test(errorCode(error) ?? "");
}
