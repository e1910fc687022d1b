import { messageOf } from "../../src/core/failure/message-of.ts";
import type { ProbeVm } from "./probe-vm.ts";

/** Whether Azure did what the driver relies on. */
export type Verdict = "held" | "broken" | "not tried";

/** What an experiment has shown. */
export interface Finding {
  readonly verdict: Verdict;
  /** What was seen, or why it was not tried. */
  readonly detail: string;
}

/** One thing that the driver relies on, and how it is tried. */
export interface Experiment {
  readonly name: string;
  readonly assumption: string;
  /** How long it takes on Azure, in minutes. */
  readonly minutes: number;
  /** How much longer it takes for each round. */
  readonly minutesARound?: number;
  readonly run: (vm: ProbeVm, choices: Choices) => Promise<Finding>;
}

/** One that two VMs share the disk for. */
export interface PairedExperiment extends Omit<Experiment, "run"> {
  readonly runPaired: (pair: Pair, choices: Choices) => Promise<Finding>;
}

/** The VM that writes or reserves, and the other one. */
export interface Pair {
  readonly vm: ProbeVm;
  readonly second: ProbeVm;
}

/** What a person permits beyond updates of the VM. */
export interface Choices {
  /** The VM may be stopped and deallocated, and is started again. */
  readonly mayStop: boolean;
  /** The VM may be reimaged: it loses its OS disk and whatever is on that. */
  readonly mayReimage: boolean;
  /** How often a forced detach is tried in each way. */
  readonly rounds: number;
}

/** A finding of what could not be tried, and why. */
export function untried(detail: string): Finding {
  return { verdict: "not tried", detail };
}

/** What `run` finds; where it fails, that was not tried. Throws only once the probe is being ended. */
export async function foundBy(run: () => Promise<Finding>, signal: AbortSignal): Promise<Finding> {
  try {
    return await run();
  } catch (error) {
    if (signal.aborted) throw error;
    return untried(messageOf(error));
  }
}

/** A finding that holds if `isHeld`. */
export function finding(isHeld: boolean, detail: string): Finding {
  return { verdict: isHeld ? "held" : "broken", detail };
}
