import type { Failure } from "../../../src/core/failure/failure.ts";
import type { Result } from "../../../src/core/failure/result.ts";

/**
 * Asks the API server what is so now, or changes it. Fails with `StoreUnavailable` where it does not
 * answer, and with `Cancelled`.
 */
export type AskApi = <T>(ask: () => T, signal: AbortSignal) => Promise<Result<T, Failure>>;
