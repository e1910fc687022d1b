import { request } from "node:https";
import { text } from "node:stream/consumers";

export interface WireAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: unknown;
}

/** One HTTPS call of a generic client that trusts `ca` alone. A body is JSON unless headers say otherwise. */
export function call(
  ca: string,
  url: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<WireAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      {
        ca,
        // Not by its header: a test may name another host.
        servername: new URL(url).hostname,
        method: options.method ?? "GET",
        headers: {
          ...(options.body === undefined ? {} : { "content-type": "application/json" }),
          ...options.headers,
        },
      },
      (response) => {
        text(response).then(
          (content) =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: content === "" ? undefined : JSON.parse(content),
            }),
          reject,
        );
      },
    );
    sent.on("error", reject);
    sent.end(options.body);
  });
}
