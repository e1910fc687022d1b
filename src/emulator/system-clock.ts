/** Wall-clock time that never decreases, for a model whose events have an order. */
export function createSystemClock(): { nowMs(): number } {
  const startedAtMs = Date.now() - performance.now();
  return { nowMs: () => startedAtMs + performance.now() };
}
