export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The same with the places that it passed: for the log, where a caught value shows a bug. */
export function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
