import { basename } from "node:path";
import { status } from "@grpc/grpc-js";
import type { Failure } from "../../core/failure/failure.ts";
import { stackOf } from "../../core/failure/message-of.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Logger } from "../../ports/logger.ts";
import type { Random } from "../../ports/random.ts";
import { stripSecrets } from "./strip-secrets.ts";
import { toGrpcStatus, type GrpcStatus } from "./to-grpc-status.ts";
import { CallEnded, type UnaryHandler } from "./unary-handler.ts";

export interface CallOutcome {
  /** Such as `/csi.v1.Controller/CreateVolume`. */
  readonly method: string;
  /** gRPC's name of the status: `OK`, `ABORTED` … */
  readonly code: string;
  readonly durationMs: number;
}

/** All that answering a call needs besides its handler. */
export interface CallPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** For metrics; must not throw. */
  readonly onCall: (outcome: CallOutcome) => void;
}

interface IncomingCall<Request> {
  readonly method: string;
  readonly request: Request;
  readonly signal: AbortSignal;
  /** On the scale of `clock.elapsedMs()`; `Infinity`: none. */
  readonly deadlineMs: number;
}

export type Answer<Response> = { readonly response: Response } | { readonly status: GrpcStatus };

/** Called repeatedly by sidecars and kubelet: of interest only when they fail. */
const ROUTINE_METHODS: ReadonlySet<string> = new Set([
  "Probe",
  "GetPluginInfo",
  "GetPluginCapabilities",
  "ControllerGetCapabilities",
  "NodeGetCapabilities",
  "NodeGetInfo",
  "NodeGetVolumeStats",
  "NodeGetVolumeHealth",
  "ListVolumes",
  "ListSnapshots",
  "ControllerGetVolume",
  // Of kubelet's plug-in registration.
  "GetInfo",
]);

/**
 * Runs a handler and reports it to log and metrics. Never rejects: an exception of a handler is a bug,
 * logged as such and answered with INTERNAL.
 */
export async function answerCall<Request, Response>(
  handler: UnaryHandler<Request, Response>,
  call: IncomingCall<Request>,
  ports: CallPorts,
): Promise<Answer<Response>> {
  const startedMs = ports.clock.elapsedMs();
  const requestId = ports.random.uuid();
  const logger = ports.logger.child({ method: call.method, requestId });
  const answer = await run(handler, call, { requestId, logger });
  const durationMs = ports.clock.elapsedMs() - startedMs;
  const code = "status" in answer ? (status[answer.status.code] ?? String(answer.status.code)) : "OK";
  const fields = { code, durationMs, request: stripSecrets(call.request) };
  if ("status" in answer) logger.warn("call failed", { ...fields, error: answer.status.details });
  else if (ROUTINE_METHODS.has(basename(call.method))) logger.debug("call answered", fields);
  else logger.info("call answered", fields);
  ports.onCall({ method: call.method, code, durationMs });
  return answer;
}

async function run<Request, Response>(
  handler: UnaryHandler<Request, Response>,
  call: IncomingCall<Request>,
  context: { readonly requestId: string; readonly logger: Logger },
): Promise<Answer<Response>> {
  try {
    const result = await handler(call.request, {
      signal: call.signal,
      deadlineMs: call.deadlineMs,
      ...context,
    });
    return result.ok
      ? { response: result.value }
      : { status: toGrpcStatus(endOf(call.signal, result.failure)) };
  } catch (error) {
    // Ports that wait reject with the signal's reason; that is the end of the call, not a bug.
    if (call.signal.aborted && error === call.signal.reason)
      return { status: toGrpcStatus(endOf(call.signal, { kind: "Cancelled" })) };
    context.logger.error("handler threw: a bug", { error: stackOf(error) });
    return {
      status: {
        code: status.INTERNAL,
        details: `a bug in the driver: see its log for request ${context.requestId}`,
      },
    };
  }
}

/**
 * `Cancelled` only says that the signal was aborted; the signal knows whether the caller gave up or its
 * deadline passed.
 */
function endOf(signal: AbortSignal, failure: Failure): Failure {
  const reason: unknown = signal.reason;
  return failure.kind === "Cancelled" && reason instanceof CallEnded ? reason.failure : failure;
}
