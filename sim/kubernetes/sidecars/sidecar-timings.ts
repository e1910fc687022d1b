/** How long a sidecar waits for an answer, and for its next call after a failure. */
export interface SidecarTimings {
  /** Limit for one call, in milliseconds. */
  readonly timeoutMs: number;
  /** The pause after the n-th failure in a row: `baseMs` times 2 to the power of n - 1, `maxMs` at most. */
  readonly backoff: { readonly baseMs: number; readonly maxMs: number };
}

/** As the chart starts each sidecar: `test/chart/sidecar-timings.test.ts` compares them. */
export const sidecarTimings = {
  "csi-provisioner": { timeoutMs: 60_000, backoff: { baseMs: 1_000, maxMs: 300_000 } },
  "csi-attacher": { timeoutMs: 600_000, backoff: { baseMs: 500, maxMs: 30_000 } },
  "csi-resizer": { timeoutMs: 240_000, backoff: { baseMs: 1_000, maxMs: 30_000 } },
  "csi-snapshotter": { timeoutMs: 60_000, backoff: { baseMs: 1_000, maxMs: 60_000 } },
} as const satisfies Readonly<Record<string, SidecarTimings>>;
