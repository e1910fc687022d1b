/** Work on the bytes of a disk or snapshot that continues after the operation that began it. */
export interface BackgroundCopy {
  readonly startedAtMs: number;
  readonly endsAtMs: number;
}

/** How much of it is done, from 0 to 100; 100 without one. */
export function copiedPercent(copy: BackgroundCopy | undefined, nowMs: number): number {
  if (copy === undefined) return 100;
  const { startedAtMs, endsAtMs } = copy;
  return Math.min(100, Math.floor(((nowMs - startedAtMs) / Math.max(1, endsAtMs - startedAtMs)) * 100));
}
