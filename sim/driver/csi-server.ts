import { status } from "@grpc/grpc-js";
import { processOptions } from "../../src/compose/settings/process-options.ts";
import { type Answer, answerCall } from "../../src/csi/server/answer-call.ts";
import { CallEnded, type UnaryHandler } from "../../src/csi/server/unary-handler.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { ProcessLife } from "./create-process-slot.ts";
import type { CsiAnswer, CsiCall } from "./endpoints.ts";

/** The socket of one life of a process: the counterpart of `GrpcServer`. */
export interface CsiServer {
  /** A method as its callers reach it. */
  method<Request, Response>(
    name: string,
    handler: UnaryHandler<Request, Response> | undefined,
  ): CsiCall<Request, Response>;
  /** Accepts no more calls, and waits for those under way; after the grace period they are cancelled. */
  stop(): Promise<void>;
}

/** How long calls under way may continue, in milliseconds: the processes' default. */
const GRACE_MS = processOptions["shutdown-grace-ms"].default;

const unavailable = (message: string): CsiAnswer<never> => ({ ok: false, code: "UNAVAILABLE", message });

/** An open socket. `callersClock` is that of the callers: a kubelet is frozen with its machine. */
export function createCsiServer(life: ProcessLife, callersClock: Clock): CsiServer {
  const { gate } = life;
  const underWay = new Set<AbortController>();
  let isOpen = true;
  let drained: (() => void) | undefined;

  async function answer<Request, Response>(
    method: string,
    handler: UnaryHandler<Request, Response>,
    call: { readonly request: Request; readonly ending: AbortController; readonly timeoutMs: number },
  ): Promise<CsiAnswer<Response>> {
    if (gate.isShut()) await gate.passed();
    const { clock, random, logger } = life;
    const deadlineMs = clock.elapsedMs() + call.timeoutMs;
    const answered = await answerCall(
      handler,
      { method, request: call.request, signal: call.ending.signal, deadlineMs },
      { clock, random, logger, onCall: () => undefined },
    );
    if (gate.isShut()) await gate.passed();
    return toCsiAnswer(answered);
  }

  return {
    method: (name, handler) => (request, options) =>
      new Promise((resolve, reject) => {
        if (!isOpen || life.died.aborted) return resolve(unavailable("no process listens on the socket"));
        if (handler === undefined) return resolve({ ok: false, code: "UNIMPLEMENTED", message: name });
        const { timeoutMs, signal } = options;
        const ending = new AbortController();
        const waiting = new AbortController();
        underWay.add(ending);

        const settle = (settled: CsiAnswer<never> | Parameters<typeof resolve>[0]): void => {
          if (waiting.signal.aborted) return;
          waiting.abort();
          signal.removeEventListener("abort", giveUp);
          life.died.removeEventListener("abort", onDeath);
          resolve(settled as Parameters<typeof resolve>[0]);
        };
        /** The caller is gone at once; the process notices when it runs. */
        const leave = (why: CallEnded, settled: CsiAnswer<never>): void => {
          settle(settled);
          gate.passed().then(() => ending.abort(why), reject);
        };
        const giveUp = (): void =>
          leave(new CallEnded({ kind: "Cancelled" }), {
            ok: false,
            code: "CANCELLED",
            message: "the caller gave up",
          });
        const onDeath = (): void => settle(unavailable("the connection broke"));

        signal.addEventListener("abort", giveUp, { once: true });
        life.died.addEventListener("abort", onDeath, { once: true });
        callersClock.sleep(timeoutMs, waiting.signal).then(
          () =>
            leave(new CallEnded({ kind: "DeadlineExceeded", operation: name }), {
              ok: false,
              code: "DEADLINE_EXCEEDED",
              message: `no answer within ${timeoutMs} ms`,
            }),
          () => undefined,
        );
        answer(name, handler, { request, ending, timeoutMs })
          .finally(() => {
            underWay.delete(ending);
            if (underWay.size === 0) drained?.();
          })
          .then(settle, reject);
        if (signal.aborted) giveUp();
      }),
    stop: async () => {
      isOpen = false;
      if (underWay.size === 0) return;
      const grace = new AbortController();
      await new Promise<void>((resolve, reject) => {
        drained = resolve;
        life.clock.sleep(GRACE_MS, grace.signal).then(
          () => {
            for (const call of underWay)
              call.abort(new CallEnded({ kind: "HostNotReady", detail: "the driver is being stopped" }));
          },
          (error: unknown) => {
            if (!grace.signal.aborted) reject(error instanceof Error ? error : new Error(String(error)));
          },
        );
      });
      grace.abort();
    },
  };
}

function toCsiAnswer<Response>(answered: Answer<Response>): CsiAnswer<Response> {
  if ("response" in answered) return { ok: true, value: answered.response };
  return { ok: false, code: status[answered.status.code], message: answered.status.details };
}
