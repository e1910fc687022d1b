import type { NodeIdentity } from "../api/node-identity.ts";
import type { EventReason } from "../events/event-reasons.ts";

/**
 * What to do next with the writer record. Each is carried out by compare-and-swap after a fresh read that
 * still allows it.
 */
export type WriterAction =
  /** `isUserSeen`: caches show who uses the volume there. Otherwise that is asked past them first. */
  | { readonly kind: "Grant"; readonly node: NodeIdentity; readonly isUserSeen: boolean }
  | { readonly kind: "Revoke" }
  /**
   * Another VM has the name of the writer's node: what the record says of its hold may be the word of that
   * VM's token.
   */
  | { readonly kind: "AssumeHeld"; readonly node: NodeIdentity }
  /**
   * The VM of an unverified entry, under its resource id: another VM has its node's name, and that VM's
   * token may remove the entry.
   */
  | { readonly kind: "Distrust"; readonly node: NodeIdentity }
  /** Entries of the node bear no uid, or that of an earlier object of the orchestrator's. */
  | { readonly kind: "BindToNode"; readonly node: NodeIdentity }
  | { readonly kind: "Withdraw"; readonly node: NodeIdentity; readonly because: string }
  /**
   * The want in the attachment, and its role, whether or not its node is the writer: where nobody
   * unpublishes, they would outlive the workload.
   */
  | { readonly kind: "WithdrawRequest"; readonly nodeName: string }
  | { readonly kind: "ReleaseCheck"; readonly node: NodeIdentity }
  | { readonly kind: "Recall"; readonly attachmentName: string }
  | { readonly kind: "EndRecall"; readonly attachmentName: string }
  | {
      readonly kind: "BeginFence";
      readonly node: NodeIdentity;
      readonly ground: FenceGround;
      readonly because: string;
    }
  | { readonly kind: "ConfirmVanished"; readonly node: NodeIdentity }
  /**
   * A holder that nothing tells where its disk is: it can't show that it is clean, and is cut off once
   * Azure does not list the disk on its VM.
   */
  | { readonly kind: "ConfirmDetached"; readonly node: NodeIdentity }
  /** The node of its name is another VM: fenced once Azure says that this one does not run. */
  | { readonly kind: "FenceIfOff"; readonly node: NodeIdentity }
  /**
   * `node`: the writer with the resource id that its node has now. Revoked once Azure shows its `vmId`
   * there.
   */
  | { readonly kind: "RevokeIfMoved"; readonly node: NodeIdentity }
  | { readonly kind: "PlanAgain"; readonly afterMs: number }
  /** A node waits to write. `nodeName`: who it waits for, where that node is told as well. */
  | {
      readonly kind: "WaitFor";
      readonly reason: EventReason;
      readonly message: string;
      readonly retryAfterMs: number;
      readonly nodeName?: string;
      readonly news?: string;
    }
  /** Something to report of the writer though no node waits. */
  | {
      readonly kind: "Tell";
      readonly reason: EventReason;
      readonly message: string;
      readonly retryAfterMs: number;
      readonly nodeName: string;
      readonly news: string;
    };

/** A question to Azure, which is asked by a loop of its own. */
export type CloudCheck = Extract<WriterAction, { kind: (typeof cloudCheckKinds)[number] }>;

/** What is carried out at once: all but the questions to Azure. */
export type RecordAction = Exclude<WriterAction, CloudCheck>;

const cloudCheckKinds = [
  "ConfirmVanished",
  "ConfirmDetached",
  "FenceIfOff",
  "RevokeIfMoved",
] as const satisfies WriterAction["kind"][];

/** Whether an action is a question to Azure. */
export function isCloudCheck(action: WriterAction): action is CloudCheck {
  return cloudCheckKinds.some((kind) => kind === action.kind);
}

/**
 * Why a fence is due. Only where the node is alive and `stalled` is it asked whether a workload still uses
 * the volume there. `off`: Azure says that the VM does not run, and the node of its name is another VM: its
 * want ends with the fence.
 */
export type FenceGround = "outOfService" | "lost" | "stalled" | "off";
