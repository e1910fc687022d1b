import { type Client, Metadata, type MethodDefinition } from "@grpc/grpc-js";

export interface CallLimits {
  /** In milliseconds since 1970. Default: none. */
  readonly deadline?: number;
  readonly signal?: AbortSignal;
  /** Waits for the server while the channel is in its backoff, instead of failing. */
  readonly waitForReady?: boolean;
}

/** Calls a method of a generated service. Rejects with gRPC's `ServiceError`. */
export function callUnary<Request, Response>(
  client: Client,
  method: MethodDefinition<Request, Response>,
  request: Request,
  { deadline = Infinity, signal, waitForReady = false }: CallLimits = {},
): Promise<Response> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const abort = (): void => sent.cancel();
    const sent = client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      new Metadata({ waitForReady }),
      { deadline },
      (error, response) => {
        signal?.removeEventListener("abort", abort);
        // gRPC gives one of the two.
        if (error === null) resolve(response as Response);
        else reject(error);
      },
    );
    signal?.addEventListener("abort", abort);
  });
}
