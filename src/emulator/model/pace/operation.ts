import type { ArmFailure } from "../api/errors.ts";
import type { Json } from "../api/json.ts";
import type { Effect, ScriptOutput } from "../run-command/guests-port.ts";

/** Who reports on an operation; part of its URL. `operationresults` are Resource Manager's own. */
type OperationProvider = "operations" | "DiskOperations" | "operationresults";

/** The outcome of an operation: what it reports, and which part took effect. The two may differ. */
export interface OperationOutcome {
  readonly error?: ArmFailure;
  /** The part without effect: everything, or what concerns the disks with these keys. */
  readonly undone: "all" | readonly string[];
  /** What the script has written that it ran. */
  readonly output?: ScriptOutput;
}

/** The work of an operation. The state changes in `end`, at one moment, never before. */
interface OperationWork {
  /**
   * The device work that must be done before `end`. Called when the operation is due; the result stays the
   * same until `end`. Default: none.
   */
  effects?(outcome: OperationOutcome): readonly Effect[];
  end(outcome: OperationOutcome): void;
  /** The final answer of the monitor URL. */
  result?(): Json | undefined;
}

/** How an operation ends; anything but `Succeed` comes from a fault. */
export type OperationEnding =
  | { readonly kind: "Succeed" }
  /** It reports failure, whichever part took effect. */
  | { readonly kind: "Fail"; readonly error: ArmFailure; readonly undone: OperationOutcome["undone"] }
  /** It reports success without effect. */
  | { readonly kind: "Idle" }
  /** It never ends and has no effect. */
  | { readonly kind: "Stuck" }
  /** It takes effect, but reports InProgress for ever. */
  | { readonly kind: "Unreported" };

/** An operation that a caller, or the model itself, begins. */
export interface OperationStart {
  /** The operation's name in Azure's API description, such as `VirtualMachines_Update`. */
  readonly name: string;
  readonly provider: OperationProvider;
  readonly subscriptionId: string;
  readonly location: string;
  readonly resourceId: string;
  readonly delayMs: number;
  /** Disks that it attaches or detaches, for faults that aim at one. */
  readonly diskIds?: readonly string[];
  /** The disk or snapshot whose bytes it copies: that must stay until it ends. */
  readonly copiesFrom?: string;
  /** Why a part of it can't be done: it ends Failed, whatever else it does. */
  readonly refusal?: ArmFailure;
  /** What it asks of its clients: to wait before the first poll, and after one that finds it running. */
  readonly retryAfter?: { readonly firstMs: number; readonly runningMs: number };
  /** Begun by the model, not by a caller; exempt from faults. */
  readonly internal?: boolean;
  /** No answer names its address: a client sees its end at the resource. */
  readonly isUntold?: boolean;
  readonly work: OperationWork;
}

type OperationStatus = "InProgress" | "Succeeded" | "Failed" | "Canceled";

export interface Operation extends OperationStart {
  readonly id: string;
  readonly startedAtMs: number;
  /** The callers whose calls began or joined it; none for operations that begin by themselves. */
  readonly callers: readonly string[];
  /** Infinity: never. */
  readonly dueAtMs: number;
  readonly ending: OperationEnding;
  /** `Settling`: due, while the data plane works; from then on the operation can't be stopped. */
  readonly phase: "Running" | "Settling" | "Ended";
  readonly status: OperationStatus;
  readonly endedAtMs?: number;
  readonly error?: ArmFailure;
  /** What waits for its end. */
  readonly onEnd: readonly ((ended: Operation) => void)[];
}
