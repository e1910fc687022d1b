import { silentLogger } from "../../ports/testing/silent-logger.ts";
import type { CallContext } from "../server/unary-handler.ts";

/** The context of a call whose caller waits for ever, for tests that call handlers directly. */
export function aCall(overrides: Partial<CallContext> = {}): CallContext {
  return {
    signal: new AbortController().signal,
    deadlineMs: Number.POSITIVE_INFINITY,
    requestId: "request-1",
    logger: silentLogger,
    ...overrides,
  };
}
