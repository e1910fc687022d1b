import type { ArmFailure } from "../api/errors.ts";
import type { Json } from "../api/json.ts";
import type { DataPlaneEffect } from "../data-plane-port.ts";

/** The provider that reports on an operation; part of its URL. */
type OperationProvider = "operations" | "DiskOperations";

/** What came of an operation: what it reports, and what of it really happened; the two need not agree. */
export interface OperationOutcome {
  readonly error?: ArmFailure;
  /** What did not happen: everything, or the parts that concern the disks with these keys. */
  readonly undone: "all" | readonly string[];
}

/** What an operation does. The world changes in `end`, at one moment, never before. */
interface OperationWork {
  /**
   * What must have happened to the devices before `end`. Asked when the operation is due; the answer stays
   * the same until `end`.
   */
  effects(outcome: OperationOutcome): readonly DataPlaneEffect[];
  end(outcome: OperationOutcome): void;
  /** What the monitor URL answers in the end. */
  result?(): Json | undefined;
}

/** How an operation ends; anything but `Succeed` comes from a fault. */
export type OperationEnding =
  | { readonly kind: "Succeed" }
  /** It reports failure, whatever of it happened. */
  | { readonly kind: "Fail"; readonly error: ArmFailure; readonly undone: OperationOutcome["undone"] }
  /** It reports success, and nothing of it happened. */
  | { readonly kind: "Idle" }
  /** Nothing ever happens. */
  | { readonly kind: "Stuck" }
  /** Its effect is there, but it says InProgress for ever. */
  | { readonly kind: "Unreported" };

/** What a caller, or the model itself, begins. */
export interface OperationStart {
  /** The operation's name in Azure's API description, such as `VirtualMachines_Update`. */
  readonly name: string;
  readonly provider: OperationProvider;
  readonly subscriptionId: string;
  readonly location: string;
  /** The resource that it writes. */
  readonly resourceId: string;
  readonly delayMs: number;
  /** Disks that it attaches or detaches, for faults that aim at one. */
  readonly diskIds?: readonly string[];
  /** Ours, not a caller's: no fault touches it. */
  readonly internal?: boolean;
  readonly work: OperationWork;
}

type OperationStatus = "InProgress" | "Succeeded" | "Failed" | "Canceled";

/** One operation from its start to its end. */
export interface Operation extends OperationStart {
  readonly id: string;
  readonly startedAtMs: number;
  /** Whose calls began or joined it; none for what begins by itself. */
  readonly callers: readonly string[];
  /** Infinity: never. */
  readonly dueAtMs: number;
  readonly ending: OperationEnding;
  /** `Settling`: due, the data plane is at work, and nothing can stop it any more. */
  readonly phase: "Running" | "Settling" | "Ended";
  readonly status: OperationStatus;
  readonly endedAtMs?: number;
  readonly error?: ArmFailure;
}
