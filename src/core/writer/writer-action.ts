import type { NodeIdentity } from "../api/identity/node-identity.ts";
import type { EventReason } from "../events/event-reasons.ts";

/** The next action for the writer record: by compare-and-swap, after an uncached read that allows it. */
export type WriterAction =
  /** `isUserSeen`: caches show the users of the volume there. Otherwise they are first read uncached. */
  | { readonly kind: "Grant"; readonly node: NodeIdentity; readonly isUserSeen: boolean }
  | { readonly kind: "Revoke" }
  /**
   * Another VM has a node's name. Its token may have released the grant of the `writer`, or may remove the
   * entry of an unverified node: so the earlier VM is listed as a `stray` as well, by its resource id alone.
   */
  | { readonly kind: "Distrust"; readonly node: NodeIdentity; readonly as: "writer" | "stray" }
  /** Entries of the node have no uid, or that of an earlier object of the orchestrator's. */
  | { readonly kind: "Identify"; readonly node: NodeIdentity }
  /** The writer's request, in the record. */
  | { readonly kind: "Withdraw"; readonly from: "record"; readonly node: NodeIdentity }
  /**
   * The request in the attachment, and its role, whether or not its node is the writer: without an
   * unpublish they would outlive the workload.
   */
  | { readonly kind: "Withdraw"; readonly from: "attachment"; readonly nodeName: string }
  | { readonly kind: "ReleaseCheck"; readonly node: NodeIdentity }
  /** The recall in the spec of the writer's attachment: `isDue`, it is written; otherwise removed. */
  | { readonly kind: "Recall"; readonly attachmentName: string; readonly isDue: boolean }
  | {
      readonly kind: "BeginFence";
      readonly node: NodeIdentity;
      readonly ground: FenceGround;
      readonly because: string;
      /**
       * The node of its name is another VM, whose token may have moved the grant: its request ends with the
       * fence, and a released grant counts as held. Default: it is the node's own.
       */
      readonly distrusts?: true;
    }
  /** `by` has preempted the reservation of the node that is being fenced: the disk refuses its writes. */
  | {
      readonly kind: "RecordPreempted";
      readonly node: NodeIdentity;
      readonly epoch: number;
      readonly by: string;
    }
  /**
   * A loop of its own reads the node's VM and plans by what Azure shows (`ObservedVolume.vm`). `mayBeGone`:
   * instead, it begins the fence of a VM that is proven to be gone.
   */
  | { readonly kind: "AskAzure"; readonly node: NodeIdentity; readonly mayBeGone: boolean }
  /**
   * `tooEarlyFor`: a wait that may stand, and that this process has not watched for long enough to report: it
   * has just begun, or a change of the object has begun its time again. A condition that names it stays.
   */
  | { readonly kind: "Requeue"; readonly afterMs: number; readonly tooEarlyFor?: EventReason }
  /** A node waits to write. `nodeName`: the node it waits for, where that node gets the event as well. */
  | {
      readonly kind: "WaitFor";
      readonly reason: EventReason;
      readonly message: string;
      readonly retryAfterMs: number;
      readonly nodeName?: string;
      readonly localKey?: string;
    }
  /** A report about the writer though no node waits. */
  | {
      readonly kind: "Report";
      readonly reason: EventReason;
      readonly message: string;
      readonly retryAfterMs: number;
      readonly nodeName: string;
      readonly localKey: string;
    };

/**
 * Why a fence is due. Only where the node is alive and `stalled` does the controller check whether a
 * workload still uses the volume there. `off`: Azure reports the VM as off.
 */
export type FenceGround = "outOfService" | "stalled" | "off";
