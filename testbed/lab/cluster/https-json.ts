import type { IncomingHttpHeaders } from "node:http";
import { Agent, request } from "node:https";
import { text } from "node:stream/consumers";

/** Credentials of an HTTPS client. PEM. */
export interface HttpsCredentials {
  readonly ca: string;
  readonly certificate?: string;
  readonly key?: string;
}

export interface JsonRequest {
  readonly url: string;
  /** Default: GET. */
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface JsonAnswer {
  readonly code: number;
  readonly headers: IncomingHttpHeaders;
  /** The text as received if it is not JSON. */
  readonly body: unknown;
}

const TIMEOUT_MS = 60_000;
/** Of a connection that the other side has closed: found while reading, and while writing. */
const CLOSED_CODES = ["ECONNRESET", "EPIPE"];

/**
 * Connections that waits use again: each new one takes ten times the processor time of a request, on both
 * sides.
 */
const kept = new Agent({ keepAlive: true });

/**
 * Sends one request, and rejects if there is no answer. A GET may use an earlier connection; if that is
 * closed, as by a server that has ended, the request is sent on a new one.
 */
export async function requestJson(credentials: HttpsCredentials, asked: JsonRequest): Promise<JsonAnswer> {
  const isRead = (asked.method ?? "GET") === "GET";
  try {
    return await send(credentials, asked, isRead ? kept : false);
  } catch (error) {
    if (error instanceof ClosedConnection) return send(credentials, asked, false);
    throw error;
  }
}

/** The same, and rejects if the answer is a refusal. */
export async function requestAnswer(credentials: HttpsCredentials, asked: JsonRequest): Promise<JsonAnswer> {
  const answer = await requestJson(credentials, asked);
  if (answer.code < 300) return answer;
  const { method = "GET", url } = asked;
  throw new Error(`${method} ${url} was answered ${answer.code}: ${JSON.stringify(answer.body)}`);
}

/** An earlier connection was closed before it brought an answer. */
class ClosedConnection extends Error {}

function send(
  credentials: HttpsCredentials,
  { url, method = "GET", body, headers = {} }: JsonRequest,
  agent: Agent | false,
): Promise<JsonAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<JsonAnswer>();
  const sentText = body === undefined ? "" : JSON.stringify(body);
  const sent = request(
    url,
    {
      method,
      ca: credentials.ca,
      ...(credentials.certificate === undefined ? {} : { cert: credentials.certificate }),
      ...(credentials.key === undefined ? {} : { key: credentials.key }),
      headers: {
        accept: "application/json",
        // Without a length, Node sends no body with a DELETE.
        ...(body === undefined
          ? {}
          : { "content-type": "application/json", "content-length": String(Buffer.byteLength(sentText)) }),
        ...headers,
      },
      agent,
      timeout: TIMEOUT_MS,
    },
    (response) => {
      const { statusCode: code = 0, headers: received } = response;
      text(response).then((content) => resolve({ code, headers: received, body: parse(content) }), reject);
    },
  );
  sent.on("timeout", () => sent.destroy(new Error(`${method} ${url}: no answer within ${TIMEOUT_MS} ms`)));
  sent.on("error", (error: NodeJS.ErrnoException) =>
    reject(
      sent.reusedSocket && CLOSED_CODES.includes(error.code ?? "")
        ? new ClosedConnection(error.message, { cause: error })
        : error,
    ),
  );
  sent.end(sentText);
  return promise;
}

function parse(content: string): unknown {
  try {
    return JSON.parse(content) as unknown;
  } catch {
    return content;
  }
}
