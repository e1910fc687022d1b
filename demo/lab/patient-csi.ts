import { setTimeout as sleep } from "node:timers/promises";
import { status } from "@grpc/grpc-js";
import { type CallOptions, type CsiClients, connectCsi, CsiError, eitherOf } from "./csi-clients.ts";

/** Codes that every orchestrator retries; a broken connection is UNAVAILABLE, too. */
const retried: ReadonlySet<number> = new Set([
  status.UNAVAILABLE,
  status.ABORTED,
  status.DEADLINE_EXCEEDED,
  status.CANCELLED,
  status.FAILED_PRECONDITION,
]);

const CALL_MAX_MS = 30_000;
const ALL_CALLS_MAX_MS = 240_000;
const PAUSE_MS = 100;

/**
 * Connects to a CSI socket as an orchestrator does: each call is repeated unchanged until it succeeds, time
 * is over, or its caller gives it up.
 */
export function connectPatiently(socketPath: string, signal: AbortSignal): CsiClients {
  const clients = connectCsi(socketPath, signal);
  return {
    identity: patient(clients.identity, signal),
    controller: patient(clients.controller, signal),
    node: patient(clients.node, signal),
    close: clients.close,
  };
}

type Call = (request: unknown, options?: CallOptions) => Promise<unknown>;

function patient<Methods extends object>(methods: Methods, signal: AbortSignal): Methods {
  return Object.fromEntries(
    Object.entries(methods).map(([name, call]) => [
      name,
      (request: unknown, options?: CallOptions) =>
        untilAnswered(name, call as Call, request, eitherOf(signal, options)),
    ]),
  ) as Methods;
}

async function untilAnswered(
  name: string,
  call: Call,
  request: unknown,
  signal: AbortSignal,
): Promise<unknown> {
  const endMs = performance.now() + ALL_CALLS_MAX_MS;
  const refusals: string[] = [];
  for (;;) {
    try {
      return await call(request, { timeoutMs: CALL_MAX_MS, signal });
    } catch (error) {
      if (!(error instanceof CsiError) || !retried.has(error.code)) throw error;
      if (refusals.at(-1) !== error.message) refusals.push(error.message);
      if (performance.now() > endMs)
        throw new Error(
          `${name} was not answered within ${ALL_CALLS_MAX_MS} ms; the refusals:\n  ${refusals.join("\n  ")}`,
          { cause: error },
        );
      await sleep(PAUSE_MS, undefined, { signal });
    }
  }
}
