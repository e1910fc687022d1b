import { Client, credentials, type MethodDefinition, type ServiceError } from "@grpc/grpc-js";
import { ControllerService, IdentityService, NodeService } from "../../src/csi/gen/csi/v1/csi.ts";
import { callUnary } from "../../src/csi/testing/call-unary.ts";

/** A failed call, with CSI's answer. */
export class CsiError extends Error {
  override readonly name = "CsiError";
  readonly code: number;

  constructor(method: string, cause: ServiceError) {
    super(`${method.split("/").at(-1) ?? method}: ${cause.details}`, { cause });
    this.code = cause.code;
  }
}

/** The methods of a service as functions. */
type Methods<Service> = {
  readonly [M in keyof Service]: Service[M] extends MethodDefinition<infer Request, infer Response>
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
  readonly identity: Methods<typeof IdentityService>;
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
      Object.entries(service as Record<string, MethodDefinition<unknown, unknown>>).map(([name, method]) => [
        name,
        (request: unknown, options?: CallOptions) =>
          callUnary(client, method, request, {
            deadline: Date.now() + (options?.timeoutMs ?? CALL_MAX_MS),
            signal: eitherOf(signal, options),
            // After a restart of the process the socket exists, but the channel may still be in its backoff.
            waitForReady: true,
          }).catch((error: unknown) => {
            throw isServiceError(error) ? new CsiError(method.path, error) : error;
          }),
      ]),
    ) as Methods<Service>;
  return {
    identity: methodsOf(IdentityService),
    controller: methodsOf(ControllerService),
    node: methodsOf(NodeService),
    close: () => client.close(),
  };
}

/** What ends a call: the end of its connection, or its caller. */
export function eitherOf(signal: AbortSignal, options: CallOptions | undefined): AbortSignal {
  return options?.signal === undefined ? signal : AbortSignal.any([signal, options.signal]);
}

/** False for the reason of a signal that was aborted before the call. */
function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "details" in error;
}
