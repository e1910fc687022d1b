import { request } from "node:https";

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
  /** The text as received if it is not JSON. */
  readonly body: unknown;
}

const TIMEOUT_MS = 60_000;

/** Sends one request on a connection of its own. Rejects if there is no answer. */
export function requestJson(
  credentials: HttpsCredentials,
  { url, method = "GET", body, headers = {} }: JsonRequest,
): Promise<JsonAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<JsonAnswer>();
  const text = body === undefined ? "" : JSON.stringify(body);
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
          : { "content-type": "application/json", "content-length": String(Buffer.byteLength(text)) }),
        ...headers,
      },
      agent: false,
      timeout: TIMEOUT_MS,
    },
    (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () =>
        resolve({ code: response.statusCode ?? 0, body: parse(Buffer.concat(chunks).toString("utf8")) }),
      );
    },
  );
  sent.on("timeout", () => sent.destroy(new Error(`${method} ${url}: no answer within ${TIMEOUT_MS} ms`)));
  sent.on("error", reject);
  sent.end(text);
  return promise;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
