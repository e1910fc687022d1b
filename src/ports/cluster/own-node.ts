import type { Result } from "../../core/failure/result.ts";
import type { NodeTaint } from "../../core/node/node-taints.ts";
import type { NodeDriver } from "../../core/writer/judge-other-drivers.ts";

/** The orchestrator's view of the node that this process runs on. */
export interface OwnNodeFacts {
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly NodeTaint[];
  /** Its machine shuts down in good order: the kubelet ends its pods, the driver's last. */
  readonly isShuttingDown: boolean;
  /**
   * Volumes of this driver that the orchestrator has attached to the node or sees in use there, including
   * those unknown to the store.
   */
  readonly volumeIds: readonly string[];
}

/**
 * The orchestrator's object of the node that this process runs on. Each call may fail with
 * `StoreUnavailable` or `Cancelled`.
 */
export interface OwnNode {
  /** Reads it now; undefined if there is none. */
  read(signal: AbortSignal): Promise<Result<OwnNodeFacts | undefined>>;
  /**
   * The CSI drivers that the kubelet has registered on the node, by its CSINode; empty where there is
   * none.
   */
  drivers(signal: AbortSignal): Promise<Result<readonly NodeDriver[]>>;
  /** Replaces the taints if they are unchanged since the read; otherwise fails with `ObjectConflict`. */
  replaceTaints(
    change: { readonly from: readonly NodeTaint[]; readonly to: readonly NodeTaint[] },
    signal: AbortSignal,
  ): Promise<Result<void>>;
}
