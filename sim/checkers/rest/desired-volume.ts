/** What a volume should be in the end, as far as its user has said. */
export interface DesiredVolume {
  readonly volumeName: string;
  /** Whether its claim still exists. */
  readonly exists: boolean;
  /** The last size asked for, in GiB. */
  readonly sizeGiB: number;
  readonly pods: 0 | 1;
  readonly replicas: number;
  readonly access: "mount" | "block";
  /** Its disk was destroyed by others: it can't run, and nothing is asked of it but to be deletable. */
  readonly isDestroyed: boolean;
  /** A fault asked for it: the same scenario without faults has none. */
  readonly isOfFault: boolean;
}
