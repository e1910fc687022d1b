export type EventType = "Freeze" | "Reboot" | "Redeploy" | "Preempt" | "Terminate";

/** What is about to happen to a VM, and waits for its guest's approval, but no longer than until a time. */
export interface ScheduledEvent {
  readonly id: string;
  readonly type: EventType;
  readonly source: "Platform" | "User";
  readonly description: string;
  /** Who sees it: `scopeOf` the VM. */
  readonly scope: string;
  /** The VM, by the name that its instance metadata give. */
  readonly vmName: string;
  /** In milliseconds since 1970. */
  readonly notBeforeMs: number;
  /** How long the VM is interrupted, in seconds; -1 if that is not known. */
  readonly durationS: number;
  /** The operation that does it: the event ends with it. */
  readonly operationId: string;
  /** How long that operation takes after the approval. */
  readonly workMs: number;
  readonly isApproved: boolean;
}
