import type { Result } from "../../../core/failure/result.ts";

export interface ApiRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path without query, such as `/api/v1/nodes/node-a`; each segment already encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /**
   * Of the body; default `application/json`. A PATCH must say which kind it is, such as
   * `application/merge-patch+json`.
   */
  readonly contentType?: string;
}

/** What the API server answered: any status code, and its body as JSON. */
export interface ApiAnswer {
  readonly code: number;
  readonly body: unknown;
}

/** A line of a watch, as the API server sends it (meta/v1 WatchEvent); its ERROR is thrown instead. */
export interface ApiWatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  /** Of a BOOKMARK: only `metadata.resourceVersion`. */
  readonly object: unknown;
}

/** Speaks to Kubernetes' API server: connections, credentials, time-outs. Knows nothing of any resource. */
export interface ApiClient {
  /**
   * Sends a request. Fails with `StoreUnavailable` if there is no answer (retryable; a write may or may
   * not have happened) and with `Cancelled` once `signal` is aborted; every HTTP answer, errors
   * included, is a value.
   */
  call(request: ApiRequest, signal: AbortSignal): Promise<Result<ApiAnswer>>;
  /**
   * Streams a watch, line by line, until `signal` is aborted or the server ends it in good order.
   * `query` selects the `resourceVersion` to start from, and the objects; bookmarks are always
   * requested. Throws `WatchGone` if that version is no longer kept (410, or an ERROR event that says
   * so) and `WatchBroken` if the watch can't begin, the connection is lost, or the server reports
   * another error (`isStated`).
   */
  watch(
    path: string,
    query: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): AsyncIterable<ApiWatchEvent>;
  /** Drops idle connections. Calls and watches end by their own signals. */
  close(): void;
}
