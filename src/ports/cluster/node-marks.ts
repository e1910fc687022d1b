import type { Result } from "../../core/failure/result.ts";

/**
 * The out-of-service mark of the orchestrator's nodes: the orchestrator then deletes their workloads
 * without waiting for them. Each call is idempotent, changes that very node object only, and answers
 * `false` where it changed nothing: the object is another one or gone, or the mark is as requested. May fail
 * with `ObjectConflict` where others change the node at the same time, `StoreUnavailable` or `Cancelled`.
 */
export interface NodeMarks {
  /** Whether `mark` would set it now; false where it stands already. Reads past every cache. */
  isMarkable(node: NodeObject, signal: AbortSignal): Promise<Result<boolean>>;
  /**
   * Sets the mark, in a way that `unmark` recognises, on a node that is unreachable when it is written: one
   * whose kubelet has reported again gets none.
   */
  mark(node: NodeObject, signal: AbortSignal): Promise<Result<boolean>>;
  /** Removes the mark if the driver has set it, from a node that is not unreachable when it is written. */
  unmark(node: NodeObject, signal: AbortSignal): Promise<Result<boolean>>;
}

/** A node object: another one may have the name later. */
interface NodeObject {
  readonly nodeName: string;
  readonly nodeUid: string;
}
