/** The promises that checkers verify. */
export const invariants = [
  "two-writers",
  "healthy-writer-cut-off",
  "synced-data-lost",
  "formatted-data",
  "deleted-unasked",
  "neighbour-touched",
  "bystander-cut-off",
  "update-preempted",
  "replica-removed",
  "replica-out-of-reach",
  "granted-unasked",
  "unlabelled",
  "silenced-early",
  "marked-running",
  "powered-off",
  "lun-twice",
  "limit-exceeded",
  "leaked",
  "csi-answer",
  "snapshot-broken",
  "copy-broken",
  "not-converged",
  "twin-differs",
  "arm-budget",
  "spinning",
  "crashed",
] as const;

export type Invariant = (typeof invariants)[number];

/** A broken promise. */
export interface Violation {
  readonly invariant: Invariant;
  /** Virtual milliseconds since the run began. */
  readonly atMs: number;
  /** A sentence with names. */
  readonly detail: string;
}
