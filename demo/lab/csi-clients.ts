import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { ControllerService, NodeService } from "../../src/csi/gen/csi/v1/csi.ts";

/** A failed call, with CSI's answer. */
export class CsiError extends Error {
  override readonly name = "CsiError";
  readonly code: number;

  constructor(method: string, cause: ServiceError) {
    super(`${method.split("/").at(-1) ?? method}: ${cause.details}`, { cause });
    this.code = cause.code;
  }
}

/** A method in the generated definitions. Any other CSI client would do as well. */
interface Method<Request, Response> {
  readonly path: string;
  readonly requestSerialize: (value: Request) => Buffer;
  readonly responseDeserialize: (value: Buffer) => Response;
}

/** The methods of a service as functions. */
type Methods<Service> = {
  readonly [M in keyof Service]: Service[M] extends Method<infer Request, infer Response>
    ? (request: Request, options?: CallOptions) => Promise<Response>
    : never;
};

/** The limits of one call. */
export interface CallOptions {
  /** The call's deadline from now, in milliseconds. Default 120,000. */
  readonly timeoutMs?: number;
  /** Aborting it ends the call, as the end of the connection does. Default: never. */
  readonly signal?: AbortSignal;
}

/** CSI's services on one socket. */
export interface CsiClients {
  readonly controller: Methods<typeof ControllerService>;
  readonly node: Methods<typeof NodeService>;
  readonly close: () => void;
}

const CALL_MAX_MS = 120_000;
const RECONNECT_MS = 100;

/** Connects to a CSI socket. Aborting `signal` ends calls in flight. */
export function connectCsi(socketPath: string, signal: AbortSignal): CsiClients {
  const client = new Client(`unix:${socketPath}`, credentials.createInsecure(), {
    "grpc.initial_reconnect_backoff_ms": RECONNECT_MS,
    "grpc.max_reconnect_backoff_ms": RECONNECT_MS,
  });
  const methodsOf = <Service extends object>(service: Service): Methods<Service> =>
    Object.fromEntries(
      Object.entries(service).map(([name, method]) => [
        name,
        (request: unknown, options?: CallOptions) =>
          call(
            client,
            method as Method<unknown, unknown>,
            request,
            options?.timeoutMs ?? CALL_MAX_MS,
            eitherOf(signal, options),
          ),
      ]),
    ) as Methods<Service>;
  return {
    controller: methodsOf(ControllerService),
    node: methodsOf(NodeService),
    close: () => client.close(),
  };
}

/** What ends a call: the end of its connection, or its caller. */
export function eitherOf(signal: AbortSignal, options: CallOptions | undefined): AbortSignal {
  return options?.signal === undefined ? signal : AbortSignal.any([signal, options.signal]);
}

function call(
  client: Client,
  method: Method<unknown, unknown>,
  request: unknown,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const abort = (): void => sent.cancel();
    // After a restart of the process the socket exists, but the channel may still be in its backoff.
    const metadata = new Metadata({ waitForReady: true });
    const sent = client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      metadata,
      { deadline: Date.now() + timeoutMs },
      (error, response) => {
        signal.removeEventListener("abort", abort);
        if (error === null) resolve(response);
        else reject(new CsiError(method.path, error));
      },
    );
    signal.addEventListener("abort", abort);
  });
}
