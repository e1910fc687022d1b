/** A pod that uses a volume and has not ended. */
export interface VolumePod {
  /** As `<namespace>/<name>`. */
  readonly name: string;
  /** The node that it is bound to; empty: it is not scheduled yet. */
  readonly nodeName: string;
  /** `Pending`: it waits for something, or its init containers run. */
  readonly isPending: boolean;
  /** Marked for deletion. */
  readonly isTerminating: boolean;
}

export function isWaitingElsewhere(
  { isPending, isTerminating, nodeName }: VolumePod,
  writerNode: string | undefined,
): boolean {
  return isPending && !isTerminating && nodeName !== "" && nodeName !== writerNode;
}
