/**
 * Frees the memory that start-up left behind; V8 would keep it until memory is short. Does nothing
 * unless Node runs with --expose-gc.
 */
export async function collectGarbage(): Promise<void> {
  await globalThis.gc?.({ type: "major", execution: "async", flavor: "last-resort" });
}
