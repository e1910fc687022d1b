import type { SimulatedHandle } from "../../src/adapters/simulated-store/simulated-store.ts";
import type { StepName } from "../../src/ports/steps.ts";

/** A place where one process of the driver runs, is hurt, and is started again by Kubernetes. */
export interface ProcessSlot {
  /** Such as `controller-1` or `node-a`; the name of its handle of the store and of its caller in Azure. */
  readonly name: string;
  /** Its way to the object store, with a weather of its own; the same over restarts. */
  readonly store: SimulatedHandle;
  isRunning(): boolean;
  /** Starts it, as kubelet does after a back-off; does nothing while it runs, or while its machine does not. */
  start(): void;
  /** SIGKILL: at once, in the middle of whatever it does. What it had asked of others may still happen. */
  kill(): void;
  /** SIGTERM, then it ends in good order: an upgrade. */
  stop(): Promise<void>;
  /** SIGSTOP and SIGCONT: timers that are due fire when it goes on. */
  pause(): void;
  resume(): void;
  /** Kills it right before or right after the n-th step of that name from now on (1: the next one). */
  crashAt(crash: { readonly step: StepName; readonly nth: number; readonly moment: "before" | "after" }): void;
}

/** One of the controllers. */
export interface ControllerSlot extends ProcessSlot {
  isLeading(): boolean;
  /** While false, no call of it reaches Azure; one under way may have its effect. */
  setAzureReachable(isReachable: boolean): void;
  /** Moves its clock's rate: 1.1 is a tenth too fast. */
  setClockRate(rate: number): void;
}

/** The node plug-in of one machine. */
export interface NodePluginSlot extends ProcessSlot {
  /** Kills it as `kill` does; `childrenSurvive`: its mount and format commands live on and take effect later. */
  killWithCommands(how: { readonly childrenSurvive: boolean }): void;
}
