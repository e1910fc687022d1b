import type { Result } from "../../../src/core/failure/result.ts";

/**
 * Reads the present state of the API server, or changes it. Fails with `StoreUnavailable` if it does not
 * respond, and with `Cancelled`.
 */
export type CallApi = <T>(call: () => T, signal: AbortSignal) => Promise<Result<T>>;
