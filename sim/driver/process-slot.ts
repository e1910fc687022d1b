import type { SimulatedHandle } from "../../src/adapters/simulated-store/simulated-store.ts";
import type { StepName } from "../../src/ports/steps.ts";

/** A moment in the life of a process: right before or after a step. */
export interface CrashPlan {
  readonly step: StepName;
  /** 1: the next step of that name. */
  readonly nth: number;
  readonly moment: "before" | "after";
}

/** A place where one process of the driver runs, is hurt, and is started again by Kubernetes. */
export interface ProcessSlot {
  /** Such as `controller-1` or `node-a`; the name of its handle of the store and of its caller in Azure. */
  readonly name: string;
  /** Its way to the object store, with a weather of its own; the same over restarts. */
  readonly store: SimulatedHandle;
  isRunning(): boolean;
  /**
   * Starts it; does nothing while it runs, or while its machine does not. Who kills or stops it starts it
   * again; one that dies by itself (`crashAt`, a bug) kubelet starts after a back-off.
   */
  start(): void;
  /** SIGKILL: at once, in the middle of whatever it does. What it had asked of others may still happen. */
  kill(): void;
  /** SIGTERM, then it ends in good order: an upgrade. Resolves when it has ended, in whatever way. */
  stop(): Promise<void>;
  /** SIGSTOP and SIGCONT, of the whole pod: timers that are due fire when it goes on. */
  pause(): void;
  resume(): void;
  isPaused(): boolean;
  /**
   * How far its wall clock is ahead of the world's from now on, in milliseconds; no timer notices. Its
   * machine keeps it: processes that come after it have it, too.
   */
  setWallClockAhead(ms: number): void;
  /**
   * Kills it right before or right after the n-th step of that name from now on. Answers how to take that
   * back.
   */
  crashAt(crash: CrashPlan): () => void;
  /**
   * Calls `strike` at that moment instead: whoever makes the process stand still then catches it between
   * what it has decided and what it does.
   */
  strikeAt(moment: CrashPlan, strike: () => void): () => void;
  /** The steps that its processes have begun so far, in order. Bounded: the oldest leave first. */
  stepsTaken(): readonly StepName[];
  /** How often it has died by itself: a planned crash, or a bug. */
  crashes(): number;
}

/** One of the controllers. */
export interface ControllerSlot extends ProcessSlot {
  isLeading(): boolean;
  /** While false, no call of it reaches Azure; one under way may have its effect. */
  setAzureReachable(isReachable: boolean): void;
  /** Moves its clock's rate: 1.1 is a tenth too fast. */
  setClockRate(rate: number): void;
}

/** The node plug-in of one node's machine: it starts with the machine, by itself. */
export interface NodePluginSlot extends ProcessSlot {
  /**
   * Kills it as `kill` does; `childrenSurvive`: its mount and format commands live on and take effect
   * later.
   */
  killWithCommands(how: { readonly childrenSurvive: boolean }): void;
}
