import type { Failure } from "../../core/failure/failure.ts";
import type { Result } from "../../core/failure/result.ts";
import type { Logger } from "../../ports/logger.ts";

/** What a handler learns of the call besides its request. */
export interface CallContext {
  /**
   * Aborted when the caller cancels, its deadline passes or the server stops; `signal.reason` is a
   * `CallEnded`.
   */
  readonly signal: AbortSignal;
  /** When the caller stops waiting, on the scale of `clock.elapsedMs()`; `Infinity` if it set no deadline. */
  readonly deadlineMs: number;
  /** Correlates log lines, resources and Azure's requests. */
  readonly requestId: string;
  /** Adds method and request id to each line. */
  readonly logger: Logger;
}

/** One unary RPC: an expected failure is a value; a throw is a bug and answers INTERNAL. */
export type UnaryHandler<Request, Response> = (
  request: Request,
  call: CallContext,
) => Promise<Result<Response>>;

/**
 * The handlers of a service, by the method names of its generated definition. A method without one answers
 * UNIMPLEMENTED.
 */
export type HandlersOf<Service> = {
  readonly [Method in keyof Service]?: Service[Method] extends {
    readonly requestDeserialize: (value: Buffer) => infer Request;
    readonly responseDeserialize: (value: Buffer) => infer Response;
  }
    ? UnaryHandler<Request, Response>
    : never;
};

/** Why a call's signal was aborted. */
export class CallEnded extends Error {
  override readonly name = "CallEnded";
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.kind);
    this.failure = failure;
  }
}
