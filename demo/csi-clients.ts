import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { ControllerService, NodeService } from "../src/csi/gen/csi/v1/csi.ts";

/** A call failed: what CSI answered. */
export class CsiError extends Error {
  override readonly name = "CsiError";
  readonly code: number;

  constructor(method: string, cause: ServiceError) {
    super(`${method.split("/").at(-1) ?? method}: ${cause.details}`, { cause });
    this.code = cause.code;
  }
}

/** Any CSI client can be used instead; this one is typed by the generated definitions. */
interface Method<Request, Response> {
  readonly path: string;
  readonly requestSerialize: (value: Request) => Buffer;
  readonly responseDeserialize: (value: Buffer) => Response;
}

/** The methods of a service as functions. */
type Methods<Service> = { readonly [M in keyof Service]: Service[M] extends Method<infer Request, infer Response> ? (request: Request) => Promise<Response> : never };

/** CSI's services on one socket. */
export interface CsiClients {
  readonly controller: Methods<typeof ControllerService>;
  readonly node: Methods<typeof NodeService>;
  close(): void;
}

const CALL_MAX_MS = 120_000;

/** Connects to a CSI socket. Calls under way end when `signal` is aborted. */
export function connectCsi(socketPath: string, signal: AbortSignal): CsiClients {
  const client = new Client(`unix:${socketPath}`, credentials.createInsecure());
  const methodsOf = <Service extends object>(service: Service): Methods<Service> =>
    Object.fromEntries(Object.entries(service).map(([name, method]) => [name, (request: unknown) => call(client, method as Method<unknown, unknown>, request, signal)])) as Methods<Service>;
  return { controller: methodsOf(ControllerService), node: methodsOf(NodeService), close: () => client.close() };
}

function call(client: Client, method: Method<unknown, unknown>, request: unknown, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const abort = (): void => sent.cancel();
    const sent = client.makeUnaryRequest(method.path, method.requestSerialize, method.responseDeserialize, request, { deadline: Date.now() + CALL_MAX_MS }, (error, response) => {
      signal.removeEventListener("abort", abort);
      if (error === null) resolve(response);
      else reject(new CsiError(method.path, error));
    });
    signal.addEventListener("abort", abort);
  });
}
