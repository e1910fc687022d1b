import type { SimulatedHandle } from "../../src/adapters/simulated-store/simulated-store.ts";
import type { StepName } from "../../src/ports/steps.ts";

/** A moment in the life of a process: right before or after a step. */
export interface CrashPlan {
  readonly step: StepName;
  /** 1: the next step of that name. */
  readonly nth: number;
  readonly moment: "before" | "after";
}

/** One step that a process has begun. */
export interface TakenStep {
  readonly step: StepName;
  readonly before: Moment;
  /** Absent until it has ended, and for good if its process dies before. */
  readonly after: Moment | undefined;
}

/**
 * When a process may die: equal for two moments only if nothing could distinguish its deaths there. No time
 * passes in between, the world's trace notes nothing, and the process begins no step, whose request would
 * outlive it.
 */
export type Moment = string;

/** A place where one process of the driver runs, is faulted, and is restarted by Kubernetes. */
export interface ProcessSlot {
  /** Such as `controller-1` or `node-a`; the name of its handle of the store and of its caller in Azure. */
  readonly name: string;
  /** Its connection to the object store, with its own weather; the same over restarts. */
  readonly store: SimulatedHandle;
  isRunning(): boolean;
  /**
   * Starts it; does nothing while it runs, or while its machine does not. After `kill` or `stop` the
   * caller starts it again; after a death by itself (`crashAt`, a bug) kubelet restarts it after a
   * back-off.
   */
  start(): void;
  /** SIGKILL: at once, at any point. Its sent requests may still take effect. */
  kill(): void;
  /** SIGTERM, then an orderly end: an upgrade. Resolves when it has ended, for any reason. */
  stop(): Promise<void>;
  /** SIGSTOP and SIGCONT, of the whole pod: due timers fire when it resumes. */
  pause(): void;
  resume(): void;
  isPaused(): boolean;
  /**
   * Sets how far its wall clock is ahead of the world's, in milliseconds; no timer notices. It is the
   * machine's: later processes have it, too.
   */
  setWallClockAhead(ms: number): void;
  /**
   * Kills it right before or right after the n-th step of that name from now on. Returns how to cancel
   * that.
   */
  crashAt(crash: CrashPlan): () => void;
  /** Calls `strike` at that moment instead: a pause then falls between a decision and its effect. */
  strikeAt(moment: CrashPlan, strike: () => void): () => void;
  /** The steps that its processes have begun so far, in order. Bounded: the oldest are dropped. */
  stepsTaken(): readonly TakenStep[];
  /** How often it has died by itself: a planned crash, or a bug. */
  crashes(): number;
}

/** One of the controllers. */
export interface ControllerSlot extends ProcessSlot {
  isLeading(): boolean;
  /** While false, no call of it reaches Azure; one under way may take effect. */
  setAzureReachable(isReachable: boolean): void;
  /** Sets its clock's rate: 1.1 is a tenth too fast. */
  setClockRate(rate: number): void;
}

/** The node plug-in of one node's machine: it starts with the machine. */
export interface NodePluginSlot extends ProcessSlot {
  /**
   * Kills it as `kill` does; `childrenSurvive`: its mount and format commands survive and take effect
   * later.
   */
  killWithCommands(how: { readonly childrenSurvive: boolean }): void;
}
