import type { Logger } from "../../ports/logger.ts";
import type { CallContext } from "../unary-handler.ts";

/** A logger that says nothing. */
export const silentLogger: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => silentLogger };

/** The context of a call whose caller waits for ever, for tests that call handlers directly. */
export function aCall(overrides: Partial<CallContext> = {}): CallContext {
  return { signal: new AbortController().signal, deadlineMs: Number.POSITIVE_INFINITY, requestId: "request-1", logger: silentLogger, ...overrides };
}
